using GaleraBackup.Policy;

namespace Acceptance;

/// <summary>The workflow's two phases, as an operator runs them.</summary>
public sealed class GoodPathTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan RestoreDeadline = TimeSpan.FromMinutes(5);

    [Fact]
    public void A_whole_cluster_is_safe_and_has_no_findings()
    {
        var cluster = Module.Invoke("Test-GaleraCluster @cluster", Cluster, Store).Single<GaleraCluster>();

        Assert.Empty(cluster.Findings);
        Assert.True(cluster.IsSafe);
        Assert.Equal("mariadb-server", cluster.StatefulSet);
        Assert.Equal(["mariadb-server-0", "mariadb-server-1", "mariadb-server-2"], cluster.Nodes.Select(node => node.Pod));
        Assert.All(cluster.Nodes, node => Assert.Equal("Synced", node.WsrepState));
        Assert.True(Module.Invoke("Test-GaleraCluster @cluster -Quiet", Cluster, Store).Single<bool>());
    }

    [Theory]
    [InlineData("Direct")]
    [InlineData("PortForward")]
    public void The_highest_member_is_found_over_either_route(string route)
    {
        var replica = Module.Invoke($"Test-GaleraCluster @cluster -Via {route} | Select-BackupReplica", Cluster, Store).Single<BackupReplica>();

        Assert.Equal("mariadb-server-2", replica.Pod);
        Assert.Equal("mysql-data-mariadb-server-2", replica.Node.Layout!.DataClaim);
        Assert.Equal(Lab.Node, replica.KubernetesNode);
    }

    /// <summary>The claim that all stands on: exactly the write-sets up to the backup's seqno are inside.</summary>
    [Fact]
    public async Task A_backup_under_writes_restores_to_exactly_its_seqno()
    {
        var primary = await DatabaseEndpoint.OfAdminAsync(Client, ordinal: 0, Token);
        await using var writer = await TransactionWriter.StartAsync(primary, seed: 7, transactionsPerSecond: 200, Token);
        await writer.WaitForRowsAsync(50, Token);

        var run = Module.Invoke("Invoke-GaleraBackup @cluster @store", Cluster, Store).Single<BackupRun>();
        var committedSoFar = writer.Rows.Count;
        await writer.WaitForRowsAsync(committedSoFar + 50, Token);
        await writer.StopAsync();

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune));
        Assert.Equal(writer.ClusterUuid, run.ClusterUuid);
        var seqno = Assert.NotNull(run.Seqno);
        var began = run.Replica.Desync!.DesyncedAt.UtcDateTime;
        var window = writer.Rows.Where(row => row.CommittedAt > began && row.CommittedAt < began + run.DesyncedDuration).ToList();
        Assert.Contains(window, row => row.Seqno <= seqno);
        Assert.Contains(writer.Rows, row => row.Seqno > seqno);

        await using var restored = await ThrowawayServer.StartAsync(Client, PathOnClaim(run, StreamOf(run)), RestoreDeadline, Token);
        Assert.Equal(new GaleraPosition(writer.ClusterUuid, seqno), await restored.GaleraInfoAsync(Token));
        var ids = (await restored.QueryAsync("SELECT id FROM lab_writer.rows ORDER BY id", Token)).Select(row => long.Parse(row[0]!)).ToList();
        var first = writer.Rows[0].Id;
        Assert.Equal(writer.Rows.Where(row => row.Seqno <= seqno).Select(row => row.Id), ids.Where(id => id >= first));
        var payloads = await restored.QueryAsync($"SELECT id, HEX(payload) FROM lab_writer.rows WHERE id >= {first}", Token);
        Assert.All(payloads, row => Assert.Equal(Convert.ToHexString(TransactionWriter.PayloadOf(7, long.Parse(row[0]!))), row[1]));

        var loaded = (await DataChecksum.OfAllTablesAsync(primary, Token)).Where(table => table.Key.Contains("lab_load")).ToList();
        var copies = await DataChecksum.OfAllTablesAsync(restored, Token);
        Assert.NotEmpty(loaded);
        Assert.All(loaded, table => Assert.Equal(table.Value, copies[table.Key]));
    }

    [Fact]
    public void The_backup_has_the_vendors_layout_and_the_run_tells_its_size()
    {
        var result = Module.Invoke("Invoke-GaleraBackup @cluster @store -Compression Gzip -Verbose", Cluster, Store);
        var run = result.Single<BackupRun>();

        var folder = Path.Combine(BackupRoot, run.BackupId);
        Assert.Matches(@"\Abase/\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}\z", run.BackupId);
        Assert.Superset(
            new HashSet<string> { "backup.stream.gz", "xtrabackup_checkpoints", "xtrabackup_info", "grastate.dat", "backup.successful", "manifest.json" },
            Directory.GetFiles(folder).Select(Path.GetFileName).ToHashSet()!);
        Assert.Equal(new DirectoryInfo(folder).EnumerateFiles().Where(file => file.Name != BackupManifest.FileName).Sum(file => file.Length), run.StoredBytes);
        Assert.InRange(run.StreamedBytes!.Value, run.StoredBytes!.Value, long.MaxValue);
        Assert.StartsWith("10.11", run.ServerVersion);
        Assert.Contains(run.Log, line => line.EndsWith("completed OK!", StringComparison.Ordinal));

        // Progress is the runner's own count, not a clock.
        var copying = result.Progress.Where(record => record.Activity == "Copying" && record.PercentComplete is > 0 and < 100).ToList();
        Assert.NotEmpty(copying);
        Assert.Equal(copying.Select(record => record.PercentComplete).Order(), copying.Select(record => record.PercentComplete));
    }

    [Fact]
    public async Task A_desynced_replica_is_out_of_its_services_until_it_is_put_back()
    {
        var replica = Module
            .Invoke("Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru", Cluster, Store).Single<BackupReplica>();

        Assert.Equal("Donor/Desynced", await WsrepStateAsync(2));
        var pod = await ReadTargetAsync();
        Assert.False(IsReady(pod));
        Assert.NotEqual("primary", pod.Metadata.Labels.TryGetValue("mariadb_role", out var role) ? role : null);
        Assert.False(await IsInServiceAsync("mariadb"));
        Assert.False(await IsInServiceAsync("mariadb-primary"));

        var back = Module.Invoke("$replica | Set-WsrepDesync Off -PassThru", ("replica", replica)).Single<BackupReplica>();
        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.True(IsReady(await ReadTargetAsync()));
        Assert.NotNull(back.Desync!.ReadyAt);
    }

    [Fact]
    public void The_steps_compose_in_a_pipeline_that_prunes_at_its_end()
    {
        const string pipeline = """
            Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru | Start-BackupRunner @store |
                Set-WsrepDesync Off -PassThru | ForEach-Object { $run = $_; $_ } | Remove-OldBackup -KeepLast 1
            $run
            """;
        var older = AddOlderBackup();

        var result = Module.Invoke(pipeline, Cluster, Store);

        Assert.Empty(result.Errors);
        var run = Assert.IsType<BackupRun>(result.Output[^1]);
        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Contains(older, result.Output.OfType<RetentionDecision>().Select(decision => decision.BackupId));
        Assert.Equal([run.BackupId], Backups());
    }

    [Fact]
    public void Invoke_prunes_after_the_new_backup_is_good()
    {
        var oldest = AddOlderBackup(2019);
        var older = AddOlderBackup(2020);

        var run = Module.Invoke("Invoke-GaleraBackup @cluster @store -KeepLast 2", Cluster, Store).Single<BackupRun>();

        Assert.Equal(Outcome.Succeeded, run.Prune);
        Assert.Equal([oldest], run.Removed.Select(backup => backup.BackupId));
        Assert.Equal([older, run.BackupId], Backups());
    }

    [Fact]
    public void WhatIf_shows_the_plan_and_touches_nothing()
    {
        var before = Backups();

        var result = Module.Invoke("Invoke-GaleraBackup @cluster @store -WhatIf", Cluster, Store);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Output);
        Assert.Equal(before, Backups());
    }
}
