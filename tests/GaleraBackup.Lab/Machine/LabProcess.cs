using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace GaleraBackup.Lab.Machine;

/// <summary>
/// A long-running process of the lab. It outlives the command that started it, and is known by its pid, the time it started and its
/// arguments, so that a number which the kernel has given to another process since is never mistaken for it.
/// </summary>
internal sealed class LabProcess(LabPaths paths, string name, string program, IReadOnlyList<string> arguments)
{
    private string PidFile => Path.Combine(paths.Run, $"{name}.pid");

    public string Name => name;

    public string LogFile => Path.Combine(paths.Logs, $"{name}.log");

    /// <summary>The arguments it is started with; the state folder stands in one of them.</summary>
    public IReadOnlyList<string> Arguments => arguments;

    /// <summary>Without the caller's environment, but for what is given here and a path.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Its pid, or null where it does not run.</summary>
    public int? Pid
    {
        get
        {
            if (File.Exists(PidFile)
                && File.ReadAllText(PidFile).Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var pid, var started]
                && int.TryParse(pid, CultureInfo.InvariantCulture, out var recorded)
                && ProcessTable.Read(recorded) is { } process
                && process.StartTime.ToString(CultureInfo.InvariantCulture) == started.Trim()
                && IsThis(process))
            {
                return recorded;
            }

            // A crash between the start and the pid file, or a state folder that was cleared by hand.
            return ProcessTable.All().FirstOrDefault(IsThis)?.Pid;
        }
    }

    /// <summary>Whether it is the very program, with the very arguments, that would be started now.</summary>
    public bool IsCurrent =>
        Pid is { } pid && ProcessTable.Read(pid) is { } process && process.Arguments.SequenceEqual([program, .. arguments]);

    /// <summary>Starts it where it does not run, and restarts it where it runs with other arguments. True where it was started.</summary>
    public async Task<bool> EnsureStartedAsync(CancellationToken cancellationToken)
    {
        if (Pid is not null)
        {
            if (IsCurrent)
            {
                return false;
            }

            await StopAsync(TimeSpan.FromSeconds(15), cancellationToken);
        }

        Directory.CreateDirectory(paths.Run);
        Directory.CreateDirectory(paths.Logs);
        // A session of its own: neither Ctrl+C in the terminal nor the end of the command reaches it.
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = paths.Run };
        // Nor does it keep what the command was started with: a lock (flock) would be held for as long as the lab is up.
        const string Script = """log=$1; shift; exec setsid "$@" >> "$log" 2>&1 < /dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-""";
        foreach (var argument in (string[])["-c", Script, "sh", LogFile, program, .. arguments])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Clear();
        start.Environment["PATH"] = Tool.SearchPath;
        start.Environment["HOME"] = paths.Run;
        foreach (var (variable, value) in Environment)
        {
            start.Environment[variable] = value;
        }

        using var process = Process.Start(start)!;
        // sh becomes setsid, which becomes the program: the pid stays.
        for (var deadline = DateTime.UtcNow.AddSeconds(10); ;)
        {
            if (ProcessTable.Read(process.Id) is not { } entry)
            {
                throw new LabException($"{name} did not start; {LogFile} ends with:\n{LogTail()}");
            }

            if (IsThis(entry))
            {
                var temporary = PidFile + ".new";
                await File.WriteAllTextAsync(temporary, $"{entry.Pid} {entry.StartTime}", cancellationToken);
                File.Move(temporary, PidFile, overwrite: true);
                return true;
            }

            if (DateTime.UtcNow > deadline)
            {
                throw new LabException($"{name} did not start within 10 s");
            }

            await Task.Delay(5, cancellationToken);
        }
    }

    /// <summary>Asks it to end, and kills it where it has not after <paramref name="grace"/>. True where it ran.</summary>
    public async Task<bool> StopAsync(TimeSpan grace, CancellationToken cancellationToken)
    {
        if (Pid is not { } pid)
        {
            File.Delete(PidFile);
            return false;
        }

        await ProcessTable.EndAsync(pid, grace, cancellationToken);
        File.Delete(PidFile);
        return true;
    }

    /// <summary>The log's last lines.</summary>
    public string LogTail(int lines = 15)
    {
        if (!File.Exists(LogFile))
        {
            return "  (nothing)";
        }

        using var stream = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        stream.Seek(-Math.Min(stream.Length, 16 * 1024), SeekOrigin.End);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return "  " + string.Join("\n  ", reader.ReadToEnd().TrimEnd().Split('\n').TakeLast(lines));
    }

    // Every process of the lab is told a path in the lab's state folder, and no other process has reason to be.
    private bool IsThis(ProcessEntry process) =>
        process.Arguments is [var started, .. var rest]
        && Path.GetFileName(started) == Path.GetFileName(program)
        && (rest.Length == 0 || arguments.Count == 0 || rest[0].Split('=')[0] == arguments[0].Split('=')[0])
        && rest.Any(argument => argument.Contains(paths.State + "/", StringComparison.Ordinal));
}
