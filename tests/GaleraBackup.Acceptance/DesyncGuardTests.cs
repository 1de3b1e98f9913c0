namespace Acceptance;

/// <summary>What has changed since the report was made is seen right before wsrep_desync=ON, and OFF undoes only what is ours.</summary>
public sealed class DesyncGuardTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan QueueDeadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Another_node_that_was_desynced_since_the_report_is_one_too_many()
    {
        var replica = Choose();
        await using var desync = await ManualDesync.OnAsync(Client, 1, Token);

        var refused = Module.Invoke("$replica | Set-WsrepDesync On", ("replica", replica));

        Assert.True(refused.HasError("OtherNodeDesynced"), string.Join("; ", refused.Errors));
        Assert.Equal("Synced", await WsrepStateAsync(2));

        // With open eyes it is a warning.
        var allowed = Module.Invoke(
            "Test-GaleraCluster @cluster | Select-BackupReplica -AllowUnsafeBackup | Set-WsrepDesync On -PassThru | Set-WsrepDesync Off", Cluster);
        Assert.Empty(allowed.Errors);
        Assert.Contains(allowed.Warnings, warning => warning.Contains("mariadb-server-1", StringComparison.Ordinal));
        Assert.Equal("Donor/Desynced", await WsrepStateAsync(1));
    }

    [Fact]
    public async Task A_peer_that_was_lost_since_the_report_puts_the_quorum_at_risk()
    {
        var replica = Choose();
        await using var fault = await Faults.CutOffAsync(1, Token);

        var refused = Module.Invoke("$replica | Set-WsrepDesync On", ("replica", replica));

        Assert.True(refused.HasError("QuorumAtRisk"), string.Join("; ", refused.Errors));
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-AllowUnsafeBackup")]
    public async Task A_target_that_an_administrator_desynced_since_the_report_is_never_taken(string allow)
    {
        var replica = Choose(allow);
        await using var desync = await ManualDesync.OnAsync(Client, 2, Token);

        var refused = Module.Invoke("$replica | Set-WsrepDesync On", ("replica", replica));

        Assert.True(refused.HasError("ReplicaAlreadyDesynced"), string.Join("; ", refused.Errors));
        Assert.Equal("Donor/Desynced", await WsrepStateAsync(2));
    }

    [Fact]
    public async Task Off_looks_at_the_server_and_not_at_an_old_report()
    {
        var replica = Choose();
        Assert.False(replica.Node.Wsrep!.Desync);
        await using var desync = await ManualDesync.OnAsync(Client, 2, Token);

        var refused = Module.Invoke("$replica | Set-WsrepDesync Off", ("replica", replica));
        Assert.True(refused.HasError("NotOurDesync"), string.Join("; ", refused.Errors));
        Assert.Equal("Donor/Desynced", await WsrepStateAsync(2));

        var forced = Module.Invoke("$replica | Set-WsrepDesync Off -Force", ("replica", replica));
        Assert.Empty(forced.Errors);
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public async Task A_queue_that_does_not_get_short_keeps_the_replica_desynced_unless_that_is_forced()
    {
        var primary = await DatabaseEndpoint.OfAdminAsync(Client, 0, Token);
        var target = await DatabaseEndpoint.OfAdminAsync(Client, 2, Token);
        await using var writer = await TransactionWriter.StartAsync(primary, seed: 11, transactionsPerSecond: 400, Token);
        var replica = Module.Invoke("Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru", Cluster).Single<BackupReplica>();

        // The node goes on receiving write-sets and applies none while this lock is held.
        await using (var locking = await target.OpenAsync(Token))
        {
            await using var statement = locking.CreateCommand();
            statement.CommandText = "FLUSH TABLES WITH READ LOCK";
            await statement.ExecuteNonQueryAsync(Token);
            await EventuallyAsync("the receive queue is long", async () => await ReceiveQueueAsync(target) > 500, QueueDeadline);

            var late = Module.Invoke("$replica | Set-WsrepDesync Off -DrainTimeout 3s", ("replica", replica));
            Assert.True(late.HasError("DrainTimedOut"), string.Join("; ", late.Errors));
            Assert.Equal("Donor/Desynced", await WsrepStateAsync(2));

            using var forcing = Module.Start("$replica | Set-WsrepDesync Off -DrainTimeout 1s -OnDrainTimeout Force", ("replica", replica));
            await EventuallyAsync("the variable is OFF, or Off has ended", async () => forcing.IsCompleted || !await IsDesyncSetAsync(target));
            statement.CommandText = "UNLOCK TABLES";
            await statement.ExecuteNonQueryAsync(Token);
            var forced = forcing.Wait();
            Assert.Empty(forced.Errors);
        }

        Assert.Equal("Synced", await WsrepStateAsync(2));
        await writer.StopAsync();
    }

    [Fact]
    public async Task An_administrators_desync_of_another_node_during_a_run_stays()
    {
        using var running = Module.Start("Invoke-GaleraBackup @cluster @store", Cluster, Store);
        await EventuallyAsync("mariadb-backup copies", () => Task.FromResult(running.Progress.Any(record => record.Activity == "Copying")));
        await using var desync = await ManualDesync.OnAsync(Client, 1, Token);

        var run = running.Wait().Single<BackupRun>();

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Equal("Donor/Desynced", await WsrepStateAsync(1));
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public async Task A_readiness_that_ignores_the_desync_is_found_and_can_be_forbidden()
    {
        await using var fault = await Faults.IgnoreDesyncInReadinessAsync(2, Token);

        var result = Module.Invoke("Invoke-GaleraBackup @cluster @store", Cluster, Store);
        var run = result.Single<BackupRun>();
        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.Equal("ReadinessIgnoresDesync", Assert.Single(run.Findings).Id);
        Assert.Contains(result.Warnings, warning => warning.Contains("ReadinessIgnoresDesync", StringComparison.Ordinal));

        var strict = Module.Invoke("Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -RequireNotReady", Cluster);
        Assert.True(strict.HasError("ReadinessIgnoresDesync"), string.Join("; ", strict.Errors));
        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.Equal([run.BackupId], Backups());
    }

    private static async Task<int> ReceiveQueueAsync(DatabaseEndpoint node)
    {
        var rows = await node.QueryAsync(
            "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='wsrep_local_recv_queue'", Token);
        return int.Parse(rows[0][0]!);
    }

    private static async Task<bool> IsDesyncSetAsync(DatabaseEndpoint node) => (await node.QueryAsync("SELECT @@GLOBAL.wsrep_desync", Token))[0][0] == "1";

    private BackupReplica Choose(string more = "") =>
        Module.Invoke($"Test-GaleraCluster @cluster | Select-BackupReplica {more}", Cluster).Single<BackupReplica>();
}
