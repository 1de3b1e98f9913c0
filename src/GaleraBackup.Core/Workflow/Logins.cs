using GaleraBackup.Ports;

namespace GaleraBackup.Workflow;

/// <summary>Turns a login by reference into one that can be used.</summary>
internal static class Logins
{
    /// <exception cref="GaleraBackupException"><c>CredentialUnknown</c>, <c>SecretNotFound</c>, <c>ApiForbidden</c>.</exception>
    public static async Task<SqlLogin> AdministratorAsync(
        IKubernetesCluster kubernetes, string ns, ClusterScope scope, MariaDbLayout layout, CancellationToken cancellationToken)
    {
        if (scope.Credential is { } given)
        {
            return given;
        }

        var reference = layout.AdminLogin ?? throw new GaleraBackupException(
            "CredentialUnknown", FailureKind.Refused,
            $"The environment of container '{layout.Container}' names no Secret with the administrator's password.",
            "Pass the login with -Credential.");
        var user = reference.UserNameSecret is { } secret
            ? await kubernetes.ReadSecretValueAsync(ns, secret, cancellationToken).ConfigureAwait(false)
            : reference.UserName!;
        return new SqlLogin(user, await kubernetes.ReadSecretValueAsync(ns, reference.PasswordSecret, cancellationToken).ConfigureAwait(false));
    }
}
