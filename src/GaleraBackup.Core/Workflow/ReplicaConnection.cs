using GaleraBackup.Ports;

namespace GaleraBackup.Workflow;

/// <summary>
/// The SQL session to one replica and to no other server. It can be made anew: it may have been cut while it was idle for hours of
/// copying, and a server that restarted needs a new one.
/// </summary>
internal sealed class ReplicaConnection : IAsyncDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(100);

    private readonly BackupContext _context;
    private readonly BackupReplica _replica;
    private readonly SqlLogin _login;
    private IGaleraNodeSession _server;

    private ReplicaConnection(BackupContext context, BackupReplica replica, SqlLogin login, IGaleraNodeSession server)
    {
        (_context, _replica, _login, _server) = (context, replica, login, server);
    }

    /// <exception cref="GaleraBackupException"><c>WrongServer</c>, and what the ports raise.</exception>
    public static async Task<ReplicaConnection> OpenAsync(BackupContext context, BackupReplica replica, CancellationToken cancellationToken)
    {
        var node = replica.Node;
        var login = await Logins
            .AdministratorAsync(context.Kubernetes, replica.Namespace, replica.Scope, node.Layout!, cancellationToken).ConfigureAwait(false);
        var connection = new ReplicaConnection(
            context, replica, login, await ConnectAsync(context, replica, login, node.PodSnapshot, cancellationToken).ConfigureAwait(false));
        try
        {
            await connection.RequireReplicaAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public Task<WsrepStatus> ReadStatusAsync(CancellationToken cancellationToken) => _server.ReadStatusAsync(cancellationToken);

    public Task<bool> SetDesyncAsync(bool on, CancellationToken cancellationToken) => _server.SetDesyncAsync(on, cancellationToken);

    /// <summary>Reads the status again and again, until it is as wanted.</summary>
    public async Task<WsrepStatus> WaitAsync(Func<WsrepStatus, bool> isWanted, CancellationToken cancellationToken)
    {
        while (true)
        {
            var status = await ReadStatusAsync(cancellationToken).ConfigureAwait(false);
            if (isWanted(status))
            {
                return status;
            }

            await Task.Delay(SampleInterval, _context.Clock, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Connects to the pod as it is now: it may have been replaced and have another address.</summary>
    public async Task ReconnectAsync(CancellationToken cancellationToken)
    {
        var pod = await _context.Kubernetes.WatchPodAsync(_replica.Namespace, _replica.Pod, cancellationToken)
            .FirstAsync(pod => pod is { Phase: "Running", PodIP: not null }, cancellationToken).ConfigureAwait(false);
        var server = await ConnectAsync(_context, _replica, _login, pod!, cancellationToken).ConfigureAwait(false);
        var old = _server;
        _server = server;
        await old.DisposeAsync().ConfigureAwait(false);
        await RequireReplicaAsync(cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static Task<IGaleraNodeSession> ConnectAsync(
        BackupContext context, BackupReplica replica, SqlLogin login, PodSnapshot pod, CancellationToken cancellationToken) =>
        context.Galera.ConnectAsync(pod, login, replica.Scope, ConnectTimeout, cancellationToken);

    private async Task RequireReplicaAsync(CancellationToken cancellationToken)
    {
        var status = await ReadStatusAsync(cancellationToken).ConfigureAwait(false);
        if (status.HostName != _replica.Pod && status.HostName != _replica.Node.Wsrep?.HostName)
        {
            throw new GaleraBackupException(
                "WrongServer", FailureKind.Refused,
                $"The address of pod {_replica} answers as '{status.HostName}'.",
                "The pod was replaced meanwhile: run Test-GaleraCluster again.", _replica);
        }
    }
}
