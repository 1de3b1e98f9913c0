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

    /// <summary>Complete backups to keep; null prunes nothing.</summary>
    public int? KeepLast { get; init; }
}

/// <summary>What a run would do: everything that reading alone can tell.</summary>
public sealed record BackupPlan(BackupReplica Replica, RunnerPod RunnerPod, string RunnerManifest, int? KeepLast);

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
        var replica = await ChooseReplicaAsync(context, request, cancellationToken).ConfigureAwait(false);
        var session = await DesyncSession.OpenAsync(context, replica, request.Desync, cancellationToken).ConfigureAwait(false);
        await using var closing = session.ConfigureAwait(false);

        // Its image, its volumes and its checks must not cost the replica time: it waits, ready, until the replica is desynced.
        var runner = await StartRunnerAsync(context, replica, request.Runner, session.RunId, cancellationToken).ConfigureAwait(false);
        await using var removing = runner.ConfigureAwait(false);

        var run = Begin(context, replica, runner, request.Runner, session.RunId);
        try
        {
            run = await CopyAsync(run, session, runner, cancellationToken).ConfigureAwait(false);

            // A copy that failed or hangs must not go on under a replica that is being put back.
            var ending = run.Backup == Outcome.Skipped ? Task.CompletedTask : runner.DisposeAsync().AsTask();
            run = await ResyncAsync(run, session, cancellationToken).ConfigureAwait(false);
            await ending.ConfigureAwait(false);
            run = await CompleteAsync(run, runner, cancellationToken).ConfigureAwait(false);
            run = await PruneAsync(context, run, request, cancellationToken).ConfigureAwait(false);
            return run with { FinishedAt = context.Now, Log = runner.Log };
        }
        catch
        {
            // Cancelled: the replica must not wait for the pod's end.
            await Task.WhenAll(session.CloseAsync(), runner.DisposeAsync().AsTask()).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The same, without changing anything.</summary>
    public static async Task<BackupPlan> PlanAsync(BackupContext context, BackupRequest request, CancellationToken cancellationToken)
    {
        var replica = await ChooseReplicaAsync(context, request, cancellationToken).ConfigureAwait(false);
        var pod = await BuildRunnerAsync(context, replica, request.Runner, "RUN-ID", cancellationToken).ConfigureAwait(false);
        return new BackupPlan(replica, pod, context.Kubernetes.RenderPod(pod), request.KeepLast);
    }

    /// <summary>Phase two alone, on a replica that is desynced already. Never throws for what becomes of the runner: the run says it.</summary>
    public static async Task<BackupRun> RunRunnerAsync(
        BackupContext context, BackupReplica replica, RunnerOptions options, CancellationToken cancellationToken)
    {
        var runId = replica.Desync is { SyncedAt: null } desync ? desync.RunId : throw new GaleraBackupException(
            "ReplicaNotDesynced", FailureKind.Refused, $"{replica} is not desynced by this module, or not any more.",
            "Pipe it through Set-WsrepDesync -State On -PassThru first.", replica);
        var pod = await BuildRunnerAsync(context, replica, options, runId, cancellationToken).ConfigureAwait(false);
        var run = Begin(context, replica, pod, options, runId);
        try
        {
            var runner = await RunnerSession
                .StartAsync(context, pod, options, cancellationToken).ConfigureAwait(false);
            await using (runner.ConfigureAwait(false))
            {
                try
                {
                    await runner.GoAsync(cancellationToken).ConfigureAwait(false);
                    var copied = await runner.WaitUntilCopiedAsync(cancellationToken).ConfigureAwait(false);
                    run = run with { CopyDuration = copied.Duration };
                    run = await CompleteAsync(run, runner, cancellationToken).ConfigureAwait(false);
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

        return run with { FinishedAt = context.Now };
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
        BackupContext context, BackupReplica replica, RunnerOptions options, string runId, CancellationToken cancellationToken)
    {
        var pod = await BuildRunnerAsync(context, replica, options, runId, cancellationToken).ConfigureAwait(false);
        return await RunnerSession.StartAsync(context, pod, options, cancellationToken).ConfigureAwait(false);
    }

    private static BackupRun Begin(BackupContext context, BackupReplica replica, RunnerSession runner, RunnerOptions options, string runId) =>
        Begin(context, replica, runner.Pod, options, runId);

    private static BackupRun Begin(BackupContext context, BackupReplica replica, RunnerPod pod, RunnerOptions options, string runId) => new()
    {
        RunId = runId,
        BackupId = pod.Environment["GALERA_BACKUP_ID"],
        BackupClaim = options.BackupClaim,
        BackupPath = options.BackupPath,
        RunnerPod = pod.Name,
        Replica = replica,
        ServerVersion = replica.Node.Wsrep?.Version,
        StartedAt = context.Now,
    };

    private static async Task<BackupRun> CopyAsync(BackupRun run, DesyncSession session, RunnerSession runner, CancellationToken cancellationToken)
    {
        try
        {
            run = run with { Replica = await session.DesyncAsync(cancellationToken).ConfigureAwait(false) };
            await runner.GoAsync(cancellationToken).ConfigureAwait(false);
            var copied = await runner.WaitUntilCopiedAsync(cancellationToken).ConfigureAwait(false);
            return run with { CopyDuration = copied.Duration };
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Backup = OutcomeOf(exception) };
        }
    }

    // Whatever became of the copy, the replica goes back now; the runner finishes its files meanwhile.
    private static async Task<BackupRun> ResyncAsync(BackupRun run, DesyncSession session, CancellationToken cancellationToken)
    {
        try
        {
            await session.ResyncAsync(cancellationToken).ConfigureAwait(false);
            await session.WaitUntilReadyAsync(cancellationToken).ConfigureAwait(false);
            return run with { Resync = Outcome.Succeeded, Replica = session.Replica };
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Resync = OutcomeOf(exception), Replica = session.Replica };
        }
    }

    private static async Task<BackupRun> CompleteAsync(BackupRun run, RunnerSession runner, CancellationToken cancellationToken)
    {
        if (run.Backup != Outcome.Skipped)
        {
            return run;
        }

        try
        {
            var result = await runner.WaitUntilCompletedAsync(cancellationToken).ConfigureAwait(false);
            return run with
            {
                Backup = Outcome.Succeeded,
                ClusterUuid = result.ClusterUuid,
                Seqno = result.Seqno,
                ToLsn = result.ToLsn,
                DatabaseBytes = result.DatabaseKiB * 1024,
                StreamedBytes = result.StreamedBytes,
                StoredBytes = result.StoredBytes,
                ServerVersion = result.ServerVersion ?? run.ServerVersion,
            };
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Backup = OutcomeOf(exception) };
        }
    }

    // After the resync, so that a slow removal never lengthens the replica's absence; never after a failed or an unsafe backup.
    private static async Task<BackupRun> PruneAsync(BackupContext context, BackupRun run, BackupRequest request, CancellationToken cancellationToken)
    {
        if (request.KeepLast is not { } keepLast || run.Backup != Outcome.Succeeded || run.Unsafe)
        {
            return run;
        }

        var removed = new List<BackupSet>();
        try
        {
            context.Progress.Progress(new WorkflowProgress("Pruning", run.BackupClaim));
            var store = await ClaimBackupStore.OpenAsync(
                context, run.Replica.Node, run.StatefulSet, run.BackupClaim, request.Runner.BackupPath, readOnly: false, cancellationToken).ConfigureAwait(false);
            await using (store.ConfigureAwait(false))
            {
                foreach (var victim in Retention.Victims(await store.ListAsync(cancellationToken).ConfigureAwait(false), keepLast))
                {
                    await store.RemoveAsync(victim, cancellationToken).ConfigureAwait(false);
                    removed.Add(victim);
                }
            }

            context.Progress.Progress(new WorkflowProgress("Pruning", run.BackupClaim, Completed: true));
            return run with { Prune = Outcome.Succeeded, Removed = removed };
        }
        catch (GaleraBackupException exception)
        {
            return run.WithError(exception) with { Prune = OutcomeOf(exception), Removed = removed };
        }
    }
}
