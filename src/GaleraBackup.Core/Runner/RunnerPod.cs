namespace GaleraBackup.Runner;

/// <summary>
/// A pod of ours beside the target replica: the backup's runner, or the short one that lists and removes backups. Infrastructure
/// turns it into a manifest: restartPolicy Never, not root, read-only root filesystem, all capabilities dropped, seccomp
/// RuntimeDefault, no service-account token, required node affinity to <see cref="NodeName"/>.
/// </summary>
public sealed record RunnerPod
{
    public const string Container = "runner";

    /// <summary>Name of the second container, where there is one.</summary>
    public const string CompressorContainer = "compressor";

    /// <summary>An emptyDir that both containers have, and nothing else: the pipes between them.</summary>
    public const string PipesPath = "/run/galera-backup-pipes";

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
    public IReadOnlyList<long> SupplementalGroups { get; init; } = [];

    /// <summary>The target's: with other categories SELinux lets no second pod read the server's files.</summary>
    public SeLinuxOptions? SeLinux { get; init; }

    /// <summary>The script's text: an argument of <c>bash -c</c>. Nothing foreign is ever put into it.</summary>
    public required string Script { get; init; }

    /// <summary>The script's settings, never a secret.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The server's own volumes: claims read-only at the source and at the mount. Empty for a pod that needs no data.</summary>
    public IReadOnlyList<ReadOnlyMount> Mounts { get; init; } = [];

    public required string BackupClaim { get; init; }

    /// <summary>True for a pod that only looks: the backup claim is read-only at the source and at the mount.</summary>
    public bool BackupReadOnly { get; init; }

    /// <summary>Where the backup claim is mounted in the pod.</summary>
    public string BackupMountPath { get; init; } = "/var/backup";

    /// <summary>The image of a second container, which compresses; null if the runner does it itself.</summary>
    public string? CompressorImage { get; init; }

    /// <summary>Cores that each of its containers may use; null for no limit.</summary>
    public decimal? CpuLimit { get; init; }

    /// <summary>The login that the script uses; null if it needs none.</summary>
    public RunnerLogin? Login { get; init; }

    /// <summary>The cluster itself ends the pod after this time.</summary>
    public TimeSpan? ActiveDeadline { get; init; }
}

/// <summary>A volume of the target's pod, at the place where its server has it.</summary>
public sealed record ReadOnlyMount(VolumeSnapshot Volume, string MountPath, string? SubPath);

/// <summary>How a login reaches the runner.</summary>
/// <param name="Reference">The Secrets that the pod mounts.</param>
/// <param name="Typed">Not null for a login that a user typed: it becomes the Secret that <paramref name="Reference"/> names, for as long as the pod is there.</param>
public sealed record RunnerLogin(LoginReference Reference, SqlLogin? Typed);
