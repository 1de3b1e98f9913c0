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
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    private readonly BackupContext _context;
    private readonly CancellationTokenSource _stop = new();
    private LeaseSnapshot _lease;
    private Task _renewing = Task.CompletedTask;

    private ClusterLease(BackupContext context, LeaseSnapshot lease)
    {
        _context = context;
        _lease = lease;
    }

    /// <summary>True once another has taken the lease, or once it could not be renewed for its whole duration.</summary>
    public bool IsLost { get; private set; }

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
                [Prefix + "run-id"] = runId,
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

    /// <exception cref="GaleraBackupException"><c>LeaseLost</c></exception>
    public void EnsureHeld()
    {
        if (IsLost)
        {
            throw new GaleraBackupException(
                "LeaseLost", FailureKind.Failed,
                $"The lease {_lease.Namespace}/{_lease.Name} was lost to another run.",
                "Another run may work on this cluster now: see who holds it before anything else.",
                _lease.Name);
        }
    }

    /// <summary>Gives the lease back: only once nothing of ours is left to mend.</summary>
    public async Task ReleaseAsync(CancellationToken cancellationToken)
    {
        await StopAsync().ConfigureAwait(false);
        if (IsLost)
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
    }

    // Clocks of two machines differ: a lease is dead when nobody has written to it for its duration by OUR clock, whatever times it holds.
    // Null: its holder gave it back meanwhile.
    private static async Task<LeaseSnapshot?> WaitForDeathAsync(BackupContext context, LeaseSnapshot present, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(present.HolderIdentity))
        {
            return present;
        }

        if (present.RenewedAt is { } renewed && renewed <= context.Now && context.Now - renewed < present.Duration)
        {
            throw Held(present);
        }

        context.Progress.Verbose($"Lease {present.Namespace}/{present.Name} looks dead; watching it for {present.Duration.TotalSeconds:0} s to be sure.");
        await Task.Delay(present.Duration, context.Clock, cancellationToken).ConfigureAwait(false);
        var later = await context.Kubernetes.ReadLeaseAsync(present.Namespace, present.Name, cancellationToken).ConfigureAwait(false);
        return later is null || later.ResourceVersion == present.ResourceVersion ? later : throw Held(later);
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
        $"Another run works on this cluster: lease {lease.Namespace}/{lease.Name} is held by {lease.HolderIdentity} since {lease.AcquiredAt:u} for pod {lease.Annotations.GetValueOrDefault(Prefix + "pod")}.",
        "Wait until it has ended. One run at a time keeps at most one node of the cluster desynced.",
        lease.Name);

    private async Task RenewAsync()
    {
        var lastSuccess = _context.Now;
        try
        {
            while (true)
            {
                await Task.Delay(Duration / 3, _context.Clock, _stop.Token).ConfigureAwait(false);
                try
                {
                    if (!await TryRenewAsync().ConfigureAwait(false))
                    {
                        IsLost = true;
                        _context.Progress.Warning($"The lease {_lease.Namespace}/{_lease.Name} was taken by another run.");
                        return;
                    }

                    // After an outage, or a laptop's sleep: nobody took it meanwhile.
                    (IsLost, lastSuccess) = (false, _context.Now);
                }
                catch (GaleraBackupException exception)
                {
                    IsLost = _context.Now - lastSuccess > Duration;
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
