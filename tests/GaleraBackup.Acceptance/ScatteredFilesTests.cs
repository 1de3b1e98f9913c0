namespace Acceptance;

/// <summary>A server that keeps its redo log, undo tablespaces and binary log on claims of their own, and all of it encrypted.</summary>
public sealed class ScatteredFilesTests(LabFixture fixture) : LabTest(fixture)
{
    [Fact]
    public async Task Files_outside_the_data_directory_and_their_key_reach_the_runner()
    {
        await using var database = await SingleNodeDatabase.StartAsync(Lab, Client, Token);
        var cluster = new System.Collections.Hashtable { ["KubeConfig"] = Lab.KubeConfig, ["Namespace"] = SingleNodeDatabase.Namespace };

        var alone = Module.Invoke("Test-GaleraCluster @single", ("single", cluster)).Single<GaleraCluster>();
        Assert.Equal("NoOtherNode", Assert.Single(alone.Findings, finding => finding.Severity == FindingSeverity.Error).Id);
        var result = Module.Invoke(
            "Invoke-GaleraBackup @single -BackupClaim $claim -AllowUnsafeBackup", ("single", cluster), ("claim", SingleNodeDatabase.BackupClaim));

        var run = result.Single<BackupRun>();
        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.NotNull(run.Seqno);
        Assert.True(File.Exists(Path.Combine(database.Folder, SingleNodeDatabase.BackupClaim, run.BackupId, "backup.successful")));
    }
}
