using System.Net;
using System.Net.WebSockets;
using k8s;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>Opens the WebSockets of exec and port-forward so that a refusal keeps its HTTP status, which the client drops.</summary>
internal sealed class PodSocketBuilder : WebSocketBuilder
{
    // Pongs keep idle connections alive in what stands between: load balancers close them after minutes.
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    public PodSocketBuilder()
    {
        Options.CollectHttpResponseDetails = true;
        Options.KeepAliveInterval = KeepAlive;
    }

    public override async Task<WebSocket> BuildAndConnectAsync(Uri uri, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Timeout);
        try
        {
            return await base.BuildAndConnectAsync(uri, limit.Token).ConfigureAwait(false);
        }
        catch (WebSocketException exception)
        {
            var status = WebSocket.HttpStatusCode;
            WebSocket.Dispose();
            throw status is 0 or HttpStatusCode.SwitchingProtocols ? exception : new UpgradeRefusedException(status, uri);
        }
        catch (OperationCanceledException exception)
        {
            WebSocket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"no answer within {Timeout.TotalSeconds:0} s", exception);
        }
    }
}

/// <summary>The API answered the request for a WebSocket with an error; its body is not to be had.</summary>
internal sealed class UpgradeRefusedException(HttpStatusCode status, Uri uri) : Exception($"HTTP status {(int)status} {status}")
{
    public HttpStatusCode Status => status;

    /// <summary><c>exec</c> or <c>portforward</c>.</summary>
    public string Subresource => uri.Segments[^1];
}
