using GaleraBackup.Core.Tests.Workflow;
using GaleraBackup.Policy;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Runner;

/// <summary>How a runner does not start: each reason has its own name, and its words are the cluster's.</summary>
public sealed class RunnerSessionTests
{
    private static readonly RunnerOptions Options = new() { BackupClaim = FakeCluster.Claim };

    private readonly FakeCluster _cluster = new() { Step = TimeSpan.FromSeconds(1) };
    private readonly BackupReplica _replica = ReplicaSelection.Select(Make.Cluster(Make.Node(0), Make.Node(1), Make.Node(2)), allowUnsafe: false);

    [Fact]
    public async Task A_runner_without_a_place_says_what_the_scheduler_said()
    {
        _cluster.Unschedulable = "0/3 nodes are available: 1 Insufficient cpu.";

        var refusal = await StartAsync();

        Assert.Equal(("RunnerNotScheduled", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("0/3 nodes are available: 1 Insufficient cpu", refusal.Message, StringComparison.Ordinal);
        Assert.InRange(Waited, Options.StartTimeout, Options.StartTimeout + TimeSpan.FromSeconds(30));
    }

    [Theory]
    [InlineData("ErrImageNeverPull")]
    [InlineData("InvalidImageName")]
    [InlineData("ImagePullBackOff")]
    public async Task An_image_that_cannot_be_had_is_refused_at_once(string reason)
    {
        _cluster.RunnerWaits = reason;

        var refusal = await StartAsync();

        Assert.Equal(("RunnerImageNotPulled", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.True(Waited < TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task A_pull_that_failed_once_may_still_succeed()
    {
        _cluster.RunnerWaits = "ErrImagePull";
        _cluster.Later(TimeSpan.FromMinutes(1), () => _cluster.RunnerWaits = "ImagePullBackOff");

        var refusal = await StartAsync();

        Assert.Equal(("RunnerImageNotPulled", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.InRange(Waited, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task A_pull_that_goes_on_failing_is_the_images_fault()
    {
        _cluster.RunnerWaits = "ErrImagePull";

        Assert.Equal("RunnerImageNotPulled", (await StartAsync()).ErrorId);
        Assert.InRange(Waited, Options.StartTimeout, Options.StartTimeout + TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_container_that_cannot_be_made_is_another_matter()
    {
        _cluster.RunnerWaits = "CreateContainerConfigError";

        Assert.Equal("RunnerNotStarted", (await StartAsync()).ErrorId);
        Assert.True(Waited < TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task No_claim_of_the_server_may_be_ReadWriteOncePod()
    {
        _cluster.AccessModes["redo-mariadb-server-2"] = "ReadWriteOncePod";
        var redo = new ReadOnlyMount(new VolumeSnapshot("redo", "persistentVolumeClaim", "redo-mariadb-server-2"), "/redo", null);

        var refusal = await StartAsync(pod => pod with { Mounts = [.. pod.Mounts, redo] });

        Assert.Equal(("ClaimNotShareable", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("redo-mariadb-server-2", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(_cluster.Steps);
    }

    private TimeSpan Waited => _cluster.Context.Now - Make.Now;

    private async Task<GaleraBackupException> StartAsync(Func<RunnerPod, RunnerPod>? change = null)
    {
        var pod = RunnerPods.ForBackup(_replica, Options, "run-1", Make.Now, owner: null);
        var starting = RunnerSession.StartAsync(_cluster.Context, change is null ? pod : change(pod), Options, TestContext.Current.CancellationToken);
        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => _cluster.RunAsync(starting));
        Assert.Empty(_cluster.Pods);
        return refusal;
    }
}
