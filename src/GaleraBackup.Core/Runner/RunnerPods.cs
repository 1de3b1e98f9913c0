using System.Globalization;
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

    /// <summary>For the whole runner. The vendor's is 21600 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(21600);

    /// <summary>For the pod's start: scheduling, image, volumes and the runner's own checks.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the runner waits, once it is ready, for the word that the replica is desynced.</summary>
    public TimeSpan GoTimeout { get; init; } = TimeSpan.FromMinutes(15);
}

/// <summary>Builds the pods that run beside a replica: pure, so that -WhatIf shows exactly what would be created.</summary>
public static class RunnerPods
{
    private const string BackupMountPath = "/var/backup";
    private const string UnsafeLabel = "galerabackup.io/unsafe";
    private const int MySqlPort = 3306;
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
                ["GALERA_BACKUP_ID"] = BackupName.Full(now),
                ["GALERA_BACKUP_HOST"] = node.PodSnapshot.PodIP!,
                ["GALERA_BACKUP_PORT"] = MySqlPort.ToString(CultureInfo.InvariantCulture),
                ["GALERA_BACKUP_HOSTNAME"] = node.Wsrep!.HostName,
                ["GALERA_BACKUP_SSL_MODE"] = scope.SslMode.ToString(),
                ["GALERA_BACKUP_SSL_CA"] = scope.SslCa ?? "",
                ["GALERA_BACKUP_DATADIR"] = volumes.DataDirectory,
                ["GALERA_BACKUP_DATA_PATHS"] = string.Join('\n', volumes.DataPaths),
                ["GALERA_BACKUP_KEY_FILES"] = string.Join('\n', volumes.KeyFiles),
                ["GALERA_BACKUP_SPACE_RATIO_PERMILLE"] = decimal.Ceiling(options.RequiredSpaceRatio * 1000).ToString(CultureInfo.InvariantCulture),
                ["GALERA_BACKUP_GO_TIMEOUT"] = Math.Ceiling(options.GoTimeout.TotalSeconds).ToString(CultureInfo.InvariantCulture),
            },
            Mounts = volumes.Mounts,
            Login = Logins.ForRunner(scope, node.Layout!, pod.Name),

            // The cluster's own limit is for a run whose orchestrator died; ours, which can tell what happened, must come first.
            ActiveDeadline = options.StartTimeout + options.GoTimeout + options.Timeout + Margin,
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

    private static string RootOf(string backupPath) =>
        backupPath.Length == 0 ? BackupMountPath : $"{BackupMountPath}/{backupPath.Trim('/')}";
}
