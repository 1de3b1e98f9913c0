using GaleraBackup.Policy;
using GaleraBackup.Ports;
using GaleraBackup.Runner;

namespace GaleraBackup.Workflow;

/// <summary>What Invoke-GaleraBackup was asked for.</summary>
public sealed record BackupRequest
{
    public required ClusterScope Scope { get; init; }
    public required RunnerOptions Runner { get; init; }
    public DesyncOptions Desync { get; init; } = new();
    public bool AllowUnsafe { get; init; }

    /// <summary>What is pruned after a good backup; null prunes nothing.</summary>
    public RetentionPolicy? Retention { get; init; }
}

/// <summary>The two phases of a physical backup, in their order.</summary>
public static class BackupWorkflow
{
    /// <summary>
    /// Sanity check, replica, lease, runner made ready, desync, copy, resync, prune.
    /// </summary>
    /// <exception cref="GaleraBackupException">
    /// Whatever refuses the run before the replica is touched. From the desync on nothing is thrown: the run's outcomes and errors say how
    /// each phase ended.
    /// </exception>
    public static async Task<BackupRun> RunAsync(BackupContext context, BackupRequest request, CancellationToken cancellationToken)
    {
        var phases = new PhaseRecorder(context.Clock);
        var startedAt = context.Now;
        var replica = await phases.RunAsync(BackupPhase.Check, () => ChooseReplicaAsync(context, request, cancellationToken)).ConfigureAwait(false);
        var session = await DesyncSession.OpenAsync(context, replica, request.Desync, cancellationToken).ConfigureAwait(false);
        await using var closing = session.ConfigureAwait(false);

        // Its image, its volumes and its checks must not cost the replica time: it waits, ready, until the replica is desynced.
        var runner = await phases.RunAsync(
            BackupPhase.Prepare, () => StartRunnerAsync(context, replica, request.Runner, request.Retention, session.RunId, cancellationToken)).ConfigureAwait(false);
        await using var removing = runner.ConfigureAwait(false);

        var run = Begin(replica, request.Runner, session.RunId, startedAt).With(runner.Pod);
        try
        {
            run = await CopyAsync(phases, run, session, runner, cancellationToken).ConfigureAwait(false);
            var publishing = PublishAsync(phases, run, runner, cancellationToken);
            run = await ResyncAsync(phases, run, session, cancellationToken).ConfigureAwait(false);
            run = (await publishing.ConfigureAwait(false))(run);
            run = await PruneAsync(context, phases, run, session, request, cancellationToken).ConfigureAwait(false);
            return run with { FinishedAt = context.Now, Log = runner.Log, Phases = phases.Results };
        }
        catch
        {
            // Cancelled: the replica must not wait for the pod's end.
            await Task.WhenAll(session.CloseAsync(), runner.DisposeAsync().AsTask()).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The same, without changing anything. A short pod lists the backups, where that is needed; it mounts them read-only.</summary>
    public static async Task<BackupPlan> PlanAsync(BackupContext context, BackupRequest request, CancellationToken cancellationToken)
    {
        var replica = await ChooseReplicaAsync(context, request, cancellationToken).ConfigureAwait(false);
        var (catalogue, closing) = await ListAsync(context, replica, request.Runner, request.Retention is not null, cancellationToken).ConfigureAwait(false);
        await closing.ConfigureAwait(false);
        var choice = Choose(context, replica, request.Runner, catalogue);
        var pod = await BuildRunnerAsync(context, replica, For(choice, replica, request.Runner, catalogue), "RUN-ID", cancellationToken).ConfigureAwait(false);
        return new BackupPlan
        {
            Replica = replica,
            LeaseHolder = await ClusterLease.DescribeHolderAsync(context, replica, cancellationToken).ConfigureAwait(false),
            Choice = choice,
            RunnerPod = pod,
            RunnerManifest = context.Kubernetes.RenderPod(pod),
            Services = await ServiceExit.ServicesToLeaveAsync(context, replica, cancellationToken).ConfigureAwait(false),
            Decisions = request.Retention is { } policy && !replica.Unsafe
                ? Retention.Decide([.. catalogue, Planned(pod, choice, NameOf(replica, request.Runner))], policy with { ClusterName = NameOf(replica, request.Runner) }, context.Now)
                : [],
            Prunes = request.Retention is not null,
        };
    }

    /// <summary>The manifest of phase two's pod, in YAML, without creating it.</summary>
    public static async Task<string> PlanRunnerAsync(
        BackupContext context, BackupReplica replica, RunnerOptions options, CancellationToken cancellationToken)
    {
        var (catalogue, closing) = await ListAsync(context, replica, options, isPruned: false, cancellationToken).ConfigureAwait(false);
        await closing.ConfigureAwait(false);
        var choice = Choose(context, replica, options, catalogue);
        return context.Kubernetes.RenderPod(await BuildRunnerAsync(
            context, replica, For(choice, replica, options, catalogue), replica.Desync?.RunId ?? "RUN-ID", cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Phase two alone, on a replica that is desynced already. Never throws for what becomes of the runner: the run says it.</summary>
    /// <exception cref="GaleraBackupException"><c>ReplicaNotDesynced</c></exception>
    public static async Task<BackupRun> RunRunnerAsync(
        BackupContext context, BackupReplica replica, RunnerOptions options, CancellationToken cancellationToken)
    {
        var runId = replica.Desync is { SyncedAt: null } desync ? desync.RunId : throw new GaleraBackupException(
            "ReplicaNotDesynced", FailureKind.Refused, $"{replica} is not desynced by this module, or not any more.",
            "Pipe it through Set-WsrepDesync -State On -PassThru first.", replica);
        var phases = new PhaseRecorder(context.Clock);
        phases.Note(BackupPhase.Desync, Outcome.Succeeded, replica.Desync.LeavingDuration);
        var run = Begin(replica, options, runId, context.Now);
        try
        {
            await ClusterLease.RequireHeldByAsync(context, replica, runId, cancellationToken).ConfigureAwait(false);
            var runner = await phases.RunAsync(
                BackupPhase.Prepare, () => StartRunnerAsync(context, replica, options, retention: null, runId, cancellationToken)).ConfigureAwait(false);
            await using (runner.ConfigureAwait(false))
            {
                run = run.With(runner.Pod);
                try
                {
                    run = await GoAsync(phases, run, runner, cancellationToken).ConfigureAwait(false);
                    run = (await PublishAsync(phases, run, runner, cancellationToken).ConfigureAwait(false))(run);
                }
                finally
                {
                    run = run with { Log = runner.Log };
                }
            }
        }
        catch (GaleraBackupException exception)
        {
            run = run.WithError(exception) with { Backup = OutcomeOf(exception) };
        }

        return run with { FinishedAt = context.Now, Phases = phases.Results };
    }

    public static BackupRun WithError(this BackupRun run, GaleraBackupException exception) => run with
    {
        Errors = [.. run.Errors, new RunError(exception.ErrorId, exception.Kind, exception.Message, exception.Recommendation)],
    };

    public static Outcome OutcomeOf(GaleraBackupException exception) =>
        exception.Kind == FailureKind.TimedOut ? Outcome.TimedOut : Outcome.Failed;

    private static async Task<BackupReplica> ChooseReplicaAsync(BackupContext context, BackupRequest request, CancellationToken cancellationToken)
    {
        context.Progress.Progress(new WorkflowProgress("Checking the cluster", request.Scope.Namespace ?? ""));
        var cluster = await ClusterInspection.InspectAsync(context, request.Scope, cancellationToken).ConfigureAwait(false);
        context.Progress.Progress(new WorkflowProgress("Checking the cluster", cluster.ToString(), Completed: true));
        var replica = ReplicaSelection.Select(cluster, request.AllowUnsafe);
        if (replica.Unsafe)
        {
            context.Progress.Warning($"{cluster} is unsafe and is backed up all the same: {string.Join(" ", cluster.Findings)}");
        }

        context.Progress.Verbose($"Replica: {replica.Pod} on {replica.KubernetesNode}.");
        return replica;
    }

    private static async Task<RunnerPod> BuildRunnerAsync(
        BackupContext context, BackupReplica replica, RunnerOptions options, string runId, CancellationToken cancellationToken)
    {
        var owner = await RunnerSession.FindOwnerAsync(context, replica.Node, cancellationToken).ConfigureAwait(false);
        return RunnerPods.ForBackup(replica, options, runId, context.Now, owner);
    }

    private static async Task<RunnerSession> StartRunnerAsync(
        BackupContext context, BackupReplica replica, RunnerOptions options, RetentionPolicy? retention, string runId, CancellationToken cancellationToken)
    {
        var (catalogue, closing) = await ListAsync(context, replica, options, retention is not null, cancellationToken).ConfigureAwait(false);
        try
        {
            var choice = Choose(context, replica, options, catalogue);
            return await StartAsync(choice).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "ParentDamaged" && options.Type == BackupTypeRequest.Auto)
        {
            context.Progress.Warning($"{exception.Message} A full backup is taken instead.");
            return await StartAsync(BackupTypeChoice.Full(exception.Message, isForced: true)).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "NotEnoughSpace" && retention is not null)
        {
            throw new GaleraBackupException(
                exception.ErrorId, exception.Kind, exception.Message,
                $"{WouldFree(catalogue, retention, replica, options, context.Now)} {exception.Recommendation}", exception.TargetObject, exception);
        }
        finally
        {
            await closing.ConfigureAwait(false);
        }

        async Task<RunnerSession> StartAsync(BackupTypeChoice choice)
        {
            var pod = await BuildRunnerAsync(context, replica, For(choice, replica, options, catalogue), runId, cancellationToken).ConfigureAwait(false);
            return await RunnerSession.StartAsync(context, pod, options, cancellationToken).ConfigureAwait(false);
        }
    }

    private static string WouldFree(
        IReadOnlyList<BackupSet> catalogue, RetentionPolicy policy, BackupReplica replica, RunnerOptions options, DateTimeOffset now)
    {
        var victims = Retention.Decide(catalogue, policy with { ClusterName = NameOf(replica, options) }, now).Where(decision => !decision.Keep).ToList();
        return victims.Count == 0
            ? "The rules given would free nothing now."
            : $"The rules given would free {ByteSize.Format(victims.Sum(victim => victim.SizeBytes))} now: {string.Join(", ", victims.Select(victim => victim.BackupId))}.";
    }

    // What earlier backups took can only ask for more.
    private static RunnerOptions For(BackupTypeChoice choice, BackupReplica replica, RunnerOptions options, IReadOnlyList<BackupSet> catalogue) => options with
    {
        Parent = choice.Base,
        ExpectedBytes = SpaceForecast.ExpectedBytes(catalogue, NameOf(replica, options), choice.Type),
    };

    private static BackupTypeChoice Choose(BackupContext context, BackupReplica replica, RunnerOptions options, IReadOnlyList<BackupSet> catalogue)
    {
        var choice = BackupTypeChoice.Choose(
            options.Type, catalogue, NameOf(replica, options), replica.Node.Wsrep!, replica.Unsafe, options.FullBackupCycle, context.Now);
        var text = $"{choice.Type} backup: {choice.Reason}.";
        if (choice.IsForced)
        {
            context.Progress.Warning(text);
        }
        else
        {
            context.Progress.Verbose(text);
        }

        return choice;
    }

    private static string NameOf(BackupReplica replica, RunnerOptions options) => options.ClusterName ?? replica.Cluster.ToString();

    private static BackupSet Planned(RunnerPod pod, BackupTypeChoice choice, string clusterName) =>
        BackupName.ToBackupSet(pod.Environment["GALERA_BACKUP_ID"], sizeBytes: 0, isComplete: true, pod.BackupClaim)! with
        {
            ClusterName = clusterName,
            Parent = choice.Base?.BackupId,
        };

    // A full backup continues nothing: if nothing is to be pruned either, nobody needs to look. What follows need not wait for the pod's end.
    private static async Task<(IReadOnlyList<BackupSet> Catalogue, Task Closing)> ListAsync(
        BackupContext context, BackupReplica replica, RunnerOptions options, bool isPruned, CancellationToken cancellationToken)
    {
        if (options.Type == BackupTypeRequest.Full && !isPruned)
        {
            return ([], Task.CompletedTask);
        }

        var store = await ClaimBackupStore.OpenAsync(
            context, replica.Node, replica.StatefulSet, options.BackupClaim, options.BackupPath, readOnly: true, options.StartTimeout, cancellationToken).ConfigureAwait(false);
        try
        {
            return (await store.ListAsync(cancellationToken).ConfigureAwait(false), store.DisposeAsync().AsTask());
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "NotABackupRoot")
        {
            context.Progress.Verbose($"There are no backups yet: {exception.Message}");
            return ([], store.DisposeAsync().AsTask()); // The first backup makes it one.
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static BackupRun Begin(BackupReplica replica, RunnerOptions options, string runId, DateTimeOffset startedAt) => new()
    {
        RunId = runId,
        BackupId = BackupName.Full(startedAt),
        BackupClaim = options.BackupClaim,
        BackupPath = options.BackupPath,
        RunnerPod = "",
        Replica = replica,
        ServerVersion = replica.Node.Wsrep?.Version,
        StartedAt = startedAt,
    };

    private static BackupRun With(this BackupRun run, RunnerPod pod) =>
        run with { RunnerPod = pod.Name, BackupId = pod.Environment["GALERA_BACKUP_ID"] };

    private static async Task<BackupRun> CopyAsync(
        PhaseRecorder phases, BackupRun run, DesyncSession session, RunnerSession runner, CancellationToken cancellationToken)
    {
        // Another run that has the lease may begin its own work: what is not finished by now must not go on beside it.
        using var alone = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, session.Lease.Lost);
        try
        {
            run = run with { Replica = await phases.RunAsync(BackupPhase.Desync, () => session.DesyncAsync(alone.Token)).ConfigureAwait(false) };
            await session.Lease.RequireHeldAsync(alone.Token).ConfigureAwait(false);
            return await GoAsync(phases, run, runner, alone.Token).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Backup = OutcomeOf(exception) };
        }
        catch (OperationCanceledException) when (session.Lease.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return run.WithError(session.Lease.WasLost()) with { Backup = Outcome.Failed };
        }
    }

    private static Task<BackupRun> GoAsync(PhaseRecorder phases, BackupRun run, RunnerSession runner, CancellationToken cancellationToken) =>
        phases.RunAsync(
            BackupPhase.Copy,
            async () =>
            {
                await runner.GoAsync(cancellationToken).ConfigureAwait(false);
                var copied = await runner.WaitUntilCopiedAsync(cancellationToken).ConfigureAwait(false);
                return run with { CopyDuration = copied.Duration };
            });

    // Whatever became of the copy, the replica goes back now; the runner finishes its files meanwhile.
    private static async Task<BackupRun> ResyncAsync(PhaseRecorder phases, BackupRun run, DesyncSession session, CancellationToken cancellationToken)
    {
        if (!session.HasTouched)
        {
            return run;
        }

        try
        {
            return await phases.RunAsync(
                BackupPhase.Resync,
                async () =>
                {
                    await session.ResyncAsync(cancellationToken).ConfigureAwait(false);
                    await session.WaitUntilReadyAsync(cancellationToken).ConfigureAwait(false);
                    return run with { Resync = Outcome.Succeeded, Replica = session.Replica };
                }).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Resync = OutcomeOf(exception), Replica = session.Replica };
        }
    }

    /// <summary>What the publication adds to the run, which has its resync meanwhile.</summary>
    private static async Task<Func<BackupRun, BackupRun>> PublishAsync(
        PhaseRecorder phases, BackupRun run, RunnerSession runner, CancellationToken cancellationToken)
    {
        if (run.Backup != Outcome.Skipped)
        {
            // A copy that failed or hangs must not go on under a replica that is being put back.
            await runner.DisposeAsync().ConfigureAwait(false);
            return unchanged => unchanged;
        }

        try
        {
            var result = (await phases.RunAsync(BackupPhase.Publish, () => runner.WaitUntilCompletedAsync(cancellationToken)).ConfigureAwait(false)).Manifest;
            return completed => completed with
            {
                Backup = Outcome.Succeeded,
                Type = result.Type,
                Manifest = result,
                ServerVersion = result.Server.Version,
            };
        }
        catch (GaleraBackupException exception)
        {
            return failed => failed.WithError(exception) with { Backup = OutcomeOf(exception) };
        }
    }

    // After the resync, so that a slow removal never lengthens the replica's absence; never after a failed or an unsafe backup.
    private static async Task<BackupRun> PruneAsync(
        BackupContext context, PhaseRecorder phases, BackupRun run, DesyncSession session, BackupRequest request, CancellationToken cancellationToken)
    {
        if (request.Retention is not { } policy || run.Backup != Outcome.Succeeded || run.Unsafe)
        {
            return run;
        }

        var removed = new List<RetentionDecision>();
        try
        {
            return await phases.RunAsync(
                BackupPhase.Prune,
                async () =>
                {
                    context.Progress.Progress(new WorkflowProgress("Pruning", run.BackupClaim));
                    await session.Lease.RequireHeldAsync(cancellationToken).ConfigureAwait(false);
                    var store = await ClaimBackupStore.OpenAsync(
                        context, run.Replica.Node, run.StatefulSet, run.BackupClaim, request.Runner.BackupPath, readOnly: false, request.Runner.StartTimeout, cancellationToken).ConfigureAwait(false);
                    await using (store.ConfigureAwait(false))
                    {
                        var catalogue = await store.ListAsync(cancellationToken).ConfigureAwait(false);
                        var decisions = Retention.Decide(catalogue, policy with { ClusterName = NameOf(run.Replica, request.Runner) }, context.Now);
                        foreach (var victim in decisions.Where(decision => !decision.Keep))
                        {
                            await store.RemoveAsync(victim.Backup, cancellationToken).ConfigureAwait(false);
                            removed.Add(victim);
                        }
                    }

                    context.Progress.Progress(new WorkflowProgress("Pruning", run.BackupClaim, Completed: true));
                    return run with { Prune = Outcome.Succeeded, Removed = removed };
                }).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Prune = OutcomeOf(exception), Removed = removed };
        }
    }
}
