using System.Management.Automation;
using System.Net;

namespace Acceptance;

/// <summary>
/// A cluster that cannot spare a node: what Test-GaleraCluster says of it, with one basic cause for each sick node, and that a backup is
/// refused without touching anything.
/// </summary>
public sealed class SickClusterTests(LabFixture fixture) : LabTest(fixture)
{
    private const string Node2 = "mariadb-server-2";

    [Fact]
    public async Task A_stopped_server_is_unreachable_and_the_next_node_is_taken_if_need_be()
    {
        await using var fault = await Faults.StopServerAsync(2, Token);

        var cluster = await RequireRefusedAsync();

        Assert.Equal(3, cluster.Nodes.Count);
        Assert.Equal("SqlUnreachable", CauseOf(cluster, Node2));
        var selected = Module.Invoke("$report | Select-BackupReplica -AllowUnsafeBackup", ("report", cluster));
        var replica = selected.Single<BackupReplica>();
        Assert.Equal(("mariadb-server-1", true), (replica.Pod, replica.Unsafe));
        Assert.NotEmpty(selected.Warnings);
        var passedOver = replica.Candidates.Single(candidate => candidate.Pod == Node2);
        Assert.False(passedOver.Selected);
        Assert.Contains("does not answer", passedOver.Reason);
    }

    [Fact]
    public async Task A_node_that_is_cut_off_is_not_primary_where_it_can_be_asked()
    {
        await using var fault = await Faults.CutOffAsync(2, Token);

        var asked = await RequireRefusedAsync("-Via PortForward");
        Assert.Equal("NotPrimary", CauseOf(asked, Node2));
        Assert.Null(Assert.Single(asked.Findings, finding => finding.Id == "ClusterSizeDiffers").Pod);

        var unreachable = Inspect("-Via Direct");
        Assert.Equal("SqlUnreachable", CauseOf(unreachable, Node2));

        // Two members still form the cluster. A backup of it is asked for with open eyes, and is no reason to remove an older one.
        var older = AddOlderBackup();
        var result = Module.Invoke("Invoke-GaleraBackup @cluster @store -Via PortForward -AllowUnsafeBackup -KeepLast 1", Cluster, Store);
        var run = result.Single<BackupRun>();
        Assert.Equal(("mariadb-server-1", true, Outcome.Succeeded), (run.Pod, run.Unsafe, run.Backup));
        Assert.Equal((Outcome.Succeeded, Outcome.Skipped), (run.Resync, run.Prune));
        Assert.NotEmpty(result.Warnings);
        Assert.Contains(older, Backups());
        var pruned = Module.Invoke("$run | Remove-OldBackup -KeepLast 1", ("run", run));
        Assert.Empty(pruned.Output);
        Assert.Contains(older, Backups());
    }

    [Fact]
    public async Task Two_primary_components_are_seen_by_their_membership()
    {
        await using var fault = await Faults.SplitAsync(2, Token);

        var cluster = await RequireRefusedAsync("-Via PortForward");

        Assert.Contains(cluster.Findings, finding => finding is { Id: "MembershipDiffers", Pod: null, Severity: FindingSeverity.Error });
        Assert.Contains(cluster.Findings, finding => finding.Id == "ClusterSizeDiffers");
        Assert.DoesNotContain(cluster.Findings, finding => finding.Id == "NotPrimary");
    }

    [Fact]
    public async Task A_pod_that_is_not_ready_is_a_finding_though_its_database_is_well()
    {
        await using var fault = await Faults.BreakReadinessAsync(1, Token);

        var cluster = await RequireRefusedAsync();

        Assert.Equal("PodNotReady", CauseOf(cluster, "mariadb-server-1"));
        Assert.Single(cluster.Findings, finding => finding.Severity == FindingSeverity.Error);
    }

    [Fact]
    public async Task A_member_that_cannot_be_scheduled_is_not_running()
    {
        await using var fault = await Faults.HoldPendingAsync(2, Token);

        var cluster = await RequireRefusedAsync();

        Assert.Equal("PodNotRunning", CauseOf(cluster, Node2));
        Assert.Null(Assert.Single(cluster.Findings, finding => finding.Id == "ClusterSizeDiffers").Pod);
    }

    [Fact]
    public async Task A_member_without_a_pod_is_missing()
    {
        await using var fault = await Faults.RemoveMemberAsync(2, Token);

        var cluster = await RequireRefusedAsync();

        Assert.Equal(2, cluster.Nodes.Count);
        Assert.Null(Assert.Single(cluster.Findings, finding => finding.Id == "ReplicasMissing").Pod);
    }

    [Fact]
    public async Task A_node_that_an_administrator_has_desynced_is_left_alone()
    {
        await using var desync = await ManualDesync.OnAsync(Client, 1, Token);

        var cluster = await RequireRefusedAsync();

        Assert.Equal("NodeNotSynced", CauseOf(cluster, "mariadb-server-1"));
        Assert.Equal("Donor/Desynced", await WsrepStateAsync(1));
        Assert.Equal("Synced", await WsrepStateAsync(2));
    }

    [Fact]
    public async Task A_wrong_password_is_one_finding_for_each_node()
    {
        var wrong = new PSCredential("root", new NetworkCredential("", "not-the-password").SecurePassword);

        var cluster = await RequireRefusedAsync("-Credential $wrong", ("wrong", wrong));

        Assert.All(cluster.Nodes, node => Assert.Equal("SqlAccessDenied", CauseOf(cluster, node.Pod)));
        Assert.Equal(3, cluster.Findings.Count);
    }

    /// <summary>The only error of a node: its most basic cause.</summary>
    private static string CauseOf(GaleraCluster cluster, string pod)
    {
        var errors = cluster.Findings.Where(finding => finding.Pod == pod && finding.Severity == FindingSeverity.Error).ToList();
        Assert.True(errors.Count == 1, $"{pod} has {errors.Count} errors: {string.Join("; ", cluster.Findings)}");
        return errors[0].Id;
    }

    private GaleraCluster Inspect(string more) => Module.Invoke($"Test-GaleraCluster @cluster {more}", Cluster).Single<GaleraCluster>();

    /// <summary>All three at once, since a node that does not answer is waited for in each.</summary>
    private async Task<GaleraCluster> RequireRefusedAsync(string more = "", params (string Name, object Value)[] variables)
    {
        using var second = new HostedModule();
        using var third = new HostedModule();
        using var report = Module.Start($"Test-GaleraCluster @cluster {more}", [Cluster, .. variables]);
        using var quiet = second.Start($"Test-GaleraCluster @cluster -Quiet {more}", [Cluster, .. variables]);
        using var backup = third.Start($"Invoke-GaleraBackup @cluster @store {more}", [Cluster, Store, .. variables]);
        var ended = await Task.WhenAll(Task.Run(report.Wait, Token), Task.Run(quiet.Wait, Token), Task.Run(backup.Wait, Token));

        var cluster = ended[0].Single<GaleraCluster>();
        Assert.False(cluster.IsSafe);
        Assert.False(ended[1].Single<bool>());
        Assert.True(ended[2].HasError("ClusterUnsafe"), string.Join("; ", ended[2].Errors));
        Assert.Empty(ended[2].Output);
        Assert.DoesNotContain(ended[2].Progress, record => record.Activity is "Desynchronising" or "Starting the runner");
        Assert.Empty(Backups());
        return cluster;
    }
}
