using System.Globalization;
using System.Text.Json;
using GaleraBackup.Policy;
using GaleraBackup.Workflow;

namespace GaleraBackup.Runner;

/// <summary>What the user chose for one backup.</summary>
public sealed record RunnerOptions
{
    public required string BackupClaim { get; init; }

    /// <summary>Folder on the backup claim, relative to its root; empty for the root itself.</summary>
    public string BackupPath { get; init; } = "";

    /// <summary>Available space must be more than the data directory's size times this.</summary>
    public decimal RequiredSpaceRatio { get; init; } = 1.2m;

    /// <summary>What earlier backups of this kind took, in bytes; the space that is asked for is at least this times the ratio.</summary>
    public long ExpectedBytes { get; init; }

    /// <summary>For the whole runner. The vendor's is 21600 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(21600);

    public BackupCompression Compression { get; init; }

    /// <summary>An image that has the compressor; null for the server's own.</summary>
    public string? CompressorImage { get; init; }

    public BackupTypeRequest Type { get; init; }

    /// <summary>How old a full backup may be to be continued by an incremental one. The vendor's is 7 days.</summary>
    public TimeSpan FullBackupCycle { get; init; } = TimeSpan.FromDays(7);

    /// <summary>The full backup that an incremental one continues; null for a full one.</summary>
    public BackupSet? Parent { get; init; }

    /// <summary>Threads that mariadb-backup copies with.</summary>
    public int Parallel { get; init; } = 1;

    /// <summary>mariadb-backup's --throttle: pairs of reads and writes a second of 10 MiB each; 0 for no limit.</summary>
    public int Throttle { get; init; }

    /// <summary>Cores that each container of the pod may use; null for no limit.</summary>
    public decimal? CpuLimit { get; init; }

    /// <summary>The name under which the backups are kept; null for NAMESPACE/STATEFULSET.</summary>
    public string? ClusterName { get; init; }

    /// <summary>For the pod's start: scheduling, image, volumes and the runner's own checks.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the runner waits, once it is ready, for the word that the replica is desynced.</summary>
    public TimeSpan GoTimeout { get; init; } = TimeSpan.FromMinutes(15);
}

/// <summary>How the stream is compressed.</summary>
public enum BackupCompression
{
    /// <summary>zstd where the image has it, else pigz, else gzip.</summary>
    Auto,
    Zstd,

    /// <summary>Readable for the vendor's own restore; with pigz, where the image has it.</summary>
    Gzip,
    None,
}

/// <summary>Builds the pods that run beside a replica: pure, so that -WhatIf shows exactly what would be created.</summary>
public static class RunnerPods
{
    private const string BackupMountPath = "/var/backup";
    private const string UnsafeLabel = "galerabackup.io/unsafe";
    private const int MySqlPort = 3306;

    /// <summary>Bytes a second of a volume that is still of use: a base is read once before it is continued.</summary>
    private const long SlowVolume = 10L << 20;
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(10);

    /// <summary>The pod <c>mariadb-phy-backup-runner-TIMESTAMP</c>.</summary>
    /// <param name="owner">Uid and gid of the data directory, for a pod whose spec does not say as whom it runs.</param>
    /// <exception cref="GaleraBackupException"><c>UnsupportedLayout</c>, <c>CredentialUnknown</c></exception>
    public static RunnerPod ForBackup(BackupReplica replica, RunnerOptions options, string runId, DateTimeOffset now, (long Uid, long Gid)? owner)
    {
        var (node, scope) = (replica.Node, replica.Scope);
        var volumes = ServerVolumes.Of(node);
        var pod = Beside(node, "runner", now, runId, replica.StatefulSet, options.BackupClaim, owner);
        return pod with
        {
            Labels = replica.Unsafe ? new Dictionary<string, string>(pod.Labels) { [UnsafeLabel] = "true" } : pod.Labels,
            Script = Scripts.BackupRunner,
            Environment = new Dictionary<string, string>
            {
                ["GALERA_BACKUP_MOUNT"] = BackupMountPath,
                ["GALERA_BACKUP_ROOT"] = RootOf(options.BackupPath),
                ["GALERA_BACKUP_ID"] = options.Parent is { } parent ? BackupName.Incremental(parent.Base, now) : BackupName.Full(now),
                ["GALERA_BACKUP_PARENT"] = options.Parent?.BackupId ?? "",
                ["GALERA_BACKUP_FROM_LSN"] = Number(options.Parent?.Manifest?.Position.ToLsn ?? 0),
                ["GALERA_BACKUP_COMPRESSION"] = options.Compression.ToString(),
                ["GALERA_BACKUP_COMPRESSOR"] = Scripts.BackupCompressor,
                ["GALERA_BACKUP_PIPES"] = options.CompressorImage is null ? "" : RunnerPod.PipesPath,
                ["GALERA_BACKUP_PARALLEL"] = Number(options.Parallel),
                ["GALERA_BACKUP_THROTTLE"] = Number(options.Throttle),
                ["GALERA_BACKUP_FACTS"] = Facts(replica, options),
                ["GALERA_BACKUP_HOST"] = node.PodSnapshot.PodIP!,
                ["GALERA_BACKUP_PORT"] = MySqlPort.ToString(CultureInfo.InvariantCulture),
                ["GALERA_BACKUP_HOSTNAME"] = node.Wsrep!.HostName,
                ["GALERA_BACKUP_SSL_MODE"] = scope.SslMode.ToString(),
                ["GALERA_BACKUP_SSL_CA"] = scope.SslCa ?? "",
                ["GALERA_BACKUP_DATADIR"] = volumes.DataDirectory,
                ["GALERA_BACKUP_DATA_PATHS"] = string.Join('\n', volumes.DataPaths),
                ["GALERA_BACKUP_KEY_FILES"] = string.Join('\n', volumes.KeyFiles),
                ["GALERA_BACKUP_SPACE_RATIO_PERMILLE"] = decimal.Ceiling(options.RequiredSpaceRatio * 1000).ToString(CultureInfo.InvariantCulture),
                ["GALERA_BACKUP_EXPECTED_KIB"] = Number((options.ExpectedBytes + 1023) / 1024),
                ["GALERA_BACKUP_GO_TIMEOUT"] = Math.Ceiling(options.GoTimeout.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            },
            Mounts = volumes.Mounts,
            CompressorImage = options.CompressorImage,
            CpuLimit = options.CpuLimit,
            Login = Logins.ForRunner(scope, node.Layout!, pod.Name),

            // The cluster's own limit is for a run whose orchestrator died; ours, which can tell what happened, must come first.
            ActiveDeadline = options.StartTimeout + TimeSpan.FromSeconds((options.Parent?.SizeBytes ?? 0) / SlowVolume) + options.GoTimeout + options.Timeout + Margin,
        };
    }

    /// <summary>The short pod <c>mariadb-phy-backup-store-TIMESTAMP</c>, in which backups are listed and removed.</summary>
    /// <param name="readOnly">True for a rehearsal: backups can be listed and not removed.</param>
    public static RunnerPod ForStore(
        GaleraNode node, string statefulSet, string backupClaim, string backupPath, DateTimeOffset now, (long Uid, long Gid)? owner, bool readOnly) =>
        Beside(node, "store", now, runId: null, statefulSet, backupClaim, owner) with
        {
            // PID 1 has no default signal handlers: without the trap the pod would linger for its whole grace period.
            Script = "trap 'exit 0' TERM INT; sleep infinity & wait",
            Environment = new Dictionary<string, string>
            {
                ["GALERA_BACKUP_MOUNT"] = BackupMountPath,
                ["GALERA_BACKUP_ROOT"] = RootOf(backupPath),
                ["GALERA_BACKUP_STORE"] = Scripts.BackupStore,
            },
            BackupReadOnly = readOnly,
            ActiveDeadline = TimeSpan.FromHours(1),
        };

    private static RunnerPod Beside(
        GaleraNode node, string role, DateTimeOffset now, string? runId, string statefulSet, string backupClaim, (long Uid, long Gid)? owner)
    {
        var layout = node.Layout!;
        var pod = node.PodSnapshot;
        var labels = new Dictionary<string, string>
        {
            ["app.kubernetes.io/name"] = "galera-backup",
            ["app.kubernetes.io/component"] = role,
            ["galerabackup.io/statefulset"] = statefulSet,
        };
        if (runId is not null)
        {
            labels["galerabackup.io/run-id"] = runId;
        }

        return new RunnerPod
        {
            Name = $"mariadb-phy-backup-{role}-{now.UtcDateTime:yyyyMMddHHmmss}",
            Namespace = pod.Namespace,
            Labels = labels,
            NodeName = node.KubernetesNode!,
            Image = layout.Image,
            ImagePullPolicy = layout.ImagePullPolicy,
            ImagePullSecrets = pod.ImagePullSecrets,
            Tolerations = pod.Tolerations,
            RunAsUser = layout.RunAsUser ?? owner?.Uid,
            RunAsGroup = layout.RunAsGroup ?? owner?.Gid,
            FsGroup = pod.FsGroup,
            SupplementalGroups = pod.SupplementalGroups,
            SeLinux = pod.Containers.FirstOrDefault(container => container.Name == layout.Container)?.SeLinux ?? pod.SeLinux,
            Script = "",
            BackupClaim = backupClaim,
            BackupMountPath = BackupMountPath,
        };
    }

    /// <summary>What the manifest says and only we know: members of its objects, one line an object.</summary>
    private static string Facts(BackupReplica replica, RunnerOptions options)
    {
        return $"""
            cluster={Members(new { name = options.ClusterName ?? replica.Cluster.ToString(), @namespace = replica.Namespace, statefulSet = replica.StatefulSet })}
            server={Members(new { pod = replica.Pod, node = replica.KubernetesNode })}
            run={Members(new
        {
            @unsafe = replica.Unsafe,
            options = new Dictionary<string, string>
            {
                ["compression"] = options.Compression.ToString(),
                ["parallel"] = Number(options.Parallel),
                ["throttle"] = Number(options.Throttle),
            },
        })}
            """;

        static string Members(object value) => JsonSerializer.Serialize(value)[1..^1];
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string RootOf(string backupPath) =>
        backupPath.Length == 0 ? BackupMountPath : $"{BackupMountPath}/{backupPath.Trim('/')}";
}
