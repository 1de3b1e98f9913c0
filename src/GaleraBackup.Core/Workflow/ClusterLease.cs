using System.Globalization;
using GaleraBackup.Ports;

namespace GaleraBackup.Workflow;

/// <summary>
/// The right to desync a node of one cluster: a coordination.k8s.io/v1 Lease, so that a second run, from whatever machine, is
/// refused with who holds it. Renewed while we live, given back when the replica is in sync again; what is kept in it is enough to mend the
/// replica if we die.
/// </summary>
public sealed class ClusterLease : IAsyncDisposable
{
    private const string Prefix = "galerabackup.io/";
    private const string RunIdAnnotation = Prefix + "run-id";
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    private readonly BackupContext _context;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _lost = new();
    private LeaseSnapshot _lease;
    private Task _renewing = Task.CompletedTask;

    private ClusterLease(BackupContext context, LeaseSnapshot lease)
    {
        _context = context;
        _lease = lease;
        Lost = _lost.Token;
    }

    /// <summary>Cancelled once another run has taken the lease. An API that does not answer for a while is no loss: nobody can have taken it unseen.</summary>
    public CancellationToken Lost { get; }

    public static string NameOf(string statefulSet) => $"galera-backup-{statefulSet}";

    /// <exception cref="GaleraBackupException"><c>LeaseHeld</c> if another run holds it and lives.</exception>
    public static async Task<ClusterLease> AcquireAsync(BackupContext context, BackupReplica replica, string runId, CancellationToken cancellationToken)
    {
        var wanted = new LeaseSnapshot
        {
            Name = NameOf(replica.StatefulSet),
            Namespace = replica.Namespace,
            HolderIdentity = $"{Environment.UserName}@{Environment.MachineName}/{Environment.ProcessId.ToString(CultureInfo.InvariantCulture)}/{runId}",
            Duration = Duration,
            AcquiredAt = context.Now,
            RenewedAt = context.Now,
            Annotations = new Dictionary<string, string>
            {
                [RunIdAnnotation] = runId,
                [Prefix + "pod"] = replica.Pod,
                [Prefix + "pod-uid"] = replica.Node.PodSnapshot.Uid,
                [Prefix + "desync-count-before"] = (replica.Node.Wsrep?.DesyncCount ?? 0).ToString(CultureInfo.InvariantCulture),
            },
        };
        var kubernetes = context.Kubernetes;
        LeaseSnapshot held;
        try
        {
            var present = await kubernetes.ReadLeaseAsync(wanted.Namespace, wanted.Name, cancellationToken).ConfigureAwait(false);
            if (present is not null)
            {
                present = await WaitForDeathAsync(context, present, cancellationToken).ConfigureAwait(false);
            }

            if (present is null)
            {
                held = await kubernetes.CreateLeaseAsync(wanted, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                context.Progress.Warning(
                    $"The run that held lease {present.Namespace}/{present.Name} ({present.HolderIdentity}) has not renewed it for {Duration.TotalSeconds:0} s: taking it over.");
                held = await kubernetes.ReplaceLeaseAsync(wanted with { ResourceVersion = present.ResourceVersion }, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "ApiConflict")
        {
            // Another run was faster by a moment.
            throw Held(await kubernetes.ReadLeaseAsync(wanted.Namespace, wanted.Name, cancellationToken).ConfigureAwait(false) ?? wanted);
        }
        catch (Exception exception) when (exception is OperationCanceledException or GaleraBackupException { Kind: FailureKind.Unreachable })
        {
            await ForgetAsync(context, wanted).ConfigureAwait(false);
            throw;
        }

        var lease = new ClusterLease(context, held);
        lease._renewing = Task.Run(lease.RenewAsync, CancellationToken.None);
        return lease;
    }

    /// <summary>Reads the lease anew: right before each change, so that a run that was held up for long changes nothing under another's feet.</summary>
    /// <exception cref="GaleraBackupException"><c>LeaseLost</c></exception>
    public async Task RequireHeldAsync(CancellationToken cancellationToken)
    {
        if (Lost.IsCancellationRequested || await ReadOwnAsync(_context, _lease, cancellationToken).ConfigureAwait(false) is null)
        {
            throw WasLost();
        }
    }

    /// <summary>The same for a step that is typed by itself: the lease is kept by the session that desynced the replica.</summary>
    /// <exception cref="GaleraBackupException"><c>LeaseLost</c></exception>
    public static async Task RequireHeldByAsync(BackupContext context, BackupReplica replica, string runId, CancellationToken cancellationToken)
    {
        var name = NameOf(replica.StatefulSet);
        if ((await context.Kubernetes.ReadLeaseAsync(replica.Namespace, name, cancellationToken).ConfigureAwait(false))
            ?.Annotations.GetValueOrDefault(RunIdAnnotation) != runId)
        {
            throw WasLost(replica.Namespace, name);
        }
    }

    /// <summary>Who holds the lease of a replica's cluster, in a sentence; null if nobody does.</summary>
    public static async Task<string?> DescribeHolderAsync(BackupContext context, BackupReplica replica, CancellationToken cancellationToken)
    {
        var lease = await context.Kubernetes
            .ReadLeaseAsync(replica.Namespace, NameOf(replica.StatefulSet), cancellationToken).ConfigureAwait(false);
        return string.IsNullOrEmpty(lease?.HolderIdentity) ? null : Describe(lease);
    }

    /// <summary><c>LeaseLost</c></summary>
    public GaleraBackupException WasLost() => WasLost(_lease.Namespace, _lease.Name);

    private static GaleraBackupException WasLost(string ns, string name) => new(
        "LeaseLost", FailureKind.Failed,
        $"The lease {ns}/{name} was lost to another run, or given back.",
        "Another run may work on this cluster now: see who holds it before anything else.",
        name);

    /// <summary>Gives the lease back: only once nothing of ours is left to mend.</summary>
    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        await StopAsync().ConfigureAwait(false);
        if (Lost.IsCancellationRequested)
        {
            return;
        }

        try
        {
            await _context.Kubernetes.DeleteLeaseAsync(_lease, cancellationToken).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "ApiConflict")
        {
            if (await ReadOwnAsync(_context, _lease, cancellationToken).ConfigureAwait(false) is { } present)
            {
                await _context.Kubernetes.DeleteLeaseAsync(present, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Stops renewing without giving back: the lease goes on saying what has to be mended.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _stop.Dispose();
        _lost.Dispose();
    }

    // Clocks of two machines differ: a lease is dead when nobody has written to it for its duration by OUR clock, whatever times it holds. One
    // that lives is renewed three times in that time, so the wait for a refusal is short. Null: its holder gave it back meanwhile.
    private static async Task<LeaseSnapshot?> WaitForDeathAsync(BackupContext context, LeaseSnapshot present, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(present.HolderIdentity))
        {
            return present;
        }

        context.Progress.Verbose($"Lease {present.Namespace}/{present.Name} is held by {present.HolderIdentity}: watching for up to {present.Duration.TotalSeconds:0} s whether it lives.");
        var since = context.Clock.GetTimestamp();
        while (context.Clock.GetElapsedTime(since) < present.Duration)
        {
            await Task.Delay(WatchInterval, context.Clock, cancellationToken).ConfigureAwait(false);
            var later = await context.Kubernetes.ReadLeaseAsync(present.Namespace, present.Name, cancellationToken).ConfigureAwait(false);
            if (later is null)
            {
                return null;
            }

            if (later.ResourceVersion != present.ResourceVersion)
            {
                throw Held(later);
            }
        }

        return present;
    }

    // A write whose answer was lost may have been done all the same: the holder's name, which has the run's id in it, tells.
    private static async Task<LeaseSnapshot?> ReadOwnAsync(BackupContext context, LeaseSnapshot lease, CancellationToken cancellationToken)
    {
        var present = await context.Kubernetes.ReadLeaseAsync(lease.Namespace, lease.Name, cancellationToken).ConfigureAwait(false);
        return present?.HolderIdentity == lease.HolderIdentity ? present : null;
    }

    private static async Task ForgetAsync(BackupContext context, LeaseSnapshot wanted)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), context.Clock);
        try
        {
            if (await ReadOwnAsync(context, wanted, limit.Token).ConfigureAwait(false) is { } present)
            {
                await context.Kubernetes.DeleteLeaseAsync(present, limit.Token).ConfigureAwait(false);
            }
        }
        catch (Exception exception) when (exception is GaleraBackupException or OperationCanceledException)
        {
            context.Progress.Verbose($"A lease that may have been taken could not be given back; it runs out by itself: {exception.Message}");
        }
    }

    private static GaleraBackupException Held(LeaseSnapshot lease) => new(
        "LeaseHeld", FailureKind.Refused,
        $"Another run works on this cluster: {Describe(lease)}.",
        "Wait until it has ended. One run at a time keeps at most one node of the cluster desynced.",
        lease.Name);

    private static string Describe(LeaseSnapshot lease) =>
        $"lease {lease.Namespace}/{lease.Name} is held by {lease.HolderIdentity} since {lease.AcquiredAt:u} for pod {lease.Annotations.GetValueOrDefault(Prefix + "pod")}";

    private async Task RenewAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Duration / 3, _context.Clock, _stop.Token).ConfigureAwait(false);
                try
                {
                    if (!await TryRenewAsync().ConfigureAwait(false))
                    {
                        _context.Progress.Warning($"The lease {_lease.Namespace}/{_lease.Name} was taken by another run.");
                        await _lost.CancelAsync().ConfigureAwait(false);
                        return;
                    }
                }
                catch (GaleraBackupException exception)
                {
                    _context.Progress.Verbose($"The lease could not be renewed: {exception.Message}");
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Given back, or let go.
        }
    }

    private async Task<bool> TryRenewAsync()
    {
        try
        {
            _lease = await _context.Kubernetes.ReplaceLeaseAsync(_lease with { RenewedAt = _context.Now }, _stop.Token).ConfigureAwait(false);
            return true;
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "ApiConflict")
        {
            if (await ReadOwnAsync(_context, _lease, _stop.Token).ConfigureAwait(false) is not { } present)
            {
                return false;
            }

            _lease = present;
            return true;
        }
    }

    private async Task StopAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _renewing.ConfigureAwait(false);
    }
}
