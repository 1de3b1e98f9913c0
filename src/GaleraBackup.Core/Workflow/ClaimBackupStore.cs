using GaleraBackup.Policy;
using GaleraBackup.Ports;
using GaleraBackup.Runner;

namespace GaleraBackup.Workflow;

/// <summary>The backups on a claim, through a short pod that mounts it.</summary>
public sealed class ClaimBackupStore : IBackupStore
{
    /// <summary>For the pod's start, unless somebody says otherwise.</summary>
    public static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(5);

    /// <summary>For one listing, or the removal of one backup, on a slow volume.</summary>
    private static readonly TimeSpan CallTimeout = TimeSpan.FromMinutes(30);

    /// <summary>A kubelet may keep a pod that is deleted while its container starts for most of a minute (seen on 1.20: 47 s).</summary>
    private static readonly TimeSpan CleanUpTimeout = TimeSpan.FromSeconds(90);

    private readonly BackupContext _context;
    private readonly RunnerPod _pod;

    private ClaimBackupStore(BackupContext context, RunnerPod pod)
    {
        (_context, _pod) = (context, pod);
    }

    public string Location => _pod.BackupClaim;

    /// <param name="node">Gives the pod its image, its uid and, for a ReadWriteOnce claim, its Kubernetes node.</param>
    /// <param name="readOnly">True if backups are only to be listed: the pod cannot remove any.</param>
    /// <exception cref="GaleraBackupException"><c>ClaimNotFound</c>, <c>RunnerNotScheduled</c>, <c>RunnerImageNotPulled</c>, <c>RunnerNotStarted</c></exception>
    public static async Task<ClaimBackupStore> OpenAsync(
        BackupContext context, GaleraNode node, string statefulSet, string backupClaim, string backupPath, bool readOnly, TimeSpan startTimeout,
        CancellationToken cancellationToken)
    {
        var owner = await RunnerSession.FindOwnerAsync(context, node, cancellationToken).ConfigureAwait(false);
        var pod = RunnerPods.ForStore(node, statefulSet, backupClaim, backupPath, context.Now, owner, readOnly);
        if (await context.Kubernetes.ReadClaimAsync(pod.Namespace, backupClaim, cancellationToken).ConfigureAwait(false) is null)
        {
            throw RunnerSession.ClaimNotFound(pod);
        }

        var store = new ClaimBackupStore(context, pod);
        try
        {
            await context.Kubernetes.CreatePodAsync(pod, cancellationToken).ConfigureAwait(false);
            PodSnapshot? last = null;
            var seen = await Deadline.RunAsync(
                context.Clock, startTimeout, () => store.NotStarted(last),
                token => context.Kubernetes.WatchPodAsync(pod.Namespace, pod.Name, token).FirstAsync(
                    seen =>
                    {
                        last = seen;
                        return seen is null or not { Phase: "Pending" } || RunnerSession.IsHopeless(seen);
                    },
                    token),
                cancellationToken).ConfigureAwait(false);
            return seen is { Phase: "Running" } ? store : throw store.NotStarted(seen);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "ApiConflict")
        {
            throw; // Another's pod, created in the same second, has the name: it is not ours to remove.
        }
        catch
        {
            await store.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async Task<IReadOnlyList<BackupSet>> ListAsync(CancellationToken cancellationToken) =>
        Catalogue.ReadListing(await CallAsync(["list"], cancellationToken).ConfigureAwait(false), Location);

    public Task SetKeepAsync(BackupSet backup, bool keep, CancellationToken cancellationToken) =>
        CallAsync([keep ? "keep" : "unkeep", backup.BackupId], cancellationToken);

    public Task RemoveAsync(BackupSet backup, CancellationToken cancellationToken) => CallAsync(["remove", backup.BackupId], cancellationToken);

    public async ValueTask DisposeAsync()
    {
        using var limit = new CancellationTokenSource(CleanUpTimeout, _context.Clock);
        try
        {
            await _context.Kubernetes.DeletePodAsync(_pod.Namespace, _pod.Name, TimeSpan.FromSeconds(5), limit.Token).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is GaleraBackupException or OperationCanceledException)
        {
            _context.Progress.Warning($"The pod {_pod.Namespace}/{_pod.Name} could not be removed: {exception.Message} It ends by itself within the hour.");
        }
    }

    private async Task<string> CallAsync(string[] arguments, CancellationToken cancellationToken)
    {
        // A command goes in the request's address, which has its limits: the script itself is in the pod's environment.
        string[] command = ["/bin/bash", "-c", "exec /bin/bash -c \"$GALERA_BACKUP_STORE\" \"$@\"", "backup-store", "backup-store", .. arguments];
        var result = await Deadline.RunAsync(
            _context.Clock, CallTimeout, () => TimedOut(arguments[0]),
            token => _context.Kubernetes.ExecAsync(_pod.Namespace, _pod.Name, RunnerPod.Container, command, token), cancellationToken).ConfigureAwait(false);
        return result.ExitCode == 0
            ? result.Output
            : throw new GaleraBackupException(
                result.ExitCode switch { 3 => "NotABackupRoot", 4 => "NotABackup", 5 => "BackupInUse", _ => "StoreFailed" },
                result.ExitCode is 3 or 4 or 5 ? FailureKind.Refused : FailureKind.Failed,
                $"The backups on claim {Location} could not be {(arguments[0] switch { "list" => "listed", "remove" => $"removed ({arguments[1]})", _ => $"marked ({arguments[1]})" })}: {result.Error.Trim()}",
                "Check -BackupClaim and -BackupPath, and that the pod's user may write there.", Location);
    }

    private GaleraBackupException TimedOut(string what) => new(
        "StoreTimedOut", FailureKind.TimedOut, $"The pod {_pod.Name} did not {what} the backups on claim {Location} within {CallTimeout.TotalMinutes:0} minutes.",
        "The backup volume may hang: see its server.", Location);

    private GaleraBackupException NotStarted(PodSnapshot? seen) =>
        RunnerSession.CannotStart(_pod, seen, "that lists the backups did not start");
}
