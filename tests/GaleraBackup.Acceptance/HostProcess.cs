using System.Diagnostics;

namespace Acceptance;

/// <summary>The executable that a CronJob runs, as a process of its own.</summary>
public static class HostProcess
{
    // A clock that is wrong; timers and time-outs go on by the machine's own.
    private const string FakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

    /// <summary>Starts it with its output redirected.</summary>
    /// <param name="clock">How far its clock is off: <c>+1h</c>; null for the right time.</param>
    /// <param name="arguments">As a user types them.</param>
    public static Process Start(string? clock, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(HostedModule.HostExecutable, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (clock is not null)
        {
            Assert.True(File.Exists(FakeTime), $"{FakeTime} is missing: it is in Debian's package libfaketime, which `up` installs.");
            start.Environment["LD_PRELOAD"] = FakeTime;
            start.Environment["FAKETIME"] = clock;
            start.Environment["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        }

        return Process.Start(start)!;
    }

    /// <summary>Waits for its end, and gives its status and what it said.</summary>
    public static async Task<(int Status, string Output, string Error)> EndAsync(Process process, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        var error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken).WaitAsync(deadline, cancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
