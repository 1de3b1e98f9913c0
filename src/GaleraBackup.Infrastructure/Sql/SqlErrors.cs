using System.Security.Authentication;
using GaleraBackup.Infrastructure.Kubernetes;
using MySqlConnector;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>Turns the driver's exceptions into errors that a user can act on. The server's messages name the user, never the password.</summary>
internal static class SqlErrors
{
    private const MySqlErrorCode AccessDeniedWithoutPassword = (MySqlErrorCode)1698;
    private const string NoTls = "does not support SSL";
    private const MySqlErrorCode ConnectionKilled = (MySqlErrorCode)1927;

    /// <summary>Null if it has nothing to do with TLS.</summary>
    public static GaleraBackupException? OfTls(MySqlException exception, PodSnapshot pod, ServerCertificate certificate)
    {
        var why = certificate.Problem
            ?? (exception.GetBaseException() is AuthenticationException failed ? failed.Message
            : exception.Message.Contains(NoTls, StringComparison.OrdinalIgnoreCase) ? "it offers none"
            : null);
        return why is null ? null : new GaleraBackupException(
            "SqlTlsFailed", FailureKind.Refused,
            $"There is no TLS as required with the server in pod {pod.Namespace}/{pod.Name}: {why}.".Replace("..", ".", StringComparison.Ordinal),
            "Check -SslMode and -SslCa, and the server's certificate.", pod.Name);
    }

    /// <param name="forward">The driver sees no more than a closed socket; this one knows why.</param>
    public static GaleraBackupException From(MySqlException exception, PodSnapshot pod, PortForward? forward) => exception.ErrorCode switch
    {
        MySqlErrorCode.AccessDenied or MySqlErrorCode.DatabaseAccessDenied or MySqlErrorCode.HostNotPrivileged or AccessDeniedWithoutPassword => new(
            "SqlAccessDenied", FailureKind.Denied,
            $"The server in pod {pod.Namespace}/{pod.Name} refuses the login: {exception.Message}",
            "Check -Credential or -CredentialSecret, or the Secret that the pod's environment names."
            + (forward is null ? "" : " Through a port-forward the server takes the client for localhost: the account must be good for that host."),
            pod.Name),
        MySqlErrorCode.SpecifiedAccessDeniedError => new(
            "SqlAccessDenied", FailureKind.Denied,
            $"The login may not do this on pod {pod.Namespace}/{pod.Name}: {exception.Message}",
            "SET GLOBAL wsrep_desync needs SUPER: use another -Credential, or grant it.", pod.Name),
        MySqlErrorCode.UnableToConnectToHost or MySqlErrorCode.CommandTimeoutExpired or MySqlErrorCode.ConnectionCountError
            or MySqlErrorCode.ServerShutdown or ConnectionKilled => Lost(exception, pod, forward),
        _ when exception.Number > 0 => new(
            "SqlFailed", FailureKind.Failed,
            $"The server in pod {pod.Namespace}/{pod.Name} refuses: {exception.Message} (error {exception.Number})",
            "See the server's log: kubectl logs.", pod.Name),
        _ => Lost(exception, pod, forward),
    };

    /// <summary>The account's authentication plugin is none of the driver's: ed25519, parsec.</summary>
    public static GaleraBackupException Unsupported(NotSupportedException exception, PodSnapshot pod) => new(
        "SqlAuthenticationUnsupported", FailureKind.Refused,
        $"The login to pod {pod.Namespace}/{pod.Name} uses an authentication plugin that is not supported: {exception.Message}",
        "Use an account with mysql_native_password or caching_sha2_password.", pod.Name);

    /// <summary>What may be well again later, and what no second attempt mends: a port-forward that the API does not allow.</summary>
    public static GaleraBackupException Lost(Exception exception, PodSnapshot pod, PortForward? forward) =>
        forward?.LastError is { Kind: FailureKind.Denied } denied
            ? denied
            : new GaleraBackupException(
                "SqlUnreachable", FailureKind.Unreachable,
                $"The server in pod {pod.Namespace}/{pod.Name} does not answer: {forward?.LastError?.Message ?? exception.Message}",
                forward?.LastError?.Recommendation ?? "Check that it runs, and the way to it: -Via Direct inside the cluster, -Via PortForward outside.", pod.Name);
}
