namespace GaleraBackup.Ports;

/// <summary>Opens sessions to single nodes: to the pod's IP or through a port-forward, never to a Service.</summary>
public interface IGaleraConnector
{
    /// <summary>
    /// Throws <see cref="GaleraBackupException"/>: <c>SqlAccessDenied</c> if the login is refused, <c>SqlUnreachable</c> if the server does
    /// not answer within <paramref name="timeout"/>, <c>SqlTlsFailed</c> if it offers no TLS where TLS is required, or its certificate is not
    /// trusted.
    /// </summary>
    /// <param name="scope">Its route and its TLS.</param>
    Task<IGaleraNodeSession> ConnectAsync(
        PodSnapshot pod, SqlLogin login, ClusterScope scope, TimeSpan timeout, CancellationToken cancellationToken);
}

/// <summary>
/// One connection to one node. Throws <see cref="GaleraBackupException"/>: <c>SqlUnreachable</c> if the connection is lost,
/// <c>SqlAccessDenied</c> for missing privileges, <c>SqlFailed</c> for what else the server refuses.
/// </summary>
public interface IGaleraNodeSession : IAsyncDisposable
{
    Task<WsrepStatus> ReadStatusAsync(CancellationToken cancellationToken);

    /// <summary>
    /// SET GLOBAL wsrep_desync. Returns false if the server warned that it was already so (warning 1231). The server goes on receiving
    /// and applying write-sets; it only leaves flow control.
    /// </summary>
    Task<bool> SetDesyncAsync(bool on, CancellationToken cancellationToken);
}
