using System.Globalization;
using System.Text;

namespace GaleraBackup.Lab.Machine;

/// <param name="State">As <c>/proc/PID/stat</c> has it: R, S, T …</param>
/// <param name="StartTime">In clock ticks since the machine booted: field 22 of <c>/proc/PID/stat</c>.</param>
internal sealed record ProcessEntry(int Pid, char State, long StartTime, string[] Arguments);

/// <summary>The machine's processes, as <c>/proc</c> shows them.</summary>
internal static class ProcessTable
{
    /// <summary>All but kernel threads and zombies.</summary>
    public static IEnumerable<ProcessEntry> All()
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && Read(pid) is { Arguments.Length: > 0 } entry)
            {
                yield return entry;
            }
        }
    }

    /// <summary>Null where there is no such process, or only what is left of one.</summary>
    public static ProcessEntry? Read(int pid)
    {
        try
        {
            // The second field is the name in parentheses, and may itself hold both spaces and parentheses.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] is "Z" or "X")
            {
                return null;
            }

            var arguments = Encoding.UTF8.GetString(File.ReadAllBytes($"/proc/{pid}/cmdline"));
            return new ProcessEntry(pid, fields[0][0], long.Parse(fields[19], CultureInfo.InvariantCulture),
                arguments.Length == 0 ? [] : arguments.TrimEnd('\0').Split('\0'));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Whether it is the first process of its namespace of processes.</summary>
    public static bool IsFirst(int pid)
    {
        try
        {
            return File.ReadLines($"/proc/{pid}/status").Any(line => line.StartsWith("NSpid:", StringComparison.Ordinal) && line.EndsWith("\t1", StringComparison.Ordinal));
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <summary>SIGTERM, and SIGKILL after <paramref name="grace"/>; returns when the process is gone.</summary>
    public static async Task EndAsync(int pid, TimeSpan grace, CancellationToken cancellationToken)
    {
        if (Read(pid) is not { } process)
        {
            return;
        }

        Native.Signal(pid, grace > TimeSpan.Zero ? Native.SigTerm : Native.SigKill);
        var killAt = DateTime.UtcNow + grace;
        for (var giveUp = killAt.AddSeconds(20); Read(pid)?.StartTime == process.StartTime;)
        {
            if (DateTime.UtcNow > giveUp)
            {
                throw new LabException($"process {pid} ({string.Join(' ', process.Arguments.Take(3))}) does not end");
            }

            if (DateTime.UtcNow > killAt)
            {
                Native.Signal(pid, Native.SigKill);
            }

            await Task.Delay(20, cancellationToken);
        }
    }
}
