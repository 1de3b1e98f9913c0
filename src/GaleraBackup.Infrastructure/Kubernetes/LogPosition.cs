using System.Globalization;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// How far a container's log has been read, so that reading it again from its start neither loses nor repeats a line. As long as the
/// log still begins with the same line, lines are counted. Once the kubelet has rotated it, its head is missing and only the time
/// stamps tell: several lines may carry the same one, so those are counted too.
/// </summary>
internal sealed class LogPosition
{
    private DateTimeOffset? _first;
    private DateTimeOffset _last = DateTimeOffset.MinValue;
    private bool _rotated;
    private long _taken;
    private int _takenOfLast;

    private long _index;
    private int _indexOfLast;
    private bool _previousWasNew;

    /// <summary>The log is now read from its start.</summary>
    public void Restart() => (_index, _indexOfLast, _previousWasNew) = (0, 0, false);

    /// <param name="line">As the API gives it with timestamps=true: <c>2026-07-04T01:00:00.123456789Z text</c>.</param>
    /// <returns>The text without its time stamp, or null if it was taken before.</returns>
    public string? Take(string line)
    {
        var space = line.IndexOf(' ');
        var end = space < 0 ? line.Length : space;

        // A carriage return splits a line for the reader; its rest has no time stamp and belongs to what went before.
        var isWhole = DateTimeOffset.TryParse(
            line.AsSpan(0, end), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var stamp);
        if (_index++ == 0 && isWhole)
        {
            _first ??= stamp;
            _rotated |= stamp != _first;
        }

        _previousWasNew = IsNew(isWhole ? stamp : null);
        if (!_previousWasNew)
        {
            return null;
        }

        if (isWhole)
        {
            _takenOfLast = stamp == _last ? _takenOfLast + 1 : 1;
            _last = stamp;
        }

        _taken = Math.Max(_taken, _index);
        return isWhole ? line[Math.Min(end + 1, line.Length)..] : line;
    }

    private bool IsNew(DateTimeOffset? stamp)
    {
        if (!_rotated)
        {
            return _index > _taken;
        }

        return stamp is null
            ? _previousWasNew
            : stamp > _last || (stamp == _last && ++_indexOfLast > _takenOfLast);
    }
}
