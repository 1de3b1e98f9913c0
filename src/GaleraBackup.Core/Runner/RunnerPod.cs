namespace GaleraBackup.Runner;

/// <summary>
/// A pod of ours beside the target replica: the backup's runner, or the short one that lists and removes backups. Infrastructure
/// turns it into a manifest: restartPolicy Never, not root, read-only root filesystem, all capabilities dropped, seccomp
/// RuntimeDefault, no service-account token, required node affinity to <see cref="NodeName"/>.
/// </summary>
public sealed record RunnerPod
{
    /// <summary>Name of the only container.</summary>
    public const string Container = "runner";

    /// <summary>An emptyDir in memory: the client's option file, pipes.</summary>
    public const string RunPath = "/run/galera-backup";

    /// <summary>Where the login's Secret is mounted: the files <c>username</c> (unless the name is literal) and <c>password</c>.</summary>
    public const string SecretPath = "/run/secrets/galera-backup";

    public required string Name { get; init; }
    public required string Namespace { get; init; }
    public required IReadOnlyDictionary<string, string> Labels { get; init; }

    /// <summary>The Kubernetes node it must run on: the target's, since a ReadWriteOnce volume is there only.</summary>
    public required string NodeName { get; init; }

    public required string Image { get; init; }
    public string? ImagePullPolicy { get; init; }
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];
    public IReadOnlyList<PodToleration> Tolerations { get; init; } = [];
    public long? RunAsUser { get; init; }
    public long? RunAsGroup { get; init; }
    public long? FsGroup { get; init; }

    /// <summary>The script's text: an argument of <c>bash -c</c>. Nothing foreign is ever put into it.</summary>
    public required string Script { get; init; }

    /// <summary>The script's settings, never a secret.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Mounted read-only, at the claim source and at the mount; null for a pod that needs no data.</summary>
    public DataVolume? Data { get; init; }

    public required string BackupClaim { get; init; }

    /// <summary>Where the backup claim is mounted in the pod.</summary>
    public string BackupMountPath { get; init; } = "/var/backup";

    /// <summary>The login that the script uses; null if it needs none.</summary>
    public LoginReference? Login { get; init; }

    /// <summary>The cluster itself ends the pod after this time.</summary>
    public TimeSpan? ActiveDeadline { get; init; }
}

/// <summary>The target's data claim.</summary>
public sealed record DataVolume(string ClaimName, string MountPath, string? SubPath);
