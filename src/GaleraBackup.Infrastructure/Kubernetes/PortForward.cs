using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using k8s;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// A port of 127.0.0.1 that leads to a pod's port through the Kubernetes API. Each accepted connection gets a WebSocket of its own: the
/// database client opens a second one to cancel a statement.
/// </summary>
internal sealed class PortForward : IAsyncDisposable
{
    private const byte DataChannel = 0;
    private const byte ErrorChannel = 1;
    private const int PortPrefixLength = 2;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly IKubernetes _client;
    private readonly string _namespace;
    private readonly string _pod;
    private readonly int _port;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly Task _accepting;
    private bool _disposed;

    private PortForward(IKubernetes client, string ns, string pod, int port)
    {
        (_client, _namespace, _pod, _port) = (client, ns, pod, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int LocalPort => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Why the last connection failed, if one did: the database client sees no more than a closed socket.</summary>
    public GaleraBackupException? LastError { get; private set; }

    public static PortForward Open(IKubernetes client, string ns, string pod, int port) => new(client, ns, pod, port);

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;

        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Stop();
        await _accepting.ConfigureAwait(false);
        await Task.WhenAll(_connections.Keys).ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var connection = await _listener.AcceptSocketAsync(_stop.Token).ConfigureAwait(false);
                var serving = Task.Run(() => ServeAsync(connection), CancellationToken.None);
                _connections.TryAdd(serving, true);
                _ = serving.ContinueWith(done => _connections.TryRemove(done, out _), TaskScheduler.Default);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(Socket connection)
    {
        var action = $"reach port {_port} of pod '{_namespace}/{_pod}'";
        using (connection)
        {
            try
            {
                connection.NoDelay = true;
                using var socket = await _client.WebSocketNamespacedPodPortForwardAsync(
                    _pod, _namespace, [_port], PodChannels.Protocol, cancellationToken: _stop.Token).ConfigureAwait(false);
                await RelayAsync(connection, socket).ConfigureAwait(false);
            }
            catch (Exception exception) when (ApiErrors.IsOfTheApi(exception, _stop.Token))
            {
                LastError = ApiErrors.From(exception, action, _pod);
            }
            catch (OperationCanceledException)
            {
                // Closed from our side.
            }
        }
    }

    private async Task RelayAsync(Socket connection, WebSocket socket)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var toPod = SendAsync(connection, socket, limit.Token);
        var fromPod = ReceiveAsync(connection, socket, limit.Token);
        if (await Task.WhenAny(toPod, fromPod).ConfigureAwait(false) == toPod)
        {
            // Let what was sent arrive (the client's farewell), so that the server does not log an aborted connection.
            limit.CancelAfter(CloseTimeout);
        }
        else
        {
            await limit.CancelAsync().ConfigureAwait(false);
        }

        await Task.WhenAll(toPod, fromPod).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (fromPod.IsFaulted && !toPod.IsCompletedSuccessfully)
        {
            await fromPod.ConfigureAwait(false); // The reason; the other direction was cut off with it.
        }
    }

    private static async Task SendAsync(Socket connection, WebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[32 * 1024];
        buffer[0] = DataChannel;
        while (await connection.ReceiveAsync(buffer.AsMemory(1), cancellationToken).ConfigureAwait(false) is > 0 and var count)
        {
            await socket.SendAsync(buffer.AsMemory(0, count + 1), WebSocketMessageType.Binary, endOfMessage: true, cancellationToken)
                .ConfigureAwait(false);
        }

        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, statusDescription: null, cancellationToken).ConfigureAwait(false);
    }

    private async Task ReceiveAsync(Socket connection, WebSocket socket, CancellationToken cancellationToken)
    {
        // Each channel begins with the port's number.
        var toSkip = new Dictionary<byte, int> { [DataChannel] = PortPrefixLength, [ErrorChannel] = PortPrefixLength };
        await foreach (var (channel, received) in socket.ReadChannelsAsync(cancellationToken).ConfigureAwait(false))
        {
            var skipped = Math.Min(toSkip.GetValueOrDefault(channel), received.Length);
            toSkip[channel] = toSkip.GetValueOrDefault(channel) - skipped;
            var data = received[skipped..];
            if (data.Length == 0)
            {
                continue;
            }

            if (channel == ErrorChannel)
            {
                LastError = NotForwarded(Encoding.UTF8.GetString(data.Span).Trim());
                return;
            }

            await SendAllAsync(connection, data, cancellationToken).ConfigureAwait(false);
        }

        connection.Shutdown(SocketShutdown.Send);
    }

    private static async Task SendAllAsync(Socket connection, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (data.Length > 0)
        {
            data = data[await connection.SendAsync(data, cancellationToken).ConfigureAwait(false)..];
        }
    }

    private GaleraBackupException NotForwarded(string reason) => new(
        "SqlUnreachable", FailureKind.Unreachable,
        $"The port-forward to port {_port} of pod '{_namespace}/{_pod}' failed: {reason}",
        "The server must listen on the pod's loopback address too (bind-address); from inside the cluster use -Via Direct.", _pod);
}
