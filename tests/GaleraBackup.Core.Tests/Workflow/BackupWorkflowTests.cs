using GaleraBackup.Policy;
using GaleraBackup.Runner;
using GaleraBackup.Workflow;

namespace GaleraBackup.Core.Tests.Workflow;

/// <summary>The two phases in their order, and every way out of them.</summary>
public sealed class BackupWorkflowTests
{
    private const string On = "mariadb-server-2 desync ON";
    private const string Off = "mariadb-server-2 desync OFF";
    private const string Oldest = "base/2026-01-01_01-00-00";

    private readonly FakeCluster _cluster = new();

    private static BackupRequest Request => new()
    {
        Scope = new ClusterScope(),
        Runner = new RunnerOptions { BackupClaim = FakeCluster.Claim, Type = BackupTypeRequest.Full, Timeout = TimeSpan.FromSeconds(40) },
        Desync = new DesyncOptions { DesyncTimeout = TimeSpan.FromSeconds(20), DrainTimeout = TimeSpan.FromSeconds(20), ResyncTimeout = TimeSpan.FromSeconds(20) },
        Retention = new RetentionPolicy { KeepLast = 2, AdoptLegacy = true },
    };

    public static TheoryData<string, Action<FakeRunner>> EndsWithoutABackup => new()
    {
        { "BackupToolFailed", runner => { runner.Copied(1); runner.Fail("BackupToolFailed"); } },
        { "StreamFailed", runner => { runner.Copied(0); runner.Fail("StreamFailed"); } },
        { "RunnerFailed", runner => runner.End(137, "OOMKilled") },
        { "RunnerFailed", runner => { runner.Copied(0); runner.End(0); } },
    };

    [Fact]
    public async Task A_good_run_goes_through_its_steps_in_order()
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00", "base/2026-01-03_01-00-00?"]);

        var run = await RunAsync(Request);

        Assert.Equal(
            [
                "lease created", "catalogue created", "listed", "catalogue deleted", "runner created", On, "go", "copied", Off, "runner ended", "store created", "listed", $"removed {Oldest}",
                "store deleted", "runner deleted", "lease deleted",
            ],
            _cluster.Steps.Where(step => step != "lease renewed"));
        Assert.Equal(
            (Outcome.Succeeded, Outcome.Succeeded, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune, run.Verify));
        Assert.Equal(["base/2026-01-02_01-00-00", "base/2026-01-03_01-00-00?", run.BackupId], _cluster.Backups);
        Assert.Equal([Oldest], run.Removed.Select(set => set.BackupId));
        Assert.Empty(run.Errors);
        Assert.Empty(_cluster.Warnings);
    }

    [Fact]
    public async Task A_good_run_says_what_it_backed_up_and_how_long_it_took()
    {
        var run = await RunAsync(Request);

        Assert.Equal(("mariadb-server-2", Make.Uuid, 4711L, 56789L), (run.Pod, run.ClusterUuid, run.Seqno, run.ToLsn));
        Assert.Equal((1L << 30, 1L << 20, 100L), (run.DatabaseBytes, run.StreamedBytes, run.StoredBytes));
        Assert.Equal(TimeSpan.FromMinutes(10), run.CopyDuration);
        Assert.InRange(run.DesyncedDuration!.Value, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(15));
        Assert.True(run.Replica.Desync!.ReadyAt > run.Replica.Desync.SyncedAt);
        Assert.True(run.Duration >= run.DesyncedDuration);
        Assert.Contains("[00] Connecting to MariaDB server host: 10.0.0.12", run.Log);
    }

    [Fact]
    public async Task The_word_is_given_only_to_a_replica_that_serves_nobody()
    {
        (int State, bool Ready, bool InEndpoints)? atGo = null;
        _cluster.OnStep = step => atGo = step == "go" ? (_cluster.Target.LocalState, _cluster.Target.PodReady, _cluster.Target.InEndpoints) : atGo;

        await RunAsync(Request);

        Assert.Equal((WsrepStatus.DonorDesynced, false, false), atGo);
    }

    [Fact]
    public async Task Without_a_number_to_keep_nothing_is_pruned()
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00"]);

        var run = await RunAsync(Request with { Retention = null });

        Assert.Equal((Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Prune));
        Assert.DoesNotContain("store created", _cluster.Steps);
    }

    [Fact]
    public async Task A_typed_login_is_a_Secret_only_while_the_pod_is_there()
    {
        (string, string)? atCreation = null;
        _cluster.OnStep = step => atCreation = step == "runner created" ? _cluster.Secrets.Values.Single() : atCreation;

        await RunAsync(Request with { Scope = new ClusterScope { BackupCredential = new SqlLogin("backup", "typed") } });

        Assert.Equal(
            ["secret created", "runner created", "runner deleted", "secret deleted"],
            _cluster.StepsAmong("secret created", "runner created", "runner deleted", "secret deleted"));
        Assert.Equal(("backup", "typed"), atCreation);
    }

    [Fact]
    public async Task A_typed_login_goes_even_when_its_pod_cannot_be_removed()
    {
        _cluster.Refusals["runner deleted"] = FakeCluster.Failure("ApiFailed", FailureKind.Failed);

        await RunAsync(Request with { Scope = new ClusterScope { BackupCredential = new SqlLogin("backup", "typed") } });

        Assert.Empty(_cluster.Secrets);
        Assert.Contains(_cluster.Warnings, warning => warning.Contains("could not be removed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("NotEnoughSpace")]
    [InlineData("BackupPathNotWritable")]
    public async Task What_the_runner_refuses_is_refused_before_the_replica_is_touched(string id)
    {
        _cluster.OnRunnerStarted = runner => runner.Fail(id);

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.Equal((id, FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Equal(["lease created", "catalogue created", "listed", "catalogue deleted", "runner created", "runner ended", "runner deleted", "lease deleted"], _cluster.Steps);
    }

    [Fact]
    public async Task A_large_base_may_be_read_for_longer_than_a_start_takes()
    {
        _cluster.AddBackup("base/2026-01-30_01-00-00");
        var request = Auto with { Runner = Auto.Runner with { StartTimeout = TimeSpan.FromMinutes(1) } };
        _cluster.OnRunnerStarted = runner =>
        {
            foreach (var minute in Enumerable.Range(0, 5))
            {
                _cluster.Later(TimeSpan.FromSeconds(50 * minute), () => runner.Say($$"""{"event":"checking","bytes":{{minute + 1}}}"""));
            }

            _cluster.Later(TimeSpan.FromSeconds(250), () => runner.SayReady());
        };

        Assert.Equal(Outcome.Succeeded, (await RunAsync(request)).Backup);
    }

    [Fact]
    public async Task A_base_that_cannot_be_read_on_is_given_up()
    {
        _cluster.AddBackup("base/2026-01-30_01-00-00");
        _cluster.OnRunnerStarted = runner => runner.Say("""{"event":"checking","bytes":1}""");

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Auto with { Runner = Auto.Runner with { StartTimeout = TimeSpan.FromMinutes(1) } }));

        Assert.Equal(("RunnerNotStarted", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
    }

    [Fact]
    public async Task Too_little_space_says_what_the_rules_would_free()
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00", "base/2026-01-03_01-00-00"]);
        _cluster.OnRunnerStarted = runner => runner.Fail("NotEnoughSpace");

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.StartsWith($"The rules given would free 1 B now: {Oldest}. ", refusal.Recommendation, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_earlier_backups_took_asks_for_more_space()
    {
        _cluster.AddBackup("base/2026-01-30_01-00-00");
        RunnerPod? created = null;
        _cluster.OnPodCreated = pod => created = pod.Environment.ContainsKey("GALERA_BACKUP_EXPECTED_KIB") ? pod : created;

        await RunAsync(Auto with { Runner = Auto.Runner with { Type = BackupTypeRequest.Full }, Retention = new RetentionPolicy { KeepLast = 2 } });

        Assert.Equal("1", created!.Environment["GALERA_BACKUP_EXPECTED_KIB"]);
    }

    [Fact]
    public async Task A_runner_that_cannot_start_is_refused_at_once()
    {
        _cluster.RunnerWaits = "ErrImageNeverPull";

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.Equal(("RunnerImageNotPulled", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("ErrImageNeverPull", refusal.Message, StringComparison.Ordinal);
        Assert.True(_cluster.Context.Now - Make.Now < TimeSpan.FromMinutes(1));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_runner_that_never_gets_ready_is_refused()
    {
        _cluster.OnRunnerStarted = _ => { };
        _cluster.Step = TimeSpan.FromSeconds(1);

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.Equal(("RunnerNotStarted", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.DoesNotContain(On, _cluster.Steps);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_claim_that_is_not_there_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(
            () => RunAsync(Request with { Runner = new RunnerOptions { BackupClaim = "no-such-claim", Type = BackupTypeRequest.Full } }));

        Assert.Equal(("ClaimNotFound", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Equal(["lease created", "lease deleted"], _cluster.Steps);
    }

    [Fact]
    public async Task The_pod_of_another_run_is_never_removed()
    {
        _cluster.RunnerNameIsTaken = true;

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.Equal("ApiConflict", refusal.ErrorId);
        Assert.Equal(["lease created", "lease deleted"], _cluster.Steps);
        Assert.Single(_cluster.Pods);
    }

    [Fact]
    public async Task The_store_pod_of_another_run_is_never_removed()
    {
        _cluster.OnStep = step => _cluster.RunnerNameIsTaken |= step == "runner ended";

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.Failed), (run.Backup, run.Prune));
        Assert.Single(_cluster.Pods);
        Assert.Equal("lease deleted", _cluster.Steps[^1]);
    }

    [Theory]
    [MemberData(nameof(EndsWithoutABackup))]
    public async Task A_failed_backup_leaves_the_replica_in_sync_and_prunes_nothing(string id, Action<FakeRunner> fail)
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00", "base/2026-01-03_01-00-00"]);
        _cluster.OnGo = runner => _cluster.Later(TimeSpan.FromSeconds(2), () => fail(runner));

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Failed, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune));
        Assert.Equal((id, FailureKind.Failed), (run.Errors[0].ErrorId, run.Errors[0].Kind));
        Assert.Equal([On, "go", Off, "lease deleted"], _cluster.StepsAmong(On, "go", Off, "lease deleted", "store created"));
        Assert.Equal(3, _cluster.Backups.Count);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_runner_that_published_but_ended_badly_is_no_success()
    {
        _cluster.OnGo = runner =>
        {
            runner.Copied(0);
            runner.Say(Make.ResultLine("base/2026-01-31_01-00-00"));
            runner.End(1);
        };

        Assert.Equal(Outcome.Failed, (await RunAsync(Request)).Backup);
    }

    [Fact]
    public async Task A_runner_that_is_deleted_by_somebody_is_a_failed_backup()
    {
        _cluster.OnGo = runner => _cluster.Later(TimeSpan.FromSeconds(2), runner.Vanish);

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Failed, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Contains("it was deleted", run.Errors.Single().Message, StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_runner_that_takes_too_long_is_no_success()
    {
        _cluster.OnGo = runner => runner.Say("""{"event":"copying"}""");

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.TimedOut, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune));
        Assert.Equal(("RunnerTimedOut", FailureKind.TimedOut), (run.Errors.Single().ErrorId, run.Errors.Single().Kind));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_runner_that_the_cluster_ended_for_its_deadline_has_timed_out()
    {
        _cluster.OnGo = runner => _cluster.Later(TimeSpan.FromSeconds(2), () => runner.End(143, "DeadlineExceeded"));

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.TimedOut, Outcome.Succeeded), (run.Backup, run.Resync));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_replica_that_does_not_desync_in_time_is_put_back()
    {
        _cluster.Target.NeverLeaves = true;

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.TimedOut, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Equal("DesyncTimedOut", run.Errors.Single().ErrorId);
        Assert.Equal([On, Off], _cluster.StepsAmong(On, Off, "go"));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_replica_that_stays_Ready_is_a_finding_and_the_run_goes_on()
    {
        _cluster.Target.StaysReady = true;

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Equal(("ReadinessIgnoresDesync", FindingSeverity.Warning), (run.Findings.Single().Id, run.Findings.Single().Severity));
        Assert.Contains("ReadinessIgnoresDesync", Assert.Single(_cluster.Warnings), StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_replica_that_stays_Ready_is_put_back_where_that_is_required()
    {
        _cluster.Target.StaysReady = true;

        var run = await RunAsync(Request with { Desync = Request.Desync with { RequireNotReady = true } });

        Assert.Equal((Outcome.Failed, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Equal("ReadinessIgnoresDesync", run.Errors.Single().ErrorId);
        Assert.Equal([On, Off], _cluster.StepsAmong(On, Off, "go"));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_slow_probe_is_waited_for_before_it_is_called_deaf()
    {
        _cluster.Target.ReadinessProbe = new ProbeSnapshot(PeriodSeconds: 60, TimeoutSeconds: 1, FailureThreshold: 3);
        _cluster.Target.ProbeLag = TimeSpan.FromSeconds(180);

        var run = await RunAsync(Request with { Desync = Request.Desync with { DesyncTimeout = TimeSpan.FromSeconds(600), ResyncTimeout = TimeSpan.FromSeconds(600) } });

        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.Empty(run.Findings);
    }

    [Fact]
    public async Task A_primary_is_waited_for_until_the_controller_calls_it_backup()
    {
        _cluster.Target.Role = "primary";
        string? atGo = null;
        _cluster.OnStep = step =>
        {
            if (step == On)
            {
                _cluster.Later(TimeSpan.FromSeconds(9), () => _cluster.Target.Role = "backup");
            }

            atGo = step == "go" ? _cluster.Target.Role : atGo;
        };

        await RunAsync(Request);

        Assert.Equal("backup", atGo);
    }

    [Fact]
    public async Task A_replica_that_neither_leaves_nor_comes_back_is_said_to_be_desynced()
    {
        (_cluster.Target.NeverLeaves, _cluster.Target.NeverSyncs, _cluster.Target.LocalState) = (true, true, WsrepStatus.Synced);
        _cluster.OnStep = step => _cluster.Target.LocalState = step == On ? 3 : _cluster.Target.LocalState;

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.TimedOut, Outcome.TimedOut), (run.Backup, run.Resync));
        Assert.Equal(["DesyncTimedOut", "ResyncTimedOut"], run.Errors.Select(error => error.ErrorId));
        AssertIsSaidToBeDesynced();
    }

    [Fact]
    public async Task A_slow_resync_does_not_spoil_the_backup_and_keeps_the_lease_that_names_it()
    {
        _cluster.Target.NeverSyncs = true;

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.TimedOut), (run.Backup, run.Resync));
        Assert.Equal("ResyncTimedOut", run.Errors.Single().ErrorId);
        Assert.Equal(4711, run.Seqno);
        AssertIsSaidToBeDesynced();
    }

    [Fact]
    public async Task A_pod_that_does_not_get_Ready_is_a_late_resync_of_a_replica_in_sync()
    {
        _cluster.Target.NeverBecomesReady = true;

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.TimedOut), (run.Backup, run.Resync));
        Assert.NotNull(run.Replica.Desync?.SyncedAt);
        Assert.Null(run.Replica.Desync?.ReadyAt);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task OFF_waits_for_three_quiet_samples_in_a_row_of_the_receive_queue()
    {
        _cluster.OnStep = step =>
        {
            if (step == "copied")
            {
                _cluster.Target.QueueReads.Clear();
                _cluster.Target.ShowQueue(500, 15, 3, 16, 2, 15, 0);
            }
        };

        var run = await RunAsync(Request);

        // The last one is the look whether there still is something to undo.
        Assert.Equal([500, 15, 3, 16, 2, 15, 0, 0, null], _cluster.Target.QueueReads);
        Assert.Equal(Outcome.Succeeded, run.Resync);
    }

    [Fact]
    public async Task A_queue_that_does_not_drain_is_never_let_loose_on_the_cluster()
    {
        _cluster.OnStep = step => _cluster.Target.ShowQueue([.. step == "copied" ? Enumerable.Repeat(1000L, 1000) : []]);

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.TimedOut), (run.Backup, run.Resync));
        Assert.Equal("DrainTimedOut", run.Errors.Single().ErrorId);
        Assert.DoesNotContain(Off, _cluster.Steps);
        AssertIsSaidToBeDesynced();
    }

    [Fact]
    public async Task A_queue_that_does_not_drain_is_forced_where_that_is_asked_for()
    {
        _cluster.OnStep = step => _cluster.Target.ShowQueue([.. step == "copied" ? Enumerable.Repeat(1000L, 1000) : []]);

        var run = await RunAsync(Request with { Desync = Request.Desync with { OnDrainTimeout = DrainTimeoutAction.Force } });

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Contains("-OnDrainTimeout Force", Assert.Single(_cluster.Warnings), StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task OFF_waits_until_a_state_transfer_needs_the_replica_no_more()
    {
        _cluster.OnStep = step =>
        {
            if (step == "copied")
            {
                _cluster.Target.StateTransfers = 1;
                _cluster.Later(TimeSpan.FromSeconds(10), () => _cluster.Target.StateTransfers = 0);
            }

            Assert.False(step == Off && _cluster.Target.StateTransfers > 0, "OFF in the middle of a state transfer.");
        };

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
    }

    [Fact]
    public async Task Each_phase_has_an_outcome_and_a_duration()
    {
        var run = await RunAsync(Request);

        Assert.Equal(Enum.GetValues<BackupPhase>(), run.Phases.Select(phase => phase.Phase));
        Assert.All(run.Phases.Where(phase => phase.Phase != BackupPhase.Verify), phase => Assert.Equal(Outcome.Succeeded, phase.Outcome));
        Assert.InRange(run.Phases.Single(phase => phase.Phase == BackupPhase.Desync).Duration, FakeCluster.ProbeLag, TimeSpan.FromSeconds(10));
        Assert.InRange(run.Phases.Single(phase => phase.Phase == BackupPhase.Copy).Duration, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(6));
    }

    [Fact]
    public async Task A_phase_that_failed_says_so_and_those_behind_it_were_not_reached()
    {
        _cluster.OnGo = runner => runner.Fail("BackupToolFailed");

        var run = await RunAsync(Request);

        Assert.Equal(
            [Outcome.Succeeded, Outcome.Succeeded, Outcome.Succeeded, Outcome.Failed, Outcome.Succeeded, Outcome.Skipped, Outcome.Skipped, Outcome.Skipped],
            run.Phases.Select(phase => phase.Outcome));
    }

    [Fact]
    public async Task A_cluster_that_lost_a_node_since_the_check_is_not_desynced()
    {
        _cluster.OnStep = step => _cluster.Nodes[0].Answers &= step != "runner created";

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Failed, Outcome.Skipped, "QuorumAtRisk"), (run.Backup, run.Resync, run.Errors.Single().ErrorId));
        Assert.DoesNotContain(On, _cluster.Steps);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task Somebody_who_desyncs_the_replica_in_the_last_moment_keeps_it()
    {
        _cluster.BeforeStep = step => _cluster.Target.Desync |= step == On;

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Failed, "ReplicaAlreadyDesynced"), (run.Backup, run.Errors.Single().ErrorId));
        Assert.DoesNotContain(Off, _cluster.Steps);
        Assert.True(_cluster.Target.Desync);
    }

    [Fact]
    public async Task A_lease_that_another_takes_in_mid_copy_ends_the_copy()
    {
        _cluster.OnGo = runner =>
        {
            runner.Say("""{"event":"copying"}""");
            _cluster.Lease = _cluster.Lease! with { HolderIdentity = "alice@elsewhere/1/other-run" };
        };

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Failed, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune));
        Assert.Equal("LeaseLost", run.Errors.Single().ErrorId);
        Assert.Empty(_cluster.Pods);
        Assert.Equal("alice@elsewhere/1/other-run", _cluster.Lease?.HolderIdentity);
    }

    [Fact]
    public async Task A_connection_that_is_cut_during_the_copy_does_not_leave_the_replica_desynced()
    {
        _cluster.OnGo = runner =>
        {
            _cluster.Target.Connections++;
            runner.Copy();
        };

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Contains(Off, _cluster.Steps);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_server_that_never_answers_again_is_not_waited_for_as_long_as_a_queue()
    {
        _cluster.OnGo = runner =>
        {
            _cluster.Target.Answers = false;
            runner.Copy();
        };

        var run = await RunAsync(Request with { Desync = Request.Desync with { DrainTimeout = TimeSpan.FromHours(10) } });

        Assert.Equal((Outcome.Succeeded, Outcome.TimedOut), (run.Backup, run.Resync));
        Assert.Equal("ResyncTimedOut", run.Errors.Single().ErrorId);
        Assert.True(run.Duration < TimeSpan.FromMinutes(2));
        AssertIsSaidToBeDesynced();
    }

    [Fact]
    public async Task A_server_that_restarts_during_the_copy_has_forgotten_the_desync_and_needs_no_OFF()
    {
        _cluster.OnGo = runner =>
        {
            runner.Copied(1);
            runner.Fail("BackupToolFailed");
            var target = _cluster.Target;
            _cluster.Change(() => (target.Connections, target.Desync, target.Answers) = (target.Connections + 1, false, false));
            _cluster.Later(TimeSpan.FromSeconds(4), () => (target.Answers, target.LocalState, target.PodReady, target.InEndpoints) = (true, WsrepStatus.Synced, true, true));
        };

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Failed, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.DoesNotContain(Off, _cluster.Steps);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task An_unsafe_cluster_is_refused_without_a_lease()
    {
        _cluster.Nodes[0].PodReady = false;

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.Equal(("ClusterUnsafe", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Empty(_cluster.Steps);
    }

    [Fact]
    public async Task An_unsafe_run_warns_is_stamped_and_prunes_nothing()
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00"]);
        _cluster.Nodes[0].PodReady = false;

        var run = await RunAsync(Request with { AllowUnsafe = true });

        Assert.True(run.Unsafe);
        Assert.Equal((Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Prune));
        Assert.Contains("PodNotReady (mariadb-server-0)", _cluster.Warnings[0], StringComparison.Ordinal);
        Assert.Contains("Desynchronised all the same", _cluster.Warnings[1], StringComparison.Ordinal);
        Assert.DoesNotContain("store created", _cluster.Steps);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Somebody_elses_desync_is_left_alone(bool beforeTheCheck)
    {
        void Desync() => (_cluster.Target.Desync, _cluster.Target.LocalState) = (true, WsrepStatus.DonorDesynced);
        if (beforeTheCheck)
        {
            Desync();
        }

        _cluster.OnStep = step =>
        {
            if (step == "lease created")
            {
                Desync();
            }
        };

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request with { AllowUnsafe = true }));

        Assert.Equal(("ReplicaAlreadyDesynced", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Equal(["lease created", "lease deleted"], _cluster.Steps);
        Assert.True(_cluster.Target.Desync);
    }

    [Fact]
    public async Task An_address_that_answers_as_another_server_is_refused()
    {
        _cluster.OnStep = step => _cluster.Target.HostName = step == "lease created" ? "mariadb-server-0" : _cluster.Target.HostName;

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RunAsync(Request));

        Assert.Equal(("WrongServer", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Equal(["lease created", "lease deleted"], _cluster.Steps);
    }

    [Fact]
    public async Task A_server_that_refuses_the_statement_is_a_failed_run_with_nothing_to_mend()
    {
        _cluster.Refusals[On] = FakeCluster.Failure("SqlAccessDenied", FailureKind.Denied);

        var run = await RunAsync(Request);

        Assert.Equal(Outcome.Failed, run.Backup);
        Assert.Equal(("SqlAccessDenied", FailureKind.Denied), (run.Errors.Single().ErrorId, run.Errors.Single().Kind));
        Assert.DoesNotContain("go", _cluster.Steps);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_failed_pruning_does_not_spoil_the_backup()
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00"]);
        _cluster.Refusals[$"removed {Oldest}"] = FakeCluster.Failure("ApiFailed", FailureKind.Failed);

        var run = await RunAsync(Request);

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded, Outcome.Failed), (run.Backup, run.Resync, run.Prune));
        Assert.Empty(run.Removed);
        AssertNothingIsLeft();
    }

    [Theory]
    [InlineData("lease created")]
    [InlineData("secret created")]
    [InlineData("runner created")]
    [InlineData(On)]
    [InlineData("go")]
    [InlineData("copied")]
    [InlineData(Off)]
    [InlineData("runner ended")]
    [InlineData("store created")]
    [InlineData("listed")]
    [InlineData($"removed {Oldest}")]
    public async Task A_cancelled_run_leaves_nothing_behind(string at)
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00"]);
        using var stop = new CancellationTokenSource();
        _cluster.OnStep = step =>
        {
            if (step == at)
            {
                stop.Cancel();
            }
        };
        var request = Request with { Scope = new ClusterScope { BackupCredential = new SqlLogin("backup", "typed") } };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _cluster.RunAsync(BackupWorkflow.RunAsync(_cluster.Context, request, stop.Token)));

        Assert.Contains(at, _cluster.Steps);
        Assert.Equal(_cluster.Steps.Count(step => step == On), _cluster.Steps.Count(step => step == Off));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_cancelled_runs_replica_does_not_wait_for_the_pods_end()
    {
        using var stop = new CancellationTokenSource();
        _cluster.GracePeriod = TimeSpan.FromSeconds(20);
        _cluster.OnGo = _ => stop.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _cluster.RunAsync(BackupWorkflow.RunAsync(_cluster.Context, Request, stop.Token)));

        Assert.Equal([Off, "runner deleted"], _cluster.StepsAmong(Off, "runner deleted"));
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_desync_that_fails_is_undone_before_it_says_so()
    {
        _cluster.Target.NeverLeaves = true;
        var token = TestContext.Current.CancellationToken;
        var plan = await _cluster.RunAsync(BackupWorkflow.PlanAsync(_cluster.Context, Request with { Retention = null }, token));
        var session = await _cluster.RunAsync(DesyncSession.OpenAsync(_cluster.Context, plan.Replica, Request.Desync, token));
        try
        {
            var failure = await Assert.ThrowsAsync<GaleraBackupException>(() => _cluster.RunAsync(session.DesyncAsync(token)));

            Assert.Equal(("DesyncTimedOut", FailureKind.TimedOut), (failure.ErrorId, failure.Kind));
            AssertNothingIsLeft();
        }
        finally
        {
            var closing = session.DisposeAsync().AsTask();
            await _cluster.RunUntilAsync(() => closing.IsCompleted);
        }
    }

    [Fact]
    public async Task A_plan_shows_the_pod_and_changes_nothing()
    {
        var plan = await PlanAsync(Request with { Retention = null });

        Assert.Equal("mariadb-server-2", plan.Replica.Pod);
        Assert.Equal($"name: {plan.RunnerPod.Name}", plan.RunnerManifest);
        Assert.Equal((999L, 998L), (plan.RunnerPod.RunAsUser, plan.RunnerPod.RunAsGroup));
        Assert.Empty(_cluster.Steps);
    }

    [Fact]
    public async Task A_plan_tells_the_steps_in_their_order_and_what_would_be_pruned()
    {
        _cluster.Backups.AddRange([Oldest, "base/2026-01-02_01-00-00", "base/2026-01-03_01-00-00?"]);
        _cluster.Lease = new LeaseSnapshot
        {
            Name = FakeCluster.LeaseName,
            Namespace = "openstack",
            HolderIdentity = "alice@elsewhere/1/other-run",
            Duration = TimeSpan.FromSeconds(30),
        };

        var plan = await PlanAsync(Request);

        Assert.Equal(["catalogue created", "listed", "catalogue deleted"], _cluster.Steps);
        Assert.Equal([Oldest], plan.Victims.Select(victim => victim.BackupId));
        string[] inOrder =
        [
            "no findings", "Replica mariadb-server-2", "refused at this moment: lease openstack/galera-backup-mariadb-server is held by alice@elsewhere",
            $"name: {plan.RunnerPod.Name}", "SET GLOBAL wsrep_desync=ON", "out of the endpoints of mariadb", "Run mariadb-backup",
            "SET GLOBAL wsrep_desync=OFF", "Keep the new backup and 1 more", $"{Oldest} (1 B)",
        ];
        var text = plan.ToString();
        Assert.All(inOrder, part => Assert.Contains(part, text, StringComparison.Ordinal));
        Assert.Equal(inOrder.Select(part => text.IndexOf(part, StringComparison.Ordinal)).Order(), inOrder.Select(part => text.IndexOf(part, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_plan_for_the_first_backup_of_all_has_nothing_to_prune()
    {
        _cluster.IsNewVolume = true;

        Assert.Empty((await PlanAsync(Request)).Victims);
    }

    [Fact]
    public async Task An_incremental_continues_the_newest_full_backup_that_is_young_enough()
    {
        _cluster.AddBackup("base/2026-01-30_01-00-00");
        RunnerPod? created = null;
        _cluster.OnPodCreated = pod => created = pod.Environment.ContainsKey("GALERA_BACKUP_PARENT") ? pod : created;

        var run = await RunAsync(Auto);

        Assert.Equal(Outcome.Succeeded, run.Backup);
        Assert.Equal(["catalogue created", "listed", "catalogue deleted", "runner created", On], _cluster.StepsAmong("catalogue created", "listed", "catalogue deleted", "runner created", On));
        Assert.Equal(
            ("incr/2026-01-30_01-00-00/2026-01-31_01-00-00", "base/2026-01-30_01-00-00", "56789"),
            (created!.Environment["GALERA_BACKUP_ID"][..^2] + "00", created.Environment["GALERA_BACKUP_PARENT"], created.Environment["GALERA_BACKUP_FROM_LSN"]));
    }

    [Fact]
    public async Task A_base_that_is_damaged_makes_a_full_backup_and_a_warning_and_never_a_veto()
    {
        _cluster.AddBackup("base/2026-01-30_01-00-00");
        var parents = new List<string>();
        _cluster.OnPodCreated = pod => parents.AddRange(pod.Environment.TryGetValue("GALERA_BACKUP_PARENT", out var parent) ? [parent] : []);
        _cluster.OnRunnerStarted = runner =>
        {
            if (parents[^1].Length > 0)
            {
                runner.Fail("ParentDamaged");
            }
            else
            {
                runner.SayReady();
            }
        };

        var run = await RunAsync(Auto);

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
        Assert.Equal(["base/2026-01-30_01-00-00", ""], parents);
        Assert.Contains("A full backup is taken instead", Assert.Single(_cluster.Warnings), StringComparison.Ordinal);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task A_damaged_base_refuses_an_incremental_that_was_asked_for()
    {
        _cluster.AddBackup("base/2026-01-30_01-00-00");
        _cluster.OnRunnerStarted = runner => runner.Fail("ParentDamaged");

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(
            () => RunAsync(Auto with { Runner = Auto.Runner with { Type = BackupTypeRequest.Incremental } }));

        Assert.Equal(("ParentDamaged", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.DoesNotContain(On, _cluster.Steps);
        AssertNothingIsLeft();
    }

    private static BackupRequest Auto => Request with { Retention = null, Runner = Request.Runner with { Type = BackupTypeRequest.Auto } };

    [Fact]
    public async Task The_runner_alone_asks_for_a_replica_that_we_desynced()
    {
        var replica = (await PlanAsync(Request with { Retention = null })).Replica;

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(
            () => BackupWorkflow.RunRunnerAsync(_cluster.Context, replica, Request.Runner, TestContext.Current.CancellationToken));

        Assert.Equal("ReplicaNotDesynced", refusal.ErrorId);
        Assert.Empty(_cluster.Steps);
    }

    [Theory]
    [InlineData(false, Outcome.Succeeded)]
    [InlineData(true, Outcome.Failed)]
    public async Task The_runner_alone_backs_up_and_leaves_the_desync_to_who_made_it(bool fails, Outcome expected)
    {
        _cluster.OnGo = runner =>
        {
            if (fails)
            {
                runner.Fail("BackupToolFailed");
            }
            else
            {
                runner.Copy();
            }
        };
        var replica = await OfRunAsync("run-1");

        var run = await RunRunnerAsync(replica, Request.Runner);

        Assert.Equal((expected, Outcome.Skipped, "run-1"), (run.Backup, run.Resync, run.RunId));
        Assert.Equal(["runner created", "go", "runner deleted"], _cluster.StepsAmong("runner created", "go", "runner deleted", On, Off));
        Assert.NotEmpty(run.Log);
    }

    /// <summary>So that what comes behind it in a pipeline can put the replica back.</summary>
    [Theory]
    [InlineData("LeaseLost")]
    [InlineData("ClaimNotFound")]
    [InlineData("UnsupportedLayout")]
    public async Task The_runner_alone_says_what_refuses_it_as_a_run_that_failed(string id)
    {
        var replica = await OfRunAsync(id == "LeaseLost" ? "run-0" : "run-1");
        if (id == "LeaseLost")
        {
            replica = replica with { Desync = replica.Desync! with { RunId = "run-1" } };
        }

        if (id == "UnsupportedLayout")
        {
            replica = replica with { Node = replica.Node with { Wsrep = replica.Node.Wsrep! with { DataDirectory = "/elsewhere/" } } };
        }

        var run = await RunRunnerAsync(replica, Request.Runner with { BackupClaim = id == "ClaimNotFound" ? "no-such-claim" : FakeCluster.Claim });

        Assert.Equal((Outcome.Failed, id), (run.Backup, run.Errors.Single().ErrorId));
        Assert.Empty(_cluster.Pods);
    }

    [Theory]
    [InlineData(true, WsrepStatus.DonorDesynced, "not by this session")]
    [InlineData(false, WsrepStatus.DonorDesynced, "feeds a joiner")]
    public async Task Off_asks_the_server_and_not_an_old_object(bool desync, int state, string expected)
    {
        var replica = (await PlanAsync(Request with { Retention = null })).Replica;
        (_cluster.Target.Desync, _cluster.Target.LocalState) = (desync, state);

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(
            () => UnownedReplica.RequireNotDesyncedAsync(_cluster.Context, replica, TestContext.Current.CancellationToken));

        Assert.Equal(("NotOurDesync", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replica_that_nobody_desynced_needs_no_Off()
    {
        var replica = (await PlanAsync(Request with { Retention = null })).Replica;

        var seen = await UnownedReplica.RequireNotDesyncedAsync(_cluster.Context, replica, TestContext.Current.CancellationToken);

        Assert.Equal("Synced", seen.Node.WsrepState);
        Assert.Empty(_cluster.Steps);
    }

    [Fact]
    public async Task A_desync_that_somebody_left_can_be_adopted_and_undone()
    {
        (_cluster.Target.Desync, _cluster.Target.LocalState, _cluster.Target.PodReady) = (true, WsrepStatus.DonorDesynced, false);
        var plan = await _cluster.RunAsync(
            BackupWorkflow.PlanAsync(_cluster.Context, Request with { AllowUnsafe = true, Retention = null }, TestContext.Current.CancellationToken));

        await using (var session = await _cluster.RunAsync(
            DesyncSession.AdoptAsync(_cluster.Context, plan.Replica, Request.Desync, TestContext.Current.CancellationToken)))
        {
            await _cluster.RunAsync(session.ResyncAsync(TestContext.Current.CancellationToken));
            await _cluster.RunAsync(session.WaitUntilReadyAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal(["lease created", Off, "lease deleted"], _cluster.Steps.Where(step => step != "lease renewed"));
        Assert.True(_cluster.Target.PodReady);
    }

    private Task<BackupRun> RunAsync(BackupRequest request) =>
        _cluster.RunAsync(BackupWorkflow.RunAsync(_cluster.Context, request, TestContext.Current.CancellationToken));

    private Task<BackupPlan> PlanAsync(BackupRequest request) =>
        _cluster.RunAsync(BackupWorkflow.PlanAsync(_cluster.Context, request, TestContext.Current.CancellationToken));

    private Task<BackupRun> RunRunnerAsync(BackupReplica replica, RunnerOptions options) =>
        _cluster.RunAsync(BackupWorkflow.RunRunnerAsync(_cluster.Context, replica, options, TestContext.Current.CancellationToken));

    private async Task<BackupReplica> OfRunAsync(string runId)
    {
        var replica = (await PlanAsync(Request with { Retention = null })).Replica;
        _cluster.Lease = new LeaseSnapshot
        {
            Name = FakeCluster.LeaseName,
            Namespace = "openstack",
            HolderIdentity = $"alice@here/1/{runId}",
            Annotations = new Dictionary<string, string> { ["galerabackup.io/run-id"] = runId },
        };
        return replica with { Desync = new DesyncRecord { RunId = runId, DesyncedAt = Make.Now, CountBefore = 0 } };
    }

    private void AssertNothingIsLeft()
    {
        Assert.False(_cluster.Target.Desync);
        Assert.Equal(WsrepStatus.Synced, _cluster.Target.LocalState);
        Assert.Empty(_cluster.Pods);
        Assert.Empty(_cluster.Secrets);
        Assert.Null(_cluster.Lease);
    }

    private void AssertIsSaidToBeDesynced()
    {
        Assert.Contains(_cluster.Warnings, warning =>
            warning.StartsWith("openstack/mariadb-server-2 is still desynced", StringComparison.Ordinal)
            && warning.Contains("SET GLOBAL wsrep_desync=OFF", StringComparison.Ordinal));
        Assert.Equal("mariadb-server-2", _cluster.Lease?.Annotations["galerabackup.io/pod"]);
        Assert.Empty(_cluster.Pods);
    }
}
