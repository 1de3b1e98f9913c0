using MySqlConnector;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>Turns the driver's exceptions into errors that a user can act on. The server's messages name the user, never the password.</summary>
internal static class SqlErrors
{
    private const MySqlErrorCode AccessDeniedWithoutPassword = (MySqlErrorCode)1698;

    /// <param name="forward">What the port-forward knows about a connection that did not come to be.</param>
    public static GaleraBackupException From(MySqlException exception, PodSnapshot pod, GaleraBackupException? forward) => exception.ErrorCode switch
    {
        MySqlErrorCode.AccessDenied or MySqlErrorCode.DatabaseAccessDenied or AccessDeniedWithoutPassword => new(
            "SqlAccessDenied", FailureKind.Denied,
            $"The server in pod {pod.Namespace}/{pod.Name} refuses the login: {exception.Message}",
            "Check -Credential, or the Secret that the pod's environment names.", pod.Name),
        MySqlErrorCode.SpecifiedAccessDeniedError => new(
            "SqlAccessDenied", FailureKind.Denied,
            $"The login may not do this on pod {pod.Namespace}/{pod.Name}: {exception.Message}",
            "SET GLOBAL wsrep_desync needs SUPER: use another -Credential, or grant it.", pod.Name),
        MySqlErrorCode.UnableToConnectToHost when forward is not null => forward,
        MySqlErrorCode.CommandTimeoutExpired or MySqlErrorCode.UnableToConnectToHost or MySqlErrorCode.ConnectionCountError
            or MySqlErrorCode.ServerShutdown => Lost(exception, pod),
        _ when !exception.IsTransient && exception.Number > 0 => new(
            "SqlFailed", FailureKind.Failed,
            $"The server in pod {pod.Namespace}/{pod.Name} refuses: {exception.Message} (error {exception.Number})",
            "See the server's log: kubectl logs.", pod.Name),
        _ => forward ?? Lost(exception, pod),
    };

    public static GaleraBackupException Lost(Exception exception, PodSnapshot pod) => new(
        "SqlUnreachable", FailureKind.Unreachable,
        $"The server in pod {pod.Namespace}/{pod.Name} does not answer: {exception.Message}",
        "Check that it runs, and the way to it: -Via Direct inside the cluster, -Via PortForward outside.", pod.Name);
}
