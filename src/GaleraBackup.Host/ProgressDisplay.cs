using System.Management.Automation;
using System.Text;

namespace GaleraBackup.Host;

/// <summary>
/// Progress on standard error. On a terminal one line that is redrawn; elsewhere (a job's log) a line for each new phase, and one
/// every ten seconds within it.
/// </summary>
internal sealed class ProgressDisplay(Terminal terminal, Action<ProgressRecord> log, TimeProvider time)
{
    private const string ClearLine = "\r\u001b[K";
    private static readonly TimeSpan s_redrawInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_logInterval = TimeSpan.FromSeconds(10);

    private long? _shownAt;
    private string? _activity;
    private bool _drawn;

    public void Show(ProgressRecord record)
    {
        if (record.RecordType == ProgressRecordType.Completed)
        {
            Clear();
            return;
        }

        var newPhase = record.Activity != _activity;
        var interval = terminal.IsTerminal ? s_redrawInterval : s_logInterval;
        if (!newPhase && _shownAt is { } shownAt && time.GetElapsedTime(shownAt) < interval)
        {
            return;
        }

        _activity = record.Activity;
        _shownAt = time.GetTimestamp();
        if (terminal.IsTerminal)
        {
            var text = Describe(record);
            var width = terminal.Width() - 1;
            terminal.Writer.Write(ClearLine + (text.Length > width ? text[..width] : text));
            _drawn = true;
        }
        else
        {
            log(record);
        }
    }

    /// <summary>Makes room for a line of something else.</summary>
    public void Clear()
    {
        if (_drawn)
        {
            terminal.Writer.Write(ClearLine);
            _drawn = false;
            _shownAt = null;
        }
    }

    public static string Describe(ProgressRecord record)
    {
        var text = new StringBuilder(record.Activity);
        if (!string.IsNullOrWhiteSpace(record.StatusDescription))
        {
            text.Append(": ").Append(record.StatusDescription);
        }

        if (!string.IsNullOrWhiteSpace(record.CurrentOperation))
        {
            text.Append(", ").Append(record.CurrentOperation);
        }

        if (record.PercentComplete >= 0)
        {
            text.Append(" (").Append(record.PercentComplete).Append("%)");
        }

        if (record.SecondsRemaining >= 0)
        {
            text.Append(", ").Append(TimeSpan.FromSeconds(record.SecondsRemaining).ToString("c")).Append(" left");
        }

        return text.Replace('\n', ' ').Replace('\r', ' ').ToString();
    }
}
