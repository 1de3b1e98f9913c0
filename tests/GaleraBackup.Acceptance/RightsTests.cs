namespace Acceptance;

/// <summary>A user who lacks one right is told which: verb, resource and namespace. Whatever was begun is undone.</summary>
public sealed class RightsTests(LabFixture fixture) : LabTest(fixture)
{
    [Theory]
    [InlineData("statefulsets", "list")]
    [InlineData("pods", "list")]
    [InlineData("secrets", "get")]
    [InlineData("leases", "create")]
    [InlineData("pods", "create")]
    [InlineData("pods/exec", "create", "get")]
    [InlineData("pods/portforward", "create", "get")]
    [InlineData("pods/log", "get")]
    [InlineData("endpoints", "list")]
    public async Task The_missing_right_is_named(string resource, params string[] verbs)
    {
        await using var user = await Faults.MakeUserWithoutAsync(resource, verbs, Token);
        var cluster = ("cluster", (object)new System.Collections.Hashtable { ["KubeConfig"] = user.KubeConfig, ["Namespace"] = Lab.Namespace });

        var result = Module.Invoke("Invoke-GaleraBackup @cluster @store", cluster, Store);

        // What is needed to ask the nodes at all is a finding of each, and the refusal repeats it.
        var said = string.Join("; ", result.Errors.Select(error => $"{error.FullyQualifiedErrorId}: {error.Exception.Message} {error.ErrorDetails?.RecommendedAction}"));
        Assert.Contains("ApiForbidden", said);
        Assert.Contains(resource, said);
        Assert.Contains(Lab.Namespace, said);
        Assert.Contains(verbs, verb => said.Contains(verb, StringComparison.Ordinal));
        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.Empty(Backups());
    }

    /// <summary>The other way round: none of the rights that the cases above leave out is enough to leave out, and none is needed beyond them.</summary>
    [Fact]
    public async Task The_rights_that_are_listed_are_enough()
    {
        await using var user = await Faults.MakeUserAsync(Right.OfABackup, Token);
        var cluster = ("cluster", (object)new System.Collections.Hashtable { ["KubeConfig"] = user.KubeConfig, ["Namespace"] = Lab.Namespace });

        var run = Module.Invoke("Invoke-GaleraBackup @cluster @store", cluster, Store).Single<BackupRun>();

        Assert.Equal(Outcome.Succeeded, run.Backup);
    }
}
