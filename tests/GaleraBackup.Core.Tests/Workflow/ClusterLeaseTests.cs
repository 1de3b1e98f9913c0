using GaleraBackup.Policy;
using GaleraBackup.Runner;
using GaleraBackup.Workflow;

namespace GaleraBackup.Core.Tests.Workflow;

/// <summary>One run at a time, whatever the clocks of the machines say.</summary>
public sealed class ClusterLeaseTests
{
    private readonly FakeCluster _cluster = new();

    private static BackupRequest Request => new()
    {
        Scope = new ClusterScope(),
        Runner = new RunnerOptions { BackupClaim = FakeCluster.Claim, Type = BackupTypeRequest.Full, Timeout = TimeSpan.FromMinutes(5) },
    };

    [Theory]
    [InlineData(0)]
    [InlineData(-3600)]
    [InlineData(3600)]
    public async Task A_run_beside_a_live_one_is_refused_as_soon_as_it_is_seen_to_live(int skewSeconds)
    {
        var skew = TimeSpan.FromSeconds(skewSeconds);
        void Renew()
        {
            _cluster.Lease = Foreign(skew);
            _cluster.Later(TimeSpan.FromSeconds(10), Renew);
        }

        Renew();

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(RunAsync);

        Assert.Equal(("LeaseHeld", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("alice@elsewhere/1/other-run", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("since 2026-01-30 23:00:00Z for pod mariadb-server-1", refusal.Message, StringComparison.Ordinal);
        Assert.InRange(_cluster.Context.Now - Make.Now, TimeSpan.FromSeconds(9), TimeSpan.FromSeconds(12));
        Assert.Empty(_cluster.Steps);
        Assert.Equal("alice@elsewhere/1/other-run", _cluster.Lease?.HolderIdentity);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-31)]
    [InlineData(-3600)]
    [InlineData(3600)]
    public async Task The_lease_of_a_dead_run_is_taken_over_once_nobody_has_written_to_it_for_its_duration(int renewedSecondsAgo)
    {
        _cluster.Lease = Foreign(TimeSpan.FromSeconds(renewedSecondsAgo));
        DateTimeOffset? takenOver = null;
        _cluster.OnStep = step => takenOver = step == "lease taken over" ? _cluster.Context.Now : takenOver;

        var run = await RunAsync();

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.InRange(takenOver!.Value - Make.Now, TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(35));
        Assert.Contains("alice@elsewhere/1/other-run", Assert.Single(_cluster.Warnings), StringComparison.Ordinal);
        Assert.Null(_cluster.Lease);
    }

    [Fact]
    public async Task A_run_that_ends_while_it_is_watched_makes_room()
    {
        _cluster.Lease = Foreign(TimeSpan.FromHours(-1));
        _cluster.Later(TimeSpan.FromSeconds(10), () => _cluster.Lease = null);

        var run = await RunAsync();

        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.Empty(_cluster.Warnings);
        Assert.Null(_cluster.Lease);
    }

    [Fact]
    public async Task A_lease_that_could_not_be_renewed_for_long_and_then_can_is_not_lost()
    {
        var away = true;
        _cluster.OnStep = step =>
        {
            if (step == "lease renewed" && away)
            {
                throw FakeCluster.Failure("ApiUnreachable", FailureKind.Unreachable);
            }
        };
        _cluster.OnGo = runner =>
        {
            _cluster.Later(TimeSpan.FromSeconds(45), () => away = false);
            _cluster.Later(TimeSpan.FromSeconds(60), runner.Copy);
        };

        var run = await RunAsync();

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Null(_cluster.Lease);
    }

    [Fact]
    public async Task A_lease_that_nobody_holds_is_taken_at_once()
    {
        _cluster.Lease = Foreign(TimeSpan.Zero) with { HolderIdentity = "" };

        var run = await RunAsync();

        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.True(run.StartedAt - Make.Now < TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task The_lease_is_renewed_as_long_as_the_run_lives_and_names_what_it_works_on()
    {
        LeaseSnapshot? atGo = null;
        _cluster.OnStep = step => atGo = step == "go" ? _cluster.Lease : atGo;
        _cluster.OnGo = runner => _cluster.Later(TimeSpan.FromSeconds(60), runner.Copy);

        var run = await RunAsync();

        Assert.True(_cluster.Steps.Count(step => step == "lease renewed") >= 6);
        Assert.EndsWith($"/{run.RunId}", atGo?.HolderIdentity, StringComparison.Ordinal);
        Assert.Equal((run.RunId, "mariadb-server-2", "uid-2"), (
            atGo?.Annotations["galerabackup.io/run-id"], atGo?.Annotations["galerabackup.io/pod"], atGo?.Annotations["galerabackup.io/pod-uid"]));
        Assert.Equal("lease deleted", _cluster.Steps[^1]);
    }

    [Fact]
    public async Task A_run_that_has_lost_its_lease_touches_neither_the_replica_nor_the_lease()
    {
        _cluster.OnStep = step =>
        {
            if (step == "runner created")
            {
                _cluster.Lease = Foreign(TimeSpan.Zero);
            }
        };
        _cluster.OnRunnerStarted = runner => _cluster.Later(TimeSpan.FromSeconds(25), runner.SayReady);

        var run = await RunAsync();

        Assert.Equal((Outcome.Failed, "LeaseLost"), (run.Backup, run.Errors[0].ErrorId));
        Assert.DoesNotContain("mariadb-server-2 desync ON", _cluster.Steps);
        Assert.Equal("alice@elsewhere/1/other-run", _cluster.Lease?.HolderIdentity);
        Assert.Empty(_cluster.Pods);
    }

    [Fact]
    public async Task A_renewal_whose_answer_is_lost_does_not_lose_the_lease()
    {
        var lost = false;
        _cluster.OnStep = step =>
        {
            if (step == "lease renewed" && !lost)
            {
                lost = true;
                throw FakeCluster.Failure("ApiUnreachable", FailureKind.Unreachable);
            }
        };
        _cluster.OnRunnerStarted = runner => _cluster.Later(TimeSpan.FromSeconds(35), runner.SayReady);

        var run = await RunAsync();

        Assert.True(lost);
        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Null(_cluster.Lease);
        Assert.Empty(_cluster.Warnings);
    }

    [Fact]
    public async Task A_lease_that_cannot_be_given_back_is_said()
    {
        _cluster.Refusals["lease deleted"] = FakeCluster.Failure("ApiForbidden", FailureKind.Denied);

        var run = await RunAsync();

        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.Contains("could not be given back", Assert.Single(_cluster.Warnings), StringComparison.Ordinal);
    }

    private LeaseSnapshot Foreign(TimeSpan renewed) => new()
    {
        Name = FakeCluster.LeaseName,
        Namespace = "openstack",
        HolderIdentity = "alice@elsewhere/1/other-run",
        Duration = TimeSpan.FromSeconds(30),
        AcquiredAt = Make.Now.AddHours(-2),
        RenewedAt = _cluster.Context.Now + renewed,
        Annotations = new Dictionary<string, string> { ["galerabackup.io/pod"] = "mariadb-server-1" },
    };

    private Task<BackupRun> RunAsync() =>
        _cluster.RunAsync(BackupWorkflow.RunAsync(_cluster.Context, Request, TestContext.Current.CancellationToken));
}
