using System.Security.Cryptography;
using GaleraBackup.Policy;
using GaleraBackup.Ports;

namespace GaleraBackup.Workflow;

/// <summary>
/// One replica taken out of the cluster's flow control and put back: the lease, the SQL session to that very node, and the waiting.
/// Disposing it puts the replica back, whatever happened before, with a time limit of its own.
/// </summary>
public sealed class DesyncSession : IAsyncDisposable
{
    private const int QuietSamples = 3;
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ReconnectInterval = TimeSpan.FromSeconds(1);

    private readonly BackupContext _context;
    private readonly ReplicaConnection _server;
    private readonly SemaphoreSlim _one = new(1, 1);
    private bool _ours;
    private bool _closed;
    private bool _ended;
    private long _offAt;

    private DesyncSession(
        BackupContext context, DesyncOptions options, ReplicaConnection server, ClusterLease lease, BackupReplica replica, string runId)
    {
        (_context, Options, _server, Lease, Replica, RunId) = (context, options, server, lease, replica, runId);
    }

    public string RunId { get; }

    /// <summary>Limits of what is still to come: Off may bring others than On did.</summary>
    public DesyncOptions Options { get; set; }

    /// <summary>True from the moment on at which wsrep_desync=ON was sent.</summary>
    public bool HasTouched { get; private set; }

    /// <summary>Why the replica could not be put back; null while it was not tried, and if it was.</summary>
    public GaleraBackupException? Unmended { get; private set; }

    /// <summary>The replica with what we did to it so far.</summary>
    public BackupReplica Replica { get; private set; }

    /// <summary>Held from the beginning until the replica is back.</summary>
    public ClusterLease Lease { get; }

    private string HowToMend =>
        $"Once the lease has run out (30 s), put it back with: Set-WsrepDesync Off -Namespace {Replica.Namespace} -StatefulSet {Replica.StatefulSet} -Pod {Replica.Pod} -Force, or on the node: SET GLOBAL wsrep_desync=OFF.";

    /// <summary>Takes the lease and connects to the node. Does not touch the replica.</summary>
    /// <exception cref="GaleraBackupException">
    /// <c>UnsupportedLayout</c>, <c>LeaseHeld</c>, <c>ReplicaAlreadyDesynced</c>, <c>WrongServer</c>, and what the ports raise.
    /// </exception>
    public static Task<DesyncSession> OpenAsync(
        BackupContext context, BackupReplica replica, DesyncOptions options, CancellationToken cancellationToken) =>
        OpenAsync(context, replica, options, adopt: false, cancellationToken);

    /// <summary>The same for a replica that somebody else left desynced, and that the user wants put back.</summary>
    /// <exception cref="GaleraBackupException"><c>LeaseHeld</c>, <c>WrongServer</c>, and what the ports raise.</exception>
    public static Task<DesyncSession> AdoptAsync(
        BackupContext context, BackupReplica replica, DesyncOptions options, CancellationToken cancellationToken) =>
        OpenAsync(context, replica, options, adopt: true, cancellationToken);

    private static async Task<DesyncSession> OpenAsync(
        BackupContext context, BackupReplica replica, DesyncOptions options, bool adopt, CancellationToken cancellationToken)
    {
        if (!adopt)
        {
            // What no runner could read is no reason to desync anything.
            _ = ServerVolumes.Of(replica.Node);
        }

        var runId = $"{context.Now.UtcDateTime:yyyyMMddHHmmss}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        var lease = await ClusterLease.AcquireAsync(context, replica, runId, cancellationToken).ConfigureAwait(false);
        try
        {
            var server = await ReplicaConnection.OpenAsync(context, replica, cancellationToken).ConfigureAwait(false);
            try
            {
                var status = await server.ReadStatusAsync(cancellationToken).ConfigureAwait(false);
                return status.Desync && !adopt
                    ? throw DesyncGuard.AlreadyDesynced(replica, status.DesyncCount)
                    : new DesyncSession(context, options, server, lease, replica, runId) { _ours = adopt };
            }
            catch
            {
                await server.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }
        catch
        {
            await GiveBackAsync(context, lease).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Looks at the cluster once more, then SET GLOBAL wsrep_desync=ON, then waits until the node is Donor/Desynced, its pod NotReady and gone
    /// from the endpoints of every Service that held it. The node goes on receiving and applying write-sets.
    /// </summary>
    /// <exception cref="GaleraBackupException">
    /// Before the replica is touched <c>LeaseLost</c> and what <see cref="DesyncGuard"/> refuses. <c>DesyncTimedOut</c> and
    /// <c>ReadinessIgnoresDesync</c>: the replica is put back before they are thrown.
    /// </exception>
    public async Task<BackupReplica> DesyncAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await Deadline.RunAsync(_context.Clock, Options.DesyncTimeout, DesyncTimedOut, LeaveAsync, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await CloseAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Waits until the receive queue is drained, sets wsrep_desync=OFF and waits for Synced. OFF with a long queue would throttle the
    /// whole cluster (codership/galera#289). Does nothing if the desync is not ours, or undone already.
    /// </summary>
    /// <exception cref="GaleraBackupException"><c>DrainTimedOut</c>, <c>ResyncTimedOut</c></exception>
    public async Task<BackupReplica> ResyncAsync(CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_ended && Unmended is { } reason)
            {
                throw reason; // Tried and given up: the session to the server is closed.
            }

            if (_ours)
            {
                await DrainAsync(cancellationToken).ConfigureAwait(false);
                _offAt = _context.Clock.GetTimestamp();
                await Deadline.RunAsync(
                    _context.Clock, Options.ResyncTimeout, ResyncTimedOut,
                    token => ReconnectingAsync(PutBackAsync, token), cancellationToken).ConfigureAwait(false);
                (_ours, Unmended) = (false, null);
                Replica = Replica with { Desync = Replica.Desync is { } desync ? desync with { SyncedAt = _context.Now } : null };
                _context.Progress.Verbose($"{Replica.Pod} is Synced.");
            }

            return Replica;
        }
        catch (GaleraBackupException exception)
        {
            Unmended = exception;
            throw;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Waits until the pod is Ready again, after <see cref="ResyncAsync"/>.</summary>
    /// <exception cref="GaleraBackupException"><c>ResyncTimedOut</c></exception>
    public Task<BackupReplica> WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        // Synced and Ready share one limit.
        var remaining = Options.ResyncTimeout - (_offAt == 0 ? TimeSpan.Zero : _context.Clock.GetElapsedTime(_offAt));
        return Deadline.RunAsync(
            _context.Clock, remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero, ResyncTimedOut,
            async token =>
            {
                var ready = await _context.Kubernetes.WatchPodAsync(Replica.Namespace, Replica.Pod, token)
                    .FirstAsync(pod => pod is { Ready: true }, token).ConfigureAwait(false);
                Replica = Replica with
                {
                    Node = Replica.Node with { Ready = true, Phase = ready!.Phase, PodSnapshot = ready },
                    Desync = Replica.Desync is { } desync ? desync with { ReadyAt = _context.Now } : null,
                };
                _context.Progress.Progress(new WorkflowProgress("Resynchronising", $"{Replica.Pod} is Ready", Completed: true));
                return Replica;
            },
            cancellationToken);
    }

    /// <summary>
    /// Puts the replica back if that is still to be done, then gives the lease back. Never throws; what it cannot mend it says, and
    /// leaves the lease, which names what is to be mended.
    /// </summary>
    public async Task CloseAsync()
    {
        if (_closed)
        {
            return;
        }

        _closed = true;
        try
        {
            // What was tried and given up is not tried again: whoever waits here has waited that long already.
            if (Unmended is null)
            {
                // A person or a kubelet waits for the end: not for an hour.
                Options = Options with { DrainTimeout = Options.DrainTimeout < Options.ResyncTimeout ? Options.DrainTimeout : Options.ResyncTimeout };

                // Not the caller's token: it is cancelled when this is needed most. ResyncAsync has its own limits.
                await ResyncAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (GaleraBackupException)
        {
            // It is in Unmended.
        }

        if (Unmended is { } reason)
        {
            _context.Progress.Warning($"{Replica} is still desynced: {reason.Message} {HowToMend}");
            await Lease.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            await GiveBackAsync(_context, Lease).ConfigureAwait(false);
        }

        _ended = true;
        await _server.DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _one.Dispose();
    }

    private static async Task GiveBackAsync(BackupContext context, ClusterLease lease)
    {
        await using (lease.ConfigureAwait(false))
        {
            try
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(15), context.Clock);
                await lease.ReleaseAsync(limit.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is GaleraBackupException or OperationCanceledException)
            {
                context.Progress.Warning($"The lease could not be given back; it runs out by itself: {exception.Message}");
            }
        }
    }

    private async Task<BackupReplica> LeaveAsync(CancellationToken cancellationToken)
    {
        var pod = Replica.Pod;
        var cluster = await ClusterInspection.InspectAsync(_context, Replica.Scope, cancellationToken).ConfigureAwait(false);
        RequireSpareable(cluster);
        var target = cluster.Nodes.Single(node => node.Pod == pod);
        Replica = Replica with { Node = target };
        var services = await ServiceExit.ServicesToLeaveAsync(_context, Replica, cancellationToken).ConfigureAwait(false);

        _context.Progress.Progress(new WorkflowProgress("Desynchronising", $"{pod}: wsrep_desync=ON"));
        await Lease.RequireHeldAsync(cancellationToken).ConfigureAwait(false);
        var began = _context.Clock.GetTimestamp();
        await TakeOutAsync(target.Wsrep!.DesyncCount, cancellationToken).ConfigureAwait(false);
        _context.Progress.Verbose($"{pod} is Donor/Desynced; waiting until it is NotReady and out of {string.Join(", ", services)}.");
        if (await ServiceExit.WaitAsync(_context, Replica, services, cancellationToken).ConfigureAwait(false) is { } finding)
        {
            Accept(finding);
        }
        else
        {
            _context.Progress.Verbose($"{pod} is NotReady and in no Service's endpoints.");
        }

        _context.Progress.Progress(new WorkflowProgress("Desynchronising", pod, Completed: true));
        Replica = Replica with { Desync = Replica.Desync! with { LeavingDuration = _context.Clock.GetElapsedTime(began) } };
        return Replica;
    }

    private void RequireSpareable(GaleraCluster cluster)
    {
        if (DesyncGuard.WhyNot(Replica, cluster) is { } refusal)
        {
            if (!Replica.Unsafe || DesyncGuard.IsAbsolute(refusal))
            {
                throw refusal;
            }

            _context.Progress.Warning($"{refusal.Message} Desynchronised all the same, as was asked for.");
        }
    }

    private async Task TakeOutAsync(int countBefore, CancellationToken cancellationToken)
    {
        // From here on the replica is ours to put back, even if the answer to the statement is lost.
        (_ours, HasTouched) = (true, true);
        if (!await _server.SetDesyncAsync(true, cancellationToken).ConfigureAwait(false))
        {
            // Warning 1231: somebody else was faster by a moment, and it is theirs.
            (_ours, HasTouched) = (false, false);
            throw DesyncGuard.AlreadyDesynced(Replica, countBefore + 1);
        }

        var left = await _server.WaitAsync(status => status.LocalState == WsrepStatus.DonorDesynced, cancellationToken).ConfigureAwait(false);
        Replica = Replica with
        {
            Node = Replica.Node with { Wsrep = left },
            Desync = new DesyncRecord { RunId = RunId, DesyncedAt = _context.Now, CountBefore = countBefore },
        };
    }

    private void Accept(HealthFinding finding)
    {
        if (Options.RequireNotReady)
        {
            throw new GaleraBackupException(
                finding.Id, FailureKind.Failed, $"{Replica}: {finding.Message}",
                "Let its readiness probe ask for wsrep_local_state_comment = Synced, or leave -RequireNotReady out.", Replica);
        }

        _context.Progress.Warning(finding.ToString());
        Replica = Replica with { Desync = Replica.Desync! with { Findings = [finding] } };
    }

    // A connection may have been cut while it was idle, and a server that restarted needs a new one. A queue may take an hour to drain; a server
    // that does not answer at all is not waited for that long.
    private async Task ReconnectingAsync(Func<CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        long? lostAt = null;
        while (true)
        {
            try
            {
                if (lostAt is not null)
                {
                    await Task.Delay(ReconnectInterval, _context.Clock, cancellationToken).ConfigureAwait(false);
                    await Deadline.RunAsync(
                        _context.Clock, Options.ResyncTimeout, ResyncTimedOut, _server.ReconnectAsync, cancellationToken).ConfigureAwait(false);
                    lostAt = null;
                }

                await work(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (GaleraBackupException exception) when (exception.ErrorId == "SqlUnreachable")
            {
                lostAt ??= _context.Clock.GetTimestamp();
                _context.Progress.Verbose($"The connection to {Replica.Pod} was lost, connecting again: {exception.Message}");
                if (_context.Clock.GetElapsedTime(lostAt.Value) > Options.ResyncTimeout)
                {
                    throw ResyncTimedOut();
                }
            }
        }
    }

    /// <summary>Waits for a short queue, and until nobody else (a state transfer, BACKUP STAGE) needs the node desynced.</summary>
    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Deadline.RunAsync(
                _context.Clock, Options.DrainTimeout, DrainTimedOut,
                token => ReconnectingAsync(WaitUntilDrainedAsync, token), cancellationToken).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "DrainTimedOut" && Options.OnDrainTimeout == DrainTimeoutAction.Force)
        {
            _context.Progress.Warning($"{exception.Message} wsrep_desync=OFF all the same, as -OnDrainTimeout Force has it: the cluster may wait for it.");
        }
    }

    private async Task WaitUntilDrainedAsync(CancellationToken cancellationToken)
    {
        var quiet = 0;
        await _server.WaitAsync(
            status =>
            {
                if (!status.Desync)
                {
                    return true; // Undone by somebody, or by a restart.
                }

                quiet = status.ReceiveQueue < status.FlowControlLowerLimit && status.DesyncCount <= OwnCount ? quiet + 1 : 0;
                _context.Progress.Progress(new WorkflowProgress("Resynchronising", $"{Replica.Pod}: {status.ReceiveQueue} write-sets in the receive queue"));
                return quiet >= QuietSamples;
            },
            cancellationToken).ConfigureAwait(false);
    }

    private int OwnCount => (Replica.Desync?.CountBefore ?? 0) + 1;

    private async Task PutBackAsync(CancellationToken cancellationToken)
    {
        if ((await _server.ReadStatusAsync(cancellationToken).ConfigureAwait(false)).Desync)
        {
            await _server.SetDesyncAsync(false, cancellationToken).ConfigureAwait(false);
        }

        // OFF is not yet Synced: the node passes through Joined.
        var back = await _server.WaitAsync(status => status.LocalState == WsrepStatus.Synced, cancellationToken).ConfigureAwait(false);
        Replica = Replica with { Node = Replica.Node with { Wsrep = back } };
    }

    private GaleraBackupException DesyncTimedOut() => new(
        "DesyncTimedOut", FailureKind.TimedOut,
        $"{Replica} was not Donor/Desynced, NotReady and out of its Services' endpoints within {Options.DesyncTimeout.TotalSeconds:0} s.",
        "See its pod and its Services' endpoints: kubectl describe pod. A slow probe needs a longer -DesyncTimeout.",
        Replica);

    private GaleraBackupException DrainTimedOut() => new(
        "DrainTimedOut", FailureKind.TimedOut,
        $"The receive queue of {Replica} was not short within {Options.DrainTimeout.TotalSeconds:0} s: with wsrep_desync=OFF the whole cluster would wait for it.",
        $"It stays desynced and goes on applying write-sets. {HowToMend} -OnDrainTimeout Force, or a longer -DrainTimeout, changes what is done. A backup that was already published is good.",
        Replica);

    private GaleraBackupException ResyncTimedOut() => new(
        "ResyncTimedOut", FailureKind.TimedOut,
        $"{Replica} was not Synced and Ready within {Options.ResyncTimeout.TotalSeconds:0} s.",
        $"See its receive queue (SHOW GLOBAL STATUS LIKE 'wsrep_local_recv_queue') and its log. {HowToMend} A backup that was already published is good.",
        Replica);
}
