using System.Management.Automation;

namespace Acceptance;

/// <summary>Whatever ends a run that this process survives, the replica goes back and nothing half is left. What must hold is checked by LabTest.</summary>
public sealed class WaysOutTests(LabFixture fixture) : LabTest(fixture)
{
    [Fact]
    public async Task Ctrl_C_while_copying_puts_the_replica_back()
    {
        using var running = Module.Start("Invoke-GaleraBackup @cluster @store", Cluster, Store);
        await EventuallyAsync("mariadb-backup copies", () => Task.FromResult(running.Progress.Any(record => record.Activity == "Copying")));
        Assert.Equal("Donor/Desynced", await WsrepStateAsync(2));

        running.Stop();

        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.Empty(Backups());
    }

    [Fact]
    public async Task A_step_that_fails_behind_On_puts_the_replica_back()
    {
        var result = Module.Invoke(
            "Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru | ForEach-Object { throw 'of its own' }", Cluster);

        Assert.NotNull(result.Thrown);
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public void A_runner_that_fails_still_reaches_Off_with_the_truth_about_it()
    {
        var result = Module.Invoke(
            """
            Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru |
                Start-BackupRunner -BackupClaim no-such-claim -ErrorAction SilentlyContinue | Set-WsrepDesync Off -PassThru
            """,
            Cluster);

        var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
        Assert.Equal((Outcome.Failed, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Equal("ClaimNotFound", Assert.Single(run.Errors).ErrorId);
    }

    [Fact]
    public async Task Too_little_space_is_refused_before_the_replica_is_touched_and_what_could_be_freed_is_told()
    {
        var old = AddOlderBackup(2019);
        var kept = AddOlderBackup(2020);
        using var running = Module.Start("Invoke-GaleraBackup @cluster @store -RequiredSpaceRatio 1000 -KeepLast 1", Cluster, Store);
        var result = running.Wait();

        Assert.True(result.HasError("NotEnoughSpace"), string.Join("; ", result.Errors));
        Assert.Contains($" now: {old}.", result.Errors[0].ErrorDetails.RecommendedAction, StringComparison.Ordinal);
        Assert.DoesNotContain(result.Progress, record => record.Activity == "Desynchronising");
        Assert.Equal([old, kept], Backups());
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public void A_second_run_is_refused_with_who_holds_the_lease()
    {
        using var other = new HostedModule();
        var held = other.Invoke("Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On -PassThru", Cluster).Single<BackupReplica>();
        try
        {
            // The desynced node is unsafe too, so the lease is only reached with leave.
            var result = Module.Invoke("Invoke-GaleraBackup @cluster @store -AllowUnsafeBackup -WarningAction SilentlyContinue", Cluster, Store);

            Assert.True(result.HasError("LeaseHeld"), string.Join("; ", result.Errors));
            Assert.Contains(held.Desync!.RunId, result.Errors[0].Exception.Message);
        }
        finally
        {
            other.Invoke("$replica | Set-WsrepDesync Off", ("replica", held));
        }
    }

    [Fact]
    public async Task A_desync_by_somebody_else_is_refused_and_left_alone()
    {
        var endpoint = await DatabaseEndpoint.OfAdminAsync(Client, ordinal: 2, Token);
        await endpoint.QueryAsync("SET GLOBAL wsrep_desync=ON", Token);
        try
        {
            var refused = Module.Invoke("Invoke-GaleraBackup @cluster @store", Cluster, Store);
            Assert.True(refused.HasError("ClusterUnsafe"), string.Join("; ", refused.Errors));

            var unsafeRun = Module.Invoke("Invoke-GaleraBackup @cluster @store -AllowUnsafeBackup", Cluster, Store);
            Assert.True(unsafeRun.HasError("ReplicaAlreadyDesynced"), string.Join("; ", unsafeRun.Errors));

            var off = Module.Invoke("Set-WsrepDesync Off @cluster -Pod mariadb-server-2", Cluster);
            Assert.True(off.HasError("NotOurDesync"), string.Join("; ", off.Errors));
            Assert.Equal("Donor/Desynced", await WsrepStateAsync(2));
        }
        finally
        {
            Module.Invoke("Set-WsrepDesync Off @cluster -Pod mariadb-server-2 -Force", Cluster);
        }

        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public void Removing_the_module_puts_back_what_was_left_desynced()
    {
        Module.Invoke("Test-GaleraCluster @cluster | Select-BackupReplica | Set-WsrepDesync On", Cluster);

        var result = Module.Invoke("Remove-Module GaleraBackup");

        Assert.Empty(result.Errors);
    }

    [Theory]
    [InlineData("$replica | Set-WsrepDesync On; $replica | Set-WsrepDesync Off")]
    [InlineData("Set-WsrepDesync On @cluster -Pod mariadb-server-2; Set-WsrepDesync Off @cluster -Pod mariadb-server-2")]
    public async Task Off_finds_this_sessions_desync_from_whatever_it_is_given(string script)
    {
        var replica = Module.Invoke("Test-GaleraCluster @cluster | Select-BackupReplica", Cluster).Single<BackupReplica>();

        var result = Module.Invoke(script, Cluster, ("replica", replica));

        Assert.Empty(result.Errors);
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public void A_wrong_password_is_a_finding_and_no_crash()
    {
        var wrong = new PSCredential("root", ToSecure("not-the-password"));

        var cluster = Module.Invoke("Test-GaleraCluster @cluster -Credential $wrong", Cluster, ("wrong", wrong)).Single<GaleraCluster>();

        Assert.False(cluster.IsSafe);
        Assert.Equal(3, cluster.Findings.Count(finding => finding.Id == "SqlAccessDenied"));
    }

    private static System.Security.SecureString ToSecure(string text)
    {
        var secure = new System.Security.SecureString();
        foreach (var character in text)
        {
            secure.AppendChar(character);
        }

        return secure;
    }
}
