using System.Security.Cryptography;
using GaleraBackup.Policy;
using GaleraBackup.Ports;

namespace GaleraBackup.Workflow;

/// <summary>Time limits of a desync, each a phase of its own.</summary>
public sealed record DesyncOptions
{
    /// <summary>For Donor/Desynced, NotReady and leaving the endpoints together. The vendor's is 300 s.</summary>
    public TimeSpan DesyncTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>For the drained receive queue, Synced and Ready together. The vendor's is 300 s.</summary>
    public TimeSpan ResyncTimeout { get; init; } = TimeSpan.FromSeconds(300);
}

/// <summary>
/// One replica taken out of the cluster's flow control and put back: the lease, the SQL session to that very node, and the waiting.
/// Disposing it puts the replica back, whatever happened before, with a time limit of its own.
/// </summary>
public sealed class DesyncSession : IAsyncDisposable
{
    private const int QuietSamples = 3;
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ReconnectInterval = TimeSpan.FromSeconds(1);

    private readonly BackupContext _context;
    private readonly DesyncOptions _options;
    private readonly SqlLogin _login;
    private readonly ClusterLease _lease;
    private readonly SemaphoreSlim _one = new(1, 1);
    private IGaleraNodeSession _server;
    private bool _ours;
    private bool _closed;
    private long _resyncStarted;
    private GaleraBackupException? _unmended;

    private DesyncSession(
        BackupContext context, DesyncOptions options, SqlLogin login, IGaleraNodeSession server, ClusterLease lease, BackupReplica replica, string runId)
    {
        (_context, _options, _login, _server, _lease, Replica, RunId) = (context, options, login, server, lease, replica, runId);
    }

    public string RunId { get; }

    /// <summary>Why the replica could not be put back; null while it was not tried, and if it was.</summary>
    public GaleraBackupException? Unmended => _unmended;

    private string HowToMend =>
        $"Once the lease has run out (30 s), put it back with: Set-WsrepDesync Off -Namespace {Replica.Namespace} -StatefulSet {Replica.StatefulSet} -Pod {Replica.Pod} -Force, or on the node: SET GLOBAL wsrep_desync=OFF.";

    /// <summary>The replica with what we did to it so far.</summary>
    public BackupReplica Replica { get; private set; }

    /// <summary>Takes the lease and connects to the node. Does not touch the replica.</summary>
    /// <exception cref="GaleraBackupException"><c>LeaseHeld</c>, <c>ReplicaAlreadyDesynced</c>, <c>WrongServer</c>, and what the ports raise.</exception>
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
        var runId = $"{context.Now.UtcDateTime:yyyyMMddHHmmss}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}";
        var lease = await ClusterLease.AcquireAsync(context, replica, runId, cancellationToken).ConfigureAwait(false);
        try
        {
            var node = replica.Node;
            var login = await Logins
                .AdministratorAsync(context.Kubernetes, replica.Namespace, replica.Scope, node.Layout!, cancellationToken).ConfigureAwait(false);
            var server = await context.Galera
                .ConnectAsync(node.PodSnapshot, login, replica.Scope, ConnectTimeout, cancellationToken).ConfigureAwait(false);
            try
            {
                await RequireServerAsync(server, replica, adopt, cancellationToken).ConfigureAwait(false);
                return new DesyncSession(context, options, login, server, lease, replica, runId) { _ours = adopt };
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
    /// SET GLOBAL wsrep_desync=ON, then waits until the node is Donor/Desynced, its pod NotReady and gone from the endpoints of every Service
    /// that held it. The node goes on receiving and applying write-sets.
    /// </summary>
    /// <exception cref="GaleraBackupException"><c>DesyncTimedOut</c>; the replica is put back before it is thrown.</exception>
    public async Task<BackupReplica> DesyncAsync(CancellationToken cancellationToken)
    {
        var (ns, pod) = (Replica.Namespace, Replica.Pod);
        _lease.EnsureHeld();
        try
        {
            return await Deadline.RunAsync(
                _context.Clock, _options.DesyncTimeout,
                () => new GaleraBackupException(
                    "DesyncTimedOut", FailureKind.TimedOut,
                    $"{Replica} was not Donor/Desynced, NotReady and out of its Services' endpoints within {_options.DesyncTimeout.TotalSeconds:0} s.",
                    "See whether its readiness probe asks for Synced: kubectl describe pod. A slow probe needs a longer -DesyncTimeout.",
                    Replica),
                async token =>
                {
                    var services = await ServicesToLeaveAsync(token).ConfigureAwait(false);
                    _context.Progress.Progress(new WorkflowProgress("Desynchronising", $"{pod}: wsrep_desync=ON"));
                    var before = await _server.ReadStatusAsync(token).ConfigureAwait(false);

                    // From here on the replica is ours to put back, even if the answer to the statement is lost.
                    _ours = true;
                    await _server.SetDesyncAsync(true, token).ConfigureAwait(false);
                    await WaitForStateAsync(WsrepStatus.DonorDesynced, token).ConfigureAwait(false);
                    Replica = Replica with
                    {
                        Desync = new DesyncRecord { RunId = RunId, DesyncedAt = _context.Now, CountBefore = before.DesyncCount },
                    };
                    _context.Progress.Verbose($"{pod} is Donor/Desynced; waiting until it is NotReady and out of {string.Join(", ", services)}.");
                    await Task.WhenAll(
                        _context.Kubernetes.WatchPodAsync(ns, pod, token).FirstAsync(IsOutOfService, token),
                        _context.Kubernetes.WatchServicesOfPodAsync(ns, pod, token).FirstAsync(present => !services.Overlaps(present), token))
                        .ConfigureAwait(false);
                    _context.Progress.Verbose($"{pod} is NotReady and in no Service's endpoints.");
                    _context.Progress.Progress(new WorkflowProgress("Desynchronising", pod, Completed: true));
                    return Replica;
                },
                cancellationToken).ConfigureAwait(false);
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
    /// <exception cref="GaleraBackupException"><c>ResyncTimedOut</c></exception>
    public Task<BackupReplica> ResyncAsync(CancellationToken cancellationToken) => Deadline.RunAsync(
        _context.Clock, _options.ResyncTimeout, ResyncTimedOut,
        async token =>
        {
            _resyncStarted = _context.Clock.GetTimestamp();
            await _one.WaitAsync(token).ConfigureAwait(false);
            try
            {
                if (_unmended is not null)
                {
                    throw _unmended; // Tried and given up: the session to the server is closed.
                }

                if (_ours)
                {
                    await PutBackAsync(token).ConfigureAwait(false);
                    _ours = false;
                    Replica = Replica with { Desync = Replica.Desync is { } desync ? desync with { SyncedAt = _context.Now } : null };
                    _context.Progress.Verbose($"{Replica.Pod} is Synced.");
                }

                return Replica;
            }
            finally
            {
                _one.Release();
            }
        },
        cancellationToken);

    // Synced and Ready share one limit.
    private TimeSpan RemainingResync
    {
        get
        {
            var remaining = _options.ResyncTimeout - _context.Clock.GetElapsedTime(_resyncStarted);
            return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
        }
    }

    /// <summary>Waits until the pod is Ready again, after <see cref="ResyncAsync"/>.</summary>
    /// <exception cref="GaleraBackupException"><c>ResyncTimedOut</c></exception>
    public Task<BackupReplica> WaitUntilReadyAsync(CancellationToken cancellationToken) => Deadline.RunAsync(
        _context.Clock, RemainingResync, ResyncTimedOut,
        async token =>
        {
            await _context.Kubernetes.WatchPodAsync(Replica.Namespace, Replica.Pod, token)
                .FirstAsync(pod => pod is { Ready: true }, token).ConfigureAwait(false);
            Replica = Replica with { Desync = Replica.Desync is { } desync ? desync with { ReadyAt = _context.Now } : null };
            _context.Progress.Progress(new WorkflowProgress("Resynchronising", $"{Replica.Pod} is Ready", Completed: true));
            return Replica;
        },
        cancellationToken);

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
            // Not the caller's token: it is cancelled when this is needed most. ResyncAsync has its own limit.
            await ResyncAsync(CancellationToken.None).ConfigureAwait(false);
            await GiveBackAsync(_context, _lease).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception)
        {
            _unmended = exception;
            _context.Progress.Warning(
                $"{Replica} is still desynced: {exception.Message} {HowToMend}");
            await _lease.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            await _server.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync().ConfigureAwait(false);
        _one.Dispose();
    }

    private static bool IsOutOfService(PodSnapshot? pod) => pod is null || (!pod.Ready && !RoleLabel.IsPrimary(pod));

    private static async Task RequireServerAsync(
        IGaleraNodeSession server, BackupReplica replica, bool mayBeDesynced, CancellationToken cancellationToken)
    {
        var status = await server.ReadStatusAsync(cancellationToken).ConfigureAwait(false);
        if (status.HostName != replica.Pod && status.HostName != replica.Node.Wsrep?.HostName)
        {
            throw new GaleraBackupException(
                "WrongServer", FailureKind.Refused,
                $"The address of pod {replica} answers as '{status.HostName}'.",
                "The pod was replaced meanwhile: run Test-GaleraCluster again.", replica);
        }

        if (status.Desync && !mayBeDesynced)
        {
            throw new GaleraBackupException(
                "ReplicaAlreadyDesynced", FailureKind.Refused,
                $"wsrep_desync is already ON on {replica} (wsrep_desync_count {status.DesyncCount}), and not by this run.",
                "Somebody keeps it desynced on purpose, or an earlier run died: find out, then Set-WsrepDesync -State Off -Force.", replica);
        }
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

    private async Task<HashSet<string>> ServicesToLeaveAsync(CancellationToken cancellationToken)
    {
        var services = await _context.Kubernetes.ListServicesAsync(Replica.Namespace, cancellationToken).ConfigureAwait(false);
        var labels = Replica.Node.PodSnapshot.Labels;
        return services
            .Where(service => !service.PublishesNotReadyAddresses && service.Selector.Count > 0)
            .Where(service => service.Selector.All(pair => labels.TryGetValue(pair.Key, out var value) && value == pair.Value))
            .Select(service => service.Name)
            .ToHashSet(StringComparer.Ordinal);
    }

    // A connection may have been cut while it was idle for hours of copying, and a server that restarted needs a new one: the deadline alone
    // ends the trying.
    private async Task PutBackAsync(CancellationToken cancellationToken)
    {
        for (var isNew = false; ; isNew = true)
        {
            try
            {
                if (isNew)
                {
                    await Task.Delay(ReconnectInterval, _context.Clock, cancellationToken).ConfigureAwait(false);
                    await ReconnectAsync(cancellationToken).ConfigureAwait(false);
                }

                await DrainAndResyncAsync(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (GaleraBackupException exception) when (exception.ErrorId == "SqlUnreachable")
            {
                _context.Progress.Verbose($"The connection to {Replica.Pod} was lost, connecting again: {exception.Message}");
            }
        }
    }

    // The pod may have been replaced and have another address now.
    private async Task ReconnectAsync(CancellationToken cancellationToken)
    {
        var pod = await _context.Kubernetes.WatchPodAsync(Replica.Namespace, Replica.Pod, cancellationToken)
            .FirstAsync(pod => pod is { Phase: "Running", PodIP: not null }, cancellationToken).ConfigureAwait(false);
        var server = await _context.Galera
            .ConnectAsync(pod!, _login, Replica.Scope, ConnectTimeout, cancellationToken).ConfigureAwait(false);
        var old = _server;
        _server = server;
        await old.DisposeAsync().ConfigureAwait(false);
        await RequireServerAsync(server, Replica, mayBeDesynced: true, cancellationToken).ConfigureAwait(false);
    }

    private async Task DrainAndResyncAsync(CancellationToken cancellationToken)
    {
        var status = await _server.ReadStatusAsync(cancellationToken).ConfigureAwait(false);
        if (status.Desync)
        {
            for (var quiet = 0; quiet < QuietSamples; quiet = status.ReceiveQueue < status.FlowControlLowerLimit ? quiet + 1 : 0)
            {
                _context.Progress.Progress(new WorkflowProgress("Resynchronising", $"{Replica.Pod}: {status.ReceiveQueue} write-sets in the receive queue"));
                await Task.Delay(SampleInterval, _context.Clock, cancellationToken).ConfigureAwait(false);
                status = await _server.ReadStatusAsync(cancellationToken).ConfigureAwait(false);
            }

            await _server.SetDesyncAsync(false, cancellationToken).ConfigureAwait(false);
        }

        // OFF is not yet Synced: the node passes through Joined.
        await WaitForStateAsync(WsrepStatus.Synced, cancellationToken).ConfigureAwait(false);
    }

    private async Task WaitForStateAsync(int state, CancellationToken cancellationToken)
    {
        while ((await _server.ReadStatusAsync(cancellationToken).ConfigureAwait(false)).LocalState != state)
        {
            await Task.Delay(SampleInterval, _context.Clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private GaleraBackupException ResyncTimedOut() => new(
        "ResyncTimedOut", FailureKind.TimedOut,
        $"{Replica} was not Synced and Ready within {_options.ResyncTimeout.TotalSeconds:0} s.",
        $"See its receive queue (SHOW GLOBAL STATUS LIKE 'wsrep_local_recv_queue') and its log. {HowToMend} A backup that was already published is good.",
        Replica);
}
