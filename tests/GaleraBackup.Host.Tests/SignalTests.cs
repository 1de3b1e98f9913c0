namespace GaleraBackup.Host.Tests;

public sealed class SignalTests
{
    private const string CleaningUp = """
        param($file)
        try {
            [Console]::Error.WriteLine('ready')
            while ($true) { [System.Threading.Thread]::Sleep(20) }
        } finally {
            [System.IO.File]::WriteAllText($file, 'cleaned up')
        }
        """;

    private const string NeverDone = """
        try {
            [Console]::Error.WriteLine('ready')
            while ($true) { [System.Threading.Thread]::Sleep(20) }
        } finally {
            [Console]::Error.WriteLine('cleaning')
            while ($true) { [System.Threading.Thread]::Sleep(20) }
        }
        """;

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    [InlineData("HUP", 129)]
    public async Task A_signal_lets_the_pipeline_clean_up(string signal, int expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals to send.");
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            var process = Host.StartStub("-Command", CleaningUp, file);
            await Host.WaitForLineAsync(process.StandardError, "ready");
            await Host.SignalAsync(process, signal);
            var run = await Host.EndAsync(process);
            Assert.Equal(expected, run.ExitCode);
            Assert.Equal("cleaned up", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Only_the_third_signal_ends_it_before_it_has_cleaned_up()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no such signals to send.");
        var process = Host.StartStub("-Command", NeverDone);
        await Host.WaitForLineAsync(process.StandardError, "ready");
        await Host.SignalAsync(process, "TERM");
        await Host.WaitForLineAsync(process.StandardError, "cleaning");
        await Host.SignalAsync(process, "INT");
        await Host.WaitForLineAsync(process.StandardError, "still cleaning up");
        Assert.False(process.HasExited);
        await Host.SignalAsync(process, "INT");
        Assert.Equal(143, (await Host.EndAsync(process)).ExitCode);
    }

    [Fact]
    public async Task A_cancelled_token_stops_an_embedded_engine()
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var output = new FirstLine();
        using var error = new StringWriter();
        var script = "'begun'; try { while ($true) { [System.Threading.Thread]::Sleep(20) } } finally { $global:x = 1 }";
        var run = HostedEngine.RunAsync(["-Command", script], output, TextWriter.Synchronized(error), stopping.Token);
        Assert.Equal("begun", await output.Written.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));

        await stopping.CancelAsync();
        Assert.Equal(130, await run.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        Assert.Empty(error.ToString());
    }

    [Fact]
    public async Task A_token_cancelled_before_runs_nothing()
    {
        using var output = new StringWriter();
        Assert.Equal(130, await HostedEngine.RunAsync(["-Command", "'begun'"], output, TextWriter.Null, new CancellationToken(true)));
        Assert.Empty(output.ToString());
    }

    private sealed class FirstLine : StringWriter
    {
        private readonly TaskCompletionSource<string?> _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string?> Written => _written.Task;

        public override void WriteLine(string? value) => _written.TrySetResult(value);
    }
}
