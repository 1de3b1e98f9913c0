using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace GaleraBackup.Host.Tests;

public sealed record Finished(int ExitCode, string Output, string Error);

/// <summary>Starts galera-backup: the real executable, or its engine in this process where only the engine matters.</summary>
internal static class Host
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static string Stub { get; } = Path.Combine(AppContext.BaseDirectory, "Stub", "Stub.psm1");

    public static async Task<Finished> RunHereAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var exitCode = await HostedEngine.RunAsync(args, TextWriter.Synchronized(output), TextWriter.Synchronized(error), TestContext.Current.CancellationToken);
        return new Finished(exitCode, output.ToString(), error.ToString());
    }

    public static async Task<Finished> RunProcessAsync(params string[] args) => await EndAsync(Start(Stub, args));

    /// <summary>With the module that lies beside the executable.</summary>
    public static async Task<Finished> RunWithModuleAsync(params string[] args) => await EndAsync(Start(null, args));

    public static Process Start(string? module, params string[] args)
    {
        var executable = Path.Combine(AppContext.BaseDirectory, "galera-backup");

        // A shell that runs the tests in its background, or nohup, lets them ignore signals, and so would their children.
        var start = OperatingSystem.IsLinux()
            ? new ProcessStartInfo("env", ["--default-signal=INT,HUP,TERM", executable, .. args])
            : new ProcessStartInfo(executable, args);
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.RedirectStandardInput = true;
        start.Environment[HostedEngine.ModuleVariable] = module;
        var process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    public static Process StartStub(params string[] args) => Start(Stub, args);

    public static async Task<Finished> EndAsync(Process process)
    {
        using (process)
        using (var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken))
        {
            patience.CancelAfter(s_patience);
            try
            {
                var output = process.StandardOutput.ReadToEndAsync(patience.Token);
                var error = process.StandardError.ReadToEndAsync(patience.Token);
                await process.WaitForExitAsync(patience.Token);
                return new Finished(process.ExitCode, await output, await error);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                throw new TimeoutException($"galera-backup did not end within {s_patience}.");
            }
        }
    }

    public static async Task SignalAsync(Process process, string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits for a line on standard error or output.</summary>
    public static async Task WaitForLineAsync(StreamReader reader, string line)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(s_patience);
        while (await reader.ReadLineAsync(patience.Token) is { } read)
        {
            if (read.Contains(line, StringComparison.Ordinal))
            {
                return;
            }
        }

        Assert.Fail($"The line '{line}' never came.");
    }

    [ModuleInitializer]
    internal static void UseStub() => Environment.SetEnvironmentVariable(HostedEngine.ModuleVariable, Stub);
}
