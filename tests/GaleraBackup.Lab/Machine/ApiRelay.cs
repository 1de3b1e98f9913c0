using System.Net;
using System.Net.Sockets;

namespace GaleraBackup.Lab.Machine;

/// <summary>Passes the bytes of each connection on: so pods reach the API server, which listens on loopback only, at the Service's
/// address.</summary>
internal static class ApiRelay
{
    public static async Task RunAsync(IPEndPoint bind, IPEndPoint target, CancellationToken cancellationToken)
    {
        using var listener = new TcpListener(bind);
        listener.Start();
        while (true)
        {
            var client = await listener.AcceptSocketAsync(cancellationToken);
            _ = RelayAsync(client, target, cancellationToken);
        }
    }

    private static async Task RelayAsync(Socket client, IPEndPoint target, CancellationToken cancellationToken)
    {
        using var near = client;
        using var far = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            near.NoDelay = far.NoDelay = true;
            await far.ConnectAsync(target, cancellationToken);
            await Task.WhenAll(CopyAsync(near, far, cancellationToken), CopyAsync(far, near, cancellationToken));
        }
        catch (Exception exception) when (exception is SocketException or IOException or OperationCanceledException)
        {
            // One side hung up: both sockets close here, which tells the other.
        }
    }

    // A half-closed connection stays half-open: watches and exec streams end one way first.
    private static async Task CopyAsync(Socket from, Socket to, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            for (int read; (read = await from.ReceiveAsync(buffer, cancellationToken)) > 0;)
            {
                for (var sent = 0; sent < read;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), cancellationToken);
                }
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            from.Close();
            to.Close();
        }
    }
}
