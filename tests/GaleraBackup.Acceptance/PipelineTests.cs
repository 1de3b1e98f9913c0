namespace Acceptance;

/// <summary>Pipelines as an operator writes them, each with a step that fails: the run is told before the error, the replica goes back.</summary>
public sealed class PipelineTests(LabFixture fixture) : LabTest(fixture)
{
    private const string UpToTheRunner = "Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru";

    [Theory]
    [InlineData("-ErrorAction Stop")]
    [InlineData("")]
    public async Task A_runner_that_fails_tells_its_run_before_its_error(string action)
    {
        var result = Module.Invoke(
            $"{UpToTheRunner} | Start-BackupRunner -BackupClaim no-such-claim {action} | Set-WsrepDesync Off -PassThru", Cluster);

        var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
        Assert.Equal((Outcome.Failed, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.True(result.HasError("ClaimNotFound"), string.Join("; ", result.Errors));
        Assert.Equal(action.Length > 0, result.Thrown is not null);
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public async Task A_step_of_ones_own_that_throws_behind_the_runner_puts_the_replica_back_and_keeps_the_backup()
    {
        var result = Module.Invoke($"{UpToTheRunner} | Start-BackupRunner @store | ForEach-Object {{ $_; throw 'of its own' }}", Cluster, Store);

        Assert.NotNull(result.Thrown);
        var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.Equal([run.BackupId], Backups());
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public async Task A_step_of_ones_own_that_throws_before_the_runner_puts_the_replica_back()
    {
        var result = Module.Invoke($"{UpToTheRunner} | ForEach-Object {{ throw 'of its own' }} | Start-BackupRunner @store | Set-WsrepDesync Off", Cluster, Store);

        Assert.NotNull(result.Thrown);
        Assert.Empty(result.Output);
        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.Empty(Backups());
    }

    /// <summary>The replica is Synced again and its pod does not get Ready: a late resync does not make the backup bad, and prunes go on.</summary>
    [Fact]
    public async Task An_Off_that_times_out_passes_the_run_on_with_the_truth_about_it()
    {
        Fault? fault = null;
        try
        {
            var breaking = new Action(() => fault = Faults.BreakReadinessAsync(2, Token).GetAwaiter().GetResult());
            var result = Module.Invoke(
                $"{UpToTheRunner} | Start-BackupRunner @store | ForEach-Object {{ $break.Invoke(); $_ }} | Set-WsrepDesync Off -ResyncTimeout 4s -PassThru",
                Cluster, Store, ("break", breaking));

            var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
            Assert.Equal((Outcome.Succeeded, Outcome.TimedOut), (run.Backup, run.Resync));
            Assert.True(result.HasError("ResyncTimedOut"), string.Join("; ", result.Errors));
            Assert.Equal("Synced", await WsrepStateAsync(2));
        }
        finally
        {
            await (fault?.DisposeAsync() ?? ValueTask.CompletedTask);
        }
    }
}
