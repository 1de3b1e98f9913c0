using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

/// <summary>The last look before a replica is desynced.</summary>
public sealed class DesyncGuardTests
{
    public static TheoryData<string, Func<GaleraNode[], GaleraNode[]>> Changes => new()
    {
        { "ReplicaAlreadyDesynced", nodes => Change(nodes, 2, wsrep => wsrep with { Desync = true, DesyncCount = 1, LocalState = 2 }) },
        { "ReplicaNotSynced", nodes => Change(nodes, 2, wsrep => wsrep with { LocalState = 3, LocalStateComment = "Joined" }) },
        { "OtherNodeDesynced", nodes => Change(nodes, 0, wsrep => wsrep with { Desync = true, LocalState = 2 }) },
        { "OtherNodeDesynced", nodes => Change(nodes, 1, wsrep => wsrep with { LocalState = 2 }) },
        { "QuorumAtRisk", nodes => [nodes[0], nodes[1] with { Wsrep = null }, Size(nodes[2], 2)] },
        { "QuorumAtRisk", nodes => [nodes[0] with { Ready = false }, nodes[1], nodes[2]] },
        { "WrongServer", nodes => [nodes[0], nodes[1], nodes[2] with { PodSnapshot = nodes[2].PodSnapshot with { Uid = "uid-new" } }] },
        { "WrongServer", nodes => [nodes[0], nodes[1], nodes[2] with { Wsrep = null }] },
        { "WrongServer", nodes => [nodes[0], nodes[1]] },
        { "ClusterUnsafe", nodes => [nodes[0] with { PodSnapshot = nodes[0].PodSnapshot with { Terminating = true } }, nodes[1], nodes[2]] },
    };

    [Fact]
    public void A_healthy_cluster_can_spare_its_replica() => Assert.Null(WhyNot(3, nodes => nodes));

    [Theory]
    [MemberData(nameof(Changes))]
    public void What_changed_since_the_choice_is_refused(string id, Func<GaleraNode[], GaleraNode[]> change) =>
        Assert.Equal((id, FailureKind.Refused), (WhyNot(3, change)?.ErrorId, WhyNot(3, change)?.Kind));

    [Theory]
    [InlineData(5, 0, null)]
    [InlineData(5, 1, null)] // Three of five serve: the rest of the component keeps its majority.
    [InlineData(5, 2, "QuorumAtRisk")]
    [InlineData(4, 1, null)]
    [InlineData(4, 2, "QuorumAtRisk")]
    [InlineData(3, 1, "QuorumAtRisk")]
    [InlineData(2, 0, null)] // The owner's choice; Test-GaleraCluster warns.
    [InlineData(2, 1, "QuorumAtRisk")]
    [InlineData(1, 0, "QuorumAtRisk")]
    public void The_others_must_hold_the_quorum(int replicas, int notReady, string? id)
    {
        var refusal = WhyNot(replicas, nodes => [.. nodes.Select((node, index) => node with { Ready = index >= notReady })]);

        // That a node is not ready is an error of the cluster by itself.
        Assert.Equal(id ?? (notReady > 0 ? "ClusterUnsafe" : null), refusal?.ErrorId);
    }

    private static GaleraBackupException? WhyNot(int replicas, Func<GaleraNode[], GaleraNode[]> change)
    {
        GaleraNode[] nodes = [.. Enumerable.Range(0, replicas).Select(ordinal => Size(Make.Node(ordinal), replicas))];
        var before = Make.Cluster(nodes);
        var changed = change(nodes);
        var now = before with { Nodes = changed, Findings = ClusterHealth.Evaluate(replicas, changed, Make.Now) };
        return DesyncGuard.WhyNot(ReplicaSelection.Select(before, allowUnsafe: true), now);
    }

    private static GaleraNode Size(GaleraNode node, int size) => node with { Wsrep = node.Wsrep! with { ClusterSize = size } };

    private static GaleraNode[] Change(GaleraNode[] nodes, int ordinal, Func<WsrepStatus, WsrepStatus> change) =>
        [.. nodes.Select(node => node.Ordinal == ordinal ? node with { Wsrep = change(node.Wsrep!) } : node)];
}
