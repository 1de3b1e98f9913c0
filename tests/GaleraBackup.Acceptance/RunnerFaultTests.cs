using k8s;

namespace Acceptance;

/// <summary>
/// What keeps a runner from starting is said before the replica is touched; what ends it later costs the backup, and neither the replica
/// nor the volume.
/// </summary>
public sealed class RunnerFaultTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan CopyDeadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_small_volume_has_not_enough_space()
    {
        await using var volume = await Faults.MakeSmallVolumeAsync(16, Token);

        Refused("NotEnoughSpace", $"Invoke-GaleraBackup @cluster -BackupClaim {volume.Claim}");

        Assert.Empty(Directory.GetFileSystemEntries(volume.Folder));
    }

    [Theory]
    [InlineData("CompressorMissing", $"-CompressorImage {Lab.PlainImage} -Compression Zstd")]
    [InlineData("RunnerImageNotPulled", "-CompressorImage lab.local/no/such:image")]
    public void A_second_container_that_cannot_compress_is_refused(string errorId, string parameters) =>
        Refused(errorId, $"Invoke-GaleraBackup @cluster @store {parameters}");

    [Fact]
    public void A_folder_that_the_databases_user_cannot_write_to_is_refused()
    {
        // It belongs to root, the runner is uid 999.
        File.SetUnixFileMode(BackupRoot, (UnixFileMode)0b111_101_101);

        Refused("BackupPathNotWritable", "Invoke-GaleraBackup @cluster @store");
    }

    [Fact]
    public async Task A_cordoned_node_takes_no_runner_and_the_scheduler_says_why()
    {
        await using var fault = await Faults.CordonAsync(Token);

        var message = Refused("RunnerNotScheduled", "Invoke-GaleraBackup @cluster @store -RunnerStartTimeout 15s");

        Assert.Contains("unschedulable", message);
    }

    [Fact]
    public async Task An_image_that_is_gone_from_the_node_is_said_to_be()
    {
        await using var fault = await Faults.WithholdImageAsync(Token);

        var message = Refused("RunnerImageNotPulled", "Invoke-GaleraBackup @cluster @store");

        Assert.Contains("lab.local/mariadb-galera:10.11", message);
    }

    [Fact]
    public void A_claim_that_is_not_there_is_refused() =>
        Assert.Contains("no-such-claim", Refused("ClaimNotFound", "Invoke-GaleraBackup @cluster -BackupClaim no-such-claim"));

    [Fact]
    public async Task A_killed_mariadb_backup_is_a_failed_backup_and_no_more()
    {
        using var running = Module.Start("Invoke-GaleraBackup @cluster @store", Cluster, Store);
        await Faults.KillBackupToolAsync(CopyDeadline, Token);

        FailedWhileCopying("BackupToolFailed", running.Wait());

        Assert.Empty(Backups());
    }

    /// <summary>Refused before anything was touched. Returns what the user reads.</summary>
    private string Refused(string errorId, string script)
    {
        var result = Module.Invoke(script, Cluster, Store);

        Assert.True(result.HasError(errorId), string.Join("; ", result.Errors));
        Assert.Empty(result.Output);
        Assert.DoesNotContain(result.Progress, record => record.Activity == "Desynchronising");
        Assert.Empty(Backups());
        return result.Errors[0].Exception.Message;
    }

    private static void FailedWhileCopying(string errorId, HostedRun result)
    {
        var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
        Assert.Equal((Outcome.Failed, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune));
        Assert.Equal(errorId, Assert.Single(run.Errors).ErrorId);
        Assert.True(result.HasError(errorId), string.Join("; ", result.Errors));
    }
}
