using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace GaleraBackup.Core.Tests.Sql;

/// <summary>As much of the MariaDB protocol as a login needs, at the database's port of an address of its own, with TLS or without.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private const int Port = 3306;
    private const int SslRequestLength = 32;
    private const int SslCapability = 0x800;
    private const int Capabilities = 0x1 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x80000;
    private static readonly byte[] Scramble = "abcdefghijklmnopqrst"u8.ToArray();
    private static readonly byte[] Ok = [0, 0, 0, 2, 0, 0, 0];
    private static int _last = 10;

    private readonly TcpListener _listener;
    private readonly X509Certificate2? _certificate;
    private readonly string _password;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    public FakeServer(X509Certificate2? certificate, string password = "s3cr3t")
    {
        (_certificate, _password) = (certificate, password);
        Address = $"127.0.77.{Interlocked.Increment(ref _last)}";
        _listener = new TcpListener(IPAddress.Parse(Address), Port);
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Address { get; }

    /// <summary>Logins that were tried.</summary>
    public int Logins { get; private set; }

    public bool Encrypted { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _serving;
        _stop.Dispose();
    }

    private async Task ServeAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                await ServeAsync(client.GetStream());
            }
            catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException or System.Security.Authentication.AuthenticationException)
            {
                // The client went, or we do.
            }
        }
    }

    private async Task ServeAsync(Stream stream)
    {
        await SendAsync(stream, 0, Greeting());
        var (sequence, response) = await ReceiveAsync(stream);
        if (response.Length == SslRequestLength)
        {
            var secure = new SslStream(stream);
            await secure.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _certificate }, _stop.Token);
            (Encrypted, stream) = (true, secure);
            (sequence, response) = await ReceiveAsync(stream);
        }

        if (response.Length < SslRequestLength)
        {
            return; // It says goodbye (COM_QUIT), having seen enough.
        }

        Logins++;
        if (response.AsSpan().IndexOf(Answer()) < 0)
        {
            await SendAsync(stream, sequence + 1, [0xff, 0x15, 0x04, .. "#28000Access denied for user 'root'@'10.0.0.3' (using password: YES)"u8]);
            return;
        }

        await SendAsync(stream, sequence + 1, Ok);
        while (true)
        {
            var (asked, _) = await ReceiveAsync(stream);
            await SendAsync(stream, asked + 1, Ok);
        }
    }

    // mysql_native_password: SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))).
    private byte[] Answer()
    {
        var once = SHA1.HashData(Encoding.UTF8.GetBytes(_password));
        var mask = SHA1.HashData([.. Scramble, .. SHA1.HashData(once)]);
        return [.. once.Zip(mask, (one, other) => (byte)(one ^ other))];
    }

    private byte[] Greeting()
    {
        var capabilities = Capabilities | (_certificate is null ? 0 : SslCapability);
        return
        [
            10, .. "10.11.19-MariaDB\0"u8, 1, 0, 0, 0, .. Scramble[..8], 0, (byte)capabilities, (byte)(capabilities >> 8), 45, 2, 0,
            (byte)(capabilities >> 16), (byte)(capabilities >> 24), 21, .. new byte[10], .. Scramble[8..], 0, .. "mysql_native_password\0"u8,
        ];
    }

    private async Task SendAsync(Stream stream, int sequence, byte[] payload) =>
        await stream.WriteAsync((byte[])[(byte)payload.Length, (byte)(payload.Length >> 8), 0, (byte)sequence, .. payload], _stop.Token);

    private async Task<(int Sequence, byte[] Payload)> ReceiveAsync(Stream stream)
    {
        var header = new byte[4];
        await stream.ReadExactlyAsync(header, _stop.Token);
        var payload = new byte[header[0] | header[1] << 8 | header[2] << 16];
        await stream.ReadExactlyAsync(payload, _stop.Token);
        return (header[3], payload);
    }
}
