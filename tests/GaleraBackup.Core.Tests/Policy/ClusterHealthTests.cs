using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class ClusterHealthTests
{
    public static TheoryData<string, Func<GaleraNode, GaleraNode>> Ailments => new()
    {
        { "PodNotRunning", node => node with { Phase = "Pending", Ready = false, Wsrep = null } },
        { "PodNotReady", node => node with { Ready = false } },
        { "PodTerminating", node => node with { PodSnapshot = node.PodSnapshot with { Terminating = true } } },
        { "SqlUnreachable", node => node with { Wsrep = null, Problem = new HealthFinding("SqlUnreachable", FindingSeverity.Error, node.Pod, "No answer.") } },
        { "NotPrimary", node => node with { Wsrep = node.Wsrep! with { ClusterStatus = "non-Primary" } } },
        { "NotConnected", node => node with { Wsrep = node.Wsrep! with { Connected = false } } },
        { "NotReadyForQueries", node => node with { Wsrep = node.Wsrep! with { Ready = false } } },
        { "NodeNotSynced", node => node with { Wsrep = node.Wsrep! with { LocalState = 2, LocalStateComment = "Donor/Desynced" } } },
        { "NodeNotSynced", node => node with { Wsrep = node.Wsrep! with { LocalState = 3, LocalStateComment = "Joined" } } },
        { "NotGalera", node => node with { Wsrep = node.Wsrep! with { On = false, ClusterStatus = "" } } },
        { "PodNotRunning", node => Waiting(node, "CrashLoopBackOff") with { Ready = false, Problem = Problem(node) } },
    };

    /// <summary>Causes with their consequences: only the cause is said.</summary>
    public static TheoryData<string, Func<GaleraNode, GaleraNode>> Consequences => new()
    {
        {
            "NotPrimary", node => node with
            {
                Ready = false,
                Wsrep = node.Wsrep! with
                {
                    ClusterStatus = "non-Primary", Connected = false, Ready = false, LocalState = 0, LocalStateComment = "Initialized", ClusterSize = 1, ClusterConfId = -1,
                },
            }
        },
        { "NodeNotSynced", node => node with { Ready = false, Wsrep = node.Wsrep! with { LocalState = 2, LocalStateComment = "Donor/Desynced", Desync = true } } },
        { "SqlUnreachable", node => node with { Ready = false, Wsrep = null, Problem = Problem(node) } },
        { "PodTerminating", node => node with { Ready = false, Wsrep = null, Problem = Problem(node), PodSnapshot = node.PodSnapshot with { Terminating = true } } },
        { "PodNotRunning", node => node with { Phase = "Pending", Ready = false, Wsrep = null, PodSnapshot = node.PodSnapshot with { PodIP = null } } },
    };

    [Theory]
    [MemberData(nameof(Consequences))]
    public void A_sick_node_is_one_finding_its_cause(string id, Func<GaleraNode, GaleraNode> ail)
    {
        var finding = Assert.Single(Evaluate(3, [Make.Node(0), ail(Make.Node(1)), Make.Node(2)]));

        Assert.Equal((id, "mariadb-server-1"), (finding.Id, finding.Pod));
    }

    [Fact]
    public void A_container_that_waits_is_told_with_its_reason()
    {
        var finding = Assert.Single(Evaluate(3, [Make.Node(0), Waiting(Make.Node(1), "CrashLoopBackOff"), Make.Node(2)]));

        Assert.Contains("CrashLoopBackOff", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_member_is_one_finding_of_the_cluster_and_says_what_it_means_for_the_quorum()
    {
        static WsrepStatus OfTwo(WsrepStatus wsrep) => wsrep with { ClusterSize = 2 };
        GaleraNode[] nodes = [Make.Node(0, OfTwo), Make.Node(1, OfTwo), Make.Node(2) with { Wsrep = null, Problem = Problem(Make.Node(2)) }];

        var findings = Evaluate(3, nodes);

        Assert.Equal([("ClusterSizeDiffers", null), ("SqlUnreachable", "mariadb-server-2")], findings.Select(finding => (finding.Id, finding.Pod)));
        Assert.Contains("2 on mariadb-server-0, mariadb-server-1", findings[0].Message, StringComparison.Ordinal);
        Assert.Contains("the loss of another stops the database", findings[0].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(59, "PodRestarted")]
    [InlineData(61, null)]
    public void A_restart_is_told_while_it_is_recent(int minutesAgo, string? id)
    {
        var node = Make.Node(1);
        var restarted = node with
        {
            Restarts = 1,
            PodSnapshot = node.PodSnapshot with { Containers = [Make.Container() with { RestartCount = 1, RestartedAt = Make.Now.AddMinutes(-minutesAgo) }] },
        };

        var finding = Evaluate(3, [Make.Node(0), restarted, Make.Node(2)]).SingleOrDefault();

        Assert.Equal((id, id is null ? null : FindingSeverity.Warning), (finding?.Id, finding?.Severity));
    }

    [Fact]
    public void A_rollout_and_different_versions_are_warned_about()
    {
        GaleraNode[] nodes = [Make.Node(0), Make.Node(1), Make.Node(2, wsrep => wsrep with { Version = "11.4.2-MariaDB" })];

        var findings = ClusterHealth.Evaluate(3, nodes, Make.Now, rollingOut: true);

        Assert.Equal(["RolloutInProgress", "VersionsDiffer"], findings.Select(finding => finding.Id).Order());
        Assert.All(findings, finding => Assert.Equal(FindingSeverity.Warning, finding.Severity));
    }

    [Fact]
    public void A_single_node_cannot_be_spared()
    {
        var cluster = Make.Cluster(Make.Node(0, wsrep => wsrep with { ClusterSize = 1 }));

        Assert.Equal("NoOtherNode", Assert.Single(cluster.Findings).Id);
        Assert.False(cluster.IsSafe);
    }

    [Fact]
    public void A_healthy_cluster_has_no_finding() =>
        Assert.Empty(Evaluate(3, [Make.Node(0), Make.Node(1), Make.Node(2)]));

    [Theory]
    [MemberData(nameof(Ailments))]
    public void What_ails_one_node_is_the_only_finding_and_names_it(string id, Func<GaleraNode, GaleraNode> ail)
    {
        var finding = Assert.Single(Evaluate(3, [Make.Node(0), ail(Make.Node(1)), Make.Node(2)]));

        Assert.Equal((id, FindingSeverity.Error, "mariadb-server-1"), (finding.Id, finding.Severity, finding.Pod));
    }

    [Fact]
    public void A_desync_by_hand_is_told_from_a_joining_node()
    {
        static string MessageFor(bool desync) => Assert.Single(Evaluate(3,
            [Make.Node(0), Make.Node(1, wsrep => wsrep with { LocalState = 2, LocalStateComment = "Donor/Desynced", Desync = desync }), Make.Node(2)])).Message;

        Assert.Contains("wsrep_desync=ON", MessageFor(desync: true), StringComparison.Ordinal);
        Assert.DoesNotContain("wsrep_desync=ON", MessageFor(desync: false), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_pod_is_found()
    {
        var finding = Assert.Single(Evaluate(3, [Make.Node(0), Make.Node(1)]));

        Assert.Equal(("ReplicasMissing", FindingSeverity.Error), (finding.Id, finding.Severity));
    }

    [Fact]
    public void Halves_of_equal_size_are_found_by_their_membership()
    {
        static WsrepStatus Half(WsrepStatus wsrep, long membership) => wsrep with { ClusterSize = 4, ClusterConfId = membership };
        GaleraNode[] nodes =
        [
            Make.Node(0, wsrep => Half(wsrep, 8)), Make.Node(1, wsrep => Half(wsrep, 8)), Make.Node(2, wsrep => Half(wsrep, 9)), Make.Node(3, wsrep => Half(wsrep, 9)),
        ];

        var finding = Assert.Single(Evaluate(4, nodes));

        Assert.Equal(("MembershipDiffers", FindingSeverity.Error), (finding.Id, finding.Severity));
        Assert.Contains("8 () on mariadb-server-0, mariadb-server-1; 9 () on mariadb-server-2, mariadb-server-3", finding.Message, StringComparison.Ordinal);
    }

    /// <summary>Seen on the lab: a split counts up by one on either side.</summary>
    [Fact]
    public void Halves_with_equal_numbers_are_found_by_their_members()
    {
        static WsrepStatus Half(WsrepStatus wsrep, params string[] members) => wsrep with { ClusterSize = 4, ClusterConfId = 8, Members = members };
        GaleraNode[] nodes =
        [
            Make.Node(0, wsrep => Half(wsrep, "10.0.0.10:3306", "10.0.0.11:3306")), Make.Node(1, wsrep => Half(wsrep, "10.0.0.11:3306", "10.0.0.10:3306")),
            Make.Node(2, wsrep => Half(wsrep, "10.0.0.12:3306", "10.0.0.13:3306")), Make.Node(3, wsrep => Half(wsrep, "10.0.0.12:3306", "10.0.0.13:3306")),
        ];

        Assert.Equal("MembershipDiffers", Assert.Single(Evaluate(4, nodes)).Id);
    }

    [Fact]
    public void Two_clusters_of_one_size_are_found_by_their_UUID()
    {
        var stranger = Make.Node(2, wsrep => wsrep with { ClusterStateUuid = "ffffffff-2222-22ee-8a3c-0242ac110002" });

        Assert.Equal("ClusterUuidDiffers", Assert.Single(Evaluate(3, [Make.Node(0), Make.Node(1), stranger])).Id);
    }

    [Fact]
    public void Two_nodes_are_warned_about_and_yet_safe()
    {
        static WsrepStatus OfTwo(WsrepStatus wsrep) => wsrep with { ClusterSize = 2 };
        var cluster = Make.Cluster(Make.Node(0, OfTwo), Make.Node(1, OfTwo));

        Assert.Equal(("NoQuorumReserve", FindingSeverity.Warning), (Assert.Single(cluster.Findings).Id, cluster.Findings[0].Severity));
        Assert.True(cluster.IsSafe);
    }

    [Fact]
    public void The_worst_comes_first()
    {
        GaleraNode[] nodes = [Make.Node(0, wsrep => wsrep with { ClusterSize = 2 }), Make.Node(1, wsrep => wsrep with { ClusterSize = 2, Connected = false })];

        Assert.Equal(["NotConnected", "NoQuorumReserve"], Evaluate(2, nodes).Select(finding => finding.Id));
    }

    private static IReadOnlyList<HealthFinding> Evaluate(int replicas, IReadOnlyList<GaleraNode> nodes) => ClusterHealth.Evaluate(replicas, nodes, Make.Now);

    private static HealthFinding Problem(GaleraNode node) => new("SqlUnreachable", FindingSeverity.Error, node.Pod, "No answer.");

    private static GaleraNode Waiting(GaleraNode node, string reason) =>
        node with { PodSnapshot = node.PodSnapshot with { Containers = [Make.Container() with { Reason = reason }] } };
}
