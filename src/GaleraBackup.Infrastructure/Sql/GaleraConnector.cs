using System.Globalization;
using GaleraBackup.Infrastructure.Kubernetes;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;
using k8s;
using MySqlConnector;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>Connects to single pods with MySqlConnector.</summary>
/// <param name="inCluster">
/// True if the API was reached with the pod's own service account: then pods' addresses are of this very network. A process that runs
/// in one cluster and works on another is outside.
/// </param>
internal sealed class GaleraConnector(IKubernetes client, bool inCluster) : IGaleraConnector
{
    private const int MySqlPort = 3306;

    /// <summary>Seconds; for a single statement.</summary>
    private const uint CommandTimeout = 30;

    /// <summary>Seconds between TCP's own probes.</summary>
    private const uint KeepAlive = 20;

    public async Task<IGaleraNodeSession> ConnectAsync(
        PodSnapshot pod, SqlLogin login, ClusterScope scope, TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            return await ConnectOnceAsync(pod, login, scope, timeout, cancellationToken).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (
            exception.ErrorId == "SqlAccessDenied" && Logins.WithoutLastNewline(login.Password) is var password && password != login.Password)
        {
            // A file made into a Secret often ends in a newline that nobody meant.
            return await ConnectOnceAsync(pod, new SqlLogin(login.UserName, password), scope, timeout, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<IGaleraNodeSession> ConnectOnceAsync(
        PodSnapshot pod, SqlLogin login, ClusterScope scope, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var via = scope.Via;
        var certificate = new ServerCertificate(scope, pod);
        var forward = via == DatabaseRoute.PortForward || (via == DatabaseRoute.Auto && !inCluster)
            ? PortForward.Open(client, pod.Namespace, pod.Name, MySqlPort)
            : null;
        var builder = new MySqlConnectionStringBuilder
        {
            Server = forward is null ? AddressOf(pod) : "127.0.0.1",
            Port = (uint)(forward?.LocalPort ?? MySqlPort),
            UserID = login.UserName,
            Pooling = false,
            SslMode = certificate.DriverMode,
            AllowPublicKeyRetrieval = false,
            ConnectionTimeout = (uint)Math.Max(1, Math.Ceiling(timeout.TotalSeconds)),
            DefaultCommandTimeout = CommandTimeout,
            Keepalive = KeepAlive,
            ApplicationName = "GaleraBackup",
        };
        var session = new GaleraNodeSession(pod, login, builder.ConnectionString, forward, certificate);
        try
        {
            await session.OpenAsync(cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static string AddressOf(PodSnapshot pod) => pod.PodIP ?? throw new GaleraBackupException(
        "SqlUnreachable", FailureKind.Unreachable,
        string.Create(CultureInfo.InvariantCulture, $"The pod {pod.Namespace}/{pod.Name} has no address; its phase is {pod.Phase}."),
        "Wait until it runs: kubectl describe pod.", pod.Name);
}
