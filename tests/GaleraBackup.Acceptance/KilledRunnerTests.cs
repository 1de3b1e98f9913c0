using System.Security.Cryptography;

namespace Acceptance;

/// <summary>
/// A pod of the module's that dies by SIGKILL: no half backup is ever listed, no good one is lost, the replica is put back, and the next run works
/// and cleans up. (At every single step of the scripts: Core.Tests, KilledScriptTests.)
/// </summary>
public sealed class KilledRunnerTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan MomentDeadline = TimeSpan.FromSeconds(90);

    private string Partial => Path.Combine(BackupRoot, ".partial");

    [Fact]
    public async Task A_runner_that_is_killed_costs_its_own_backup_and_no_more()
    {
        var good = Module.Invoke("Invoke-GaleraBackup @cluster @store", Cluster, Store).Single<BackupRun>();
        var hashes = Hashes(good.BackupId);

        // What the one before has left has no bytes, and then no manifest.
        foreach (var moment in (Func<bool>[])[() => IsThere("mariabackup.log", 0), () => IsThere("backup.stream.zst", 1 << 20), () => IsThere("manifest.json", 0)])
        {
            using var running = Module.Start("Invoke-GaleraBackup @cluster @store -BackupType Full", Cluster, Store);
            await Faults.KillModulesPodAsync(moment, MomentDeadline, Token);
            var result = running.Wait();

            Assert.True(result.HasError("RunnerFailed"), string.Join("; ", result.Errors));
            Assert.Contains("exit status 137", Assert.Single(result.Errors).Exception.Message);
            Assert.All(result.Output.Cast<BackupRun>(), run => Assert.Equal((Outcome.Failed, Outcome.Succeeded), (run.Backup, run.Resync)));
            await RequireNothingLeftAsync();
            Assert.Equal([good.BackupId], Complete());
            Assert.Equal(hashes, Hashes(good.BackupId));
            Assert.NotEmpty(Directory.GetDirectories(Partial));
        }

        var next = Module.Invoke("Invoke-GaleraBackup @cluster @store -BackupType Full", Cluster, Store).Single<BackupRun>();

        Assert.Equal([good.BackupId, next.BackupId], Complete());
        Assert.Equal(hashes, Hashes(good.BackupId));
        Assert.Empty(Directory.GetFileSystemEntries(Partial));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(BackupRoot, ".locks")));

        bool IsThere(string name, long bytes) =>
            Directory.Exists(Partial) && new DirectoryInfo(Partial).EnumerateFiles(name, SearchOption.AllDirectories).Any(file => file.Length >= bytes);
    }

    [Fact]
    public async Task A_pruning_that_is_killed_is_said_to_have_failed_and_the_next_run_finishes_it()
    {
        var oldest = AddOlderBackup(2019);
        var older = AddOlderBackup(2020);
        foreach (var number in Enumerable.Range(0, 5_000))
        {
            await File.WriteAllTextAsync(Path.Combine(BackupRoot, oldest, $"file-{number}"), "", Token);
        }

        using var running = Module.Start("Invoke-GaleraBackup @cluster @store -KeepLast 2", Cluster, Store);
        await Faults.KillModulesPodAsync(() => Directory.Exists(Partial) && Directory.GetDirectories(Partial, "removed_*").Length > 0, MomentDeadline, Token);
        var result = running.Wait();

        var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded, Outcome.Failed), (run.Backup, run.Resync, run.Prune));
        Assert.Equal("StoreFailed", Assert.Single(run.Errors).ErrorId);
        await RequireNothingLeftAsync();
        Assert.Equal([older, run.BackupId], Complete());
        Assert.NotEmpty(Directory.GetDirectories(Partial));

        var next = Module.Invoke("Invoke-GaleraBackup @cluster @store -BackupType Full -KeepLast 3", Cluster, Store).Single<BackupRun>();

        Assert.Equal([older, run.BackupId, next.BackupId], Complete());
        Assert.Empty(Directory.GetFileSystemEntries(Partial));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(BackupRoot, ".locks")));
    }

    private async Task RequireNothingLeftAsync()
    {
        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.True(IsReady(await ReadTargetAsync()));
        Assert.Empty(await Remains.InClusterAsync(Client));
    }

    /// <summary>What the catalogue has, none of which may be anything but complete.</summary>
    private IEnumerable<string> Complete()
    {
        var catalogue = Module.Invoke("Get-GaleraBackup -Path $path", ("path", BackupRoot)).Output.Cast<BackupSet>().ToList();
        Assert.All(catalogue, backup => Assert.Equal(BackupState.Complete, backup.State));
        return catalogue.Select(backup => backup.BackupId);
    }

    private Dictionary<string, string> Hashes(string id) => Directory.EnumerateFiles(Path.Combine(BackupRoot, id))
        .ToDictionary(path => path, path => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
}
