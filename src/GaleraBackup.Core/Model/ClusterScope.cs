namespace GaleraBackup;

/// <summary>How the database of a pod is reached. Never through a Service: an administrator's statement must land on the very node it names.</summary>
public enum DatabaseRoute
{
    /// <summary>Direct inside the cluster, PortForward outside.</summary>
    Auto,

    /// <summary>The pod's IP.</summary>
    Direct,

    /// <summary>A port-forward through the Kubernetes API.</summary>
    PortForward,
}

/// <summary>TLS between this module, the runner and the database.</summary>
public enum DatabaseSslMode
{
    /// <summary>Used if the server offers it; nothing is verified.</summary>
    Preferred,
    Disabled,

    /// <summary>Refused without it; nothing is verified.</summary>
    Required,

    /// <summary>The server's certificate must be signed by a trusted authority.</summary>
    VerifyCA,

    /// <summary>And it must name the pod or its address.</summary>
    VerifyFull,
}

/// <summary>
/// Which cluster is meant and how it is reached. The objects of a pipeline carry it, so that only the first cmdlet has to be told.
/// </summary>
public sealed record ClusterScope
{
    /// <summary>Namespace of the StatefulSet; null means the one of the kubeconfig's context.</summary>
    public string? Namespace { get; init; }

    /// <summary>Name of the StatefulSet; null means: find the one that runs MariaDB Galera.</summary>
    public string? StatefulSet { get; init; }

    /// <summary>Path of a kubeconfig file; null means the usual order (KUBECONFIG, in-cluster, ~/.kube/config).</summary>
    public string? KubeConfig { get; init; }

    /// <summary>Context within the kubeconfig; null means its current one.</summary>
    public string? Context { get; init; }

    public DatabaseRoute Via { get; init; }

    public DatabaseSslMode SslMode { get; init; }

    /// <summary>Certificates of the authorities (PEM text) that may have signed the servers' own; null means those that this machine trusts.</summary>
    public string? SslCa { get; init; }

    /// <summary>Login with the SUPER privilege (SET GLOBAL wsrep_desync); null means the Secret that the pod's environment names.</summary>
    public SqlLogin? Credential { get; init; }

    /// <summary>The same by reference, to a Secret of the cluster's namespace; -Credential comes first.</summary>
    public LoginReference? CredentialSecret { get; init; }

    /// <summary>Login that mariadb-backup uses; null means the Secret that the pod's environment names, else the administrator's.</summary>
    public SqlLogin? BackupCredential { get; init; }

    /// <summary>The same by reference; -BackupCredential comes first.</summary>
    public LoginReference? BackupCredentialSecret { get; init; }

    /// <summary>The same with another login for mariadb-backup; with neither, the one that it has.</summary>
    public ClusterScope WithBackupLogin(SqlLogin? typed, LoginReference? secret) =>
        (typed, secret) is (null, null) ? this : this with { BackupCredential = typed, BackupCredentialSecret = secret };
}
