using GaleraBackup.Workflow;

namespace GaleraBackup.Core.Tests.Workflow;

public sealed class ClusterInspectionTests
{
    private readonly FakeCluster _cluster = new();

    [Theory]
    [InlineData(3)]
    [InlineData(30)]
    public async Task The_API_is_asked_as_often_for_many_nodes_as_for_few(int nodes)
    {
        _cluster.Grow(nodes);

        var cluster = await InspectAsync();

        Assert.Equal(nodes, cluster.Nodes.Count);
        Assert.Empty(cluster.Findings);
        Assert.Equal(3, _cluster.ApiReads); // StatefulSets, pods, the Secret of the password.
    }

    [Fact]
    public async Task All_nodes_are_asked_at_once()
    {
        _cluster.Grow(9);
        var answer = new TaskCompletionSource();
        _cluster.ServersAnswer = answer.Task;

        var inspecting = InspectAsync();

        Assert.Equal(9, _cluster.MostSessions);
        answer.SetResult();
        Assert.True((await inspecting).IsSafe);
    }

    [Fact]
    public async Task A_node_that_does_not_answer_is_a_finding_and_the_others_are_told_all_the_same()
    {
        _cluster.Nodes[1].Answers = false;

        var cluster = await InspectAsync();

        Assert.Equal([("ClusterSizeDiffers", null), ("SqlUnreachable", "mariadb-server-1")], cluster.Findings.Select(finding => (finding.Id, finding.Pod)));
        Assert.Equal([true, false, true], cluster.Nodes.Select(node => node.Wsrep is not null));
    }

    private Task<GaleraCluster> InspectAsync() =>
        ClusterInspection.InspectAsync(_cluster.Context, new ClusterScope(), TestContext.Current.CancellationToken);
}
