using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class ReplicaSelectionTests
{
    [Fact]
    public void A_named_pod_is_taken_whatever_its_number_and_one_that_cannot_be_worked_on_is_refused()
    {
        var cluster = Make.Cluster(Make.Node(0), Make.Node(1) with { Wsrep = null }, Make.Node(2));

        Assert.Equal("mariadb-server-0", ReplicaSelection.ByName(cluster, "mariadb-server-0", allowUnsafe: false).Pod);
        Assert.Equal("NoReplica", Assert.Throws<GaleraBackupException>(() => ReplicaSelection.ByName(cluster, "mariadb-server-1", allowUnsafe: false)).ErrorId);
        var unknown = Assert.Throws<GaleraBackupException>(() => ReplicaSelection.ByName(cluster, "mariadb-server-7", allowUnsafe: false));
        Assert.Equal(("PodNotFound", FailureKind.NotFound), (unknown.ErrorId, unknown.Kind));
        Assert.Contains("mariadb-server-2", unknown.Recommendation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new[] { 0, 1, 2 }, "mariadb-server-2")]
    [InlineData(new[] { 2, 0, 1 }, "mariadb-server-2")]
    [InlineData(new[] { 8, 9, 10 }, "mariadb-server-10")]
    public void The_highest_number_is_taken(int[] ordinals, string expected)
    {
        var replica = ReplicaSelection.Select(Make.Cluster([.. ordinals.Select(ordinal => Make.Node(ordinal))]), allowUnsafe: false);

        Assert.Equal(expected, replica.Pod);
        Assert.False(replica.Unsafe);
    }

    [Fact]
    public void The_candidates_say_why()
    {
        var replica = ReplicaSelection.Select(Make.Cluster(Make.Node(0), Make.Node(1), Make.Node(2)), allowUnsafe: false);

        Assert.Equal(
            [
                new ReplicaCandidate("mariadb-server-2", 2, true, "Highest ordinal."),
                new ReplicaCandidate("mariadb-server-1", 1, false, "Ordinal 1 is lower than 2."),
                new ReplicaCandidate("mariadb-server-0", 0, false, "Ordinal 0 is lower than 2."),
            ],
            replica.Candidates);
    }

    [Fact]
    public void An_unsafe_cluster_is_refused_with_its_errors()
    {
        var cluster = Make.Cluster(Make.Node(0), Make.Node(1), Make.Node(2) with { Ready = false });

        var refusal = Assert.Throws<GaleraBackupException>(() => ReplicaSelection.Select(cluster, allowUnsafe: false));

        Assert.Equal(("ClusterUnsafe", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("PodNotReady (mariadb-server-2)", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("-AllowUnsafeBackup", refusal.Recommendation, StringComparison.Ordinal);
        Assert.Same(cluster, refusal.TargetObject);
    }

    [Fact]
    public void An_unsafe_backup_is_stamped_and_goes_to_the_highest_node_that_holds_the_data()
    {
        var cluster = Make.Cluster(
            Make.Node(0),
            Make.Node(1),
            Make.Node(2, wsrep => wsrep with { LocalState = 3, LocalStateComment = "Joined" }),
            Make.Node(3, wsrep => wsrep with { ClusterStatus = "non-Primary" }));

        var replica = ReplicaSelection.Select(cluster, allowUnsafe: true);

        Assert.Equal("mariadb-server-1", replica.Pod);
        Assert.True(replica.Unsafe);
        Assert.Equal(
            ["Its component is 'non-Primary', not Primary.", "It is 'Joined'.", "Highest ordinal.", "Ordinal 0 is lower than 1."],
            replica.Candidates.Select(candidate => candidate.Reason));
    }

    [Fact]
    public void Without_any_node_to_take_it_from_even_an_unsafe_backup_is_refused()
    {
        var cluster = Make.Cluster(
            Make.Node(0) with { Wsrep = null, Problem = new HealthFinding("SqlUnreachable", FindingSeverity.Error, "mariadb-server-0", "No answer.") },
            Make.Node(1) with { KubernetesNode = null },
            Make.Node(2) with { Layout = null });

        var refusal = Assert.Throws<GaleraBackupException>(() => ReplicaSelection.Select(cluster, allowUnsafe: true));

        Assert.Equal(("NoReplica", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("mariadb-server-0: No answer.", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("mariadb-server-1: The pod is not scheduled.", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("mariadb-server-2: No container", refusal.Message, StringComparison.Ordinal);
    }
}
