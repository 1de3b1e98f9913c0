using GaleraBackup.Ports;
using GaleraBackup.Runner;

namespace GaleraBackup.Workflow;

/// <summary>Which login is used for what: decided here and nowhere else.</summary>
internal static class Logins
{
    /// <summary>The login for SET GLOBAL: the one that was typed, the Secret that was named, the one that the pod's environment names.</summary>
    /// <exception cref="GaleraBackupException"><c>CredentialUnknown</c>, <c>SecretNotFound</c>, <c>ApiForbidden</c>.</exception>
    public static async Task<SqlLogin> AdministratorAsync(
        IKubernetesCluster kubernetes, string ns, ClusterScope scope, MariaDbLayout layout, CancellationToken cancellationToken)
    {
        if (scope.Credential is { } given)
        {
            return given;
        }

        var reference = scope.CredentialSecret ?? layout.AdminLogin ?? throw new GaleraBackupException(
            "CredentialUnknown", FailureKind.Refused,
            $"The environment of container '{layout.Container}' names no Secret with the administrator's password.",
            "Pass the login with -Credential, or name its Secret with -CredentialSecret.");
        var user = reference.UserNameSecret is { } secret
            ? WithoutLastNewline(await kubernetes.ReadSecretValueAsync(ns, secret, cancellationToken).ConfigureAwait(false))
            : reference.UserName!;
        return new SqlLogin(user, await kubernetes.ReadSecretValueAsync(ns, reference.PasswordSecret, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>
    /// The login for mariadb-backup: the one for it that was typed, named or found in the pod's environment, and only then the
    /// administrator's, in the same order.
    /// </summary>
    /// <param name="secretName">The Secret that a typed login becomes, with the keys <c>username</c> and <c>password</c>.</param>
    /// <exception cref="GaleraBackupException"><c>CredentialUnknown</c></exception>
    public static RunnerLogin ForRunner(ClusterScope scope, MariaDbLayout layout, string secretName)
    {
        if ((scope.BackupCredential, scope.BackupCredentialSecret ?? layout.BackupLogin) is (null, { } own))
        {
            return new RunnerLogin(own, Typed: null);
        }

        if ((scope.BackupCredential ?? scope.Credential) is { } typed)
        {
            return new RunnerLogin(
                new LoginReference(null, new SecretKeyReference(secretName, "username"), new SecretKeyReference(secretName, "password")), typed);
        }

        return (scope.CredentialSecret ?? layout.AdminLogin) is { } administrator
            ? new RunnerLogin(administrator, Typed: null)
            : throw new GaleraBackupException(
                "CredentialUnknown", FailureKind.Refused,
                $"The environment of container '{layout.Container}' names no Secret with a password for mariadb-backup.",
                "Pass the login with -BackupCredential, or name its Secret with -BackupCredentialSecret.");
    }

    /// <summary>A file made into a Secret often ends in a newline, and no user name does.</summary>
    public static string WithoutLastNewline(string text) =>
        text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
}
