using System.Globalization;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// How far a container's log has been read, so that reading it again from its start neither loses nor repeats a line. As long as the
/// log still begins with the same line, lines are counted: standard output and error are not stamped in strict order. Once the kubelet has
/// rotated it, its head is missing and only the time stamps tell; several lines may carry the same one, so those are counted too.
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

    /// <summary>The log is now read from its start.</summary>
    public void Restart() => (_index, _indexOfLast) = (0, 0);

    /// <param name="line">As the API gives it with timestamps=true: <c>2026-07-04T01:00:00.123456789Z text</c>.</param>
    /// <returns>The text without its time stamp, or null if it was taken before.</returns>
    public string? Take(string line)
    {
        var space = line.IndexOf(' ');
        var end = space < 0 ? line.Length : space;
        if (end < 20 || line[10] != 'T' || !DateTimeOffset.TryParse(line.AsSpan(0, end), CultureInfo.InvariantCulture, out var stamp))
        {
            return null; // The kubelet's own words about the stream: they are no part of the log.
        }

        if (_index++ == 0)
        {
            _first ??= stamp;
            _rotated |= stamp != _first;
        }

        if (_rotated ? stamp < _last || (stamp == _last && ++_indexOfLast <= _takenOfLast) : _index <= _taken)
        {
            return null;
        }

        // In the order of the file, not of time: the later of two stamps is the one that a rotated log is compared with.
        _takenOfLast = stamp > _last ? 1 : stamp == _last ? _takenOfLast + 1 : _takenOfLast;
        _last = stamp > _last ? stamp : _last;
        _indexOfLast = _takenOfLast;
        _taken++;
        return space < 0 ? "" : line[(space + 1)..];
    }
}
