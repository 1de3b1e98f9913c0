namespace GaleraBackup.Host.Tests;

/// <summary>Records to judge and to print.</summary>
public static class Samples
{
    public static readonly DateTimeOffset Time = new(2026, 1, 31, 1, 0, 0, TimeSpan.Zero);

    public static BackupRun Run(Outcome backup, Outcome verify, Outcome resync, Outcome prune, params RunError[] errors)
    {
        var pod = new PodSnapshot
        {
            Name = "mariadb-server-2",
            Namespace = "openstack",
            Uid = "1",
            Phase = "Running",
            Containers = [new ContainerSnapshot { Name = "mariadb", Image = "mariadb:11", Environment = [new EnvironmentEntry("PASSWORD", "plain secret", null)] }],
        };
        var node = new GaleraNode { Pod = pod.Name, Ordinal = 2, Phase = pod.Phase, Ready = true, Restarts = 0, PodSnapshot = pod };
        var cluster = new GaleraCluster
        {
            Namespace = pod.Namespace,
            StatefulSet = "mariadb-server",
            Replicas = 3,
            Nodes = [node],
            Findings = [new HealthFinding("ReplicaMissing", FindingSeverity.Warning, null, "Two replicas are missing.")],
            CheckedAt = Time,
            Scope = new ClusterScope { Namespace = pod.Namespace, Credential = new SqlLogin("root", "secret password") },
        };
        return new BackupRun
        {
            RunId = "run1",
            BackupId = "base/2026-01-31_01-00-00",
            BackupClaim = "mariadb-phy-backup-data",
            RunnerPod = "runner",
            Backup = backup,
            Verify = verify,
            Resync = resync,
            Prune = prune,
            StartedAt = Time,
            FinishedAt = Time.AddSeconds(90),
            Manifest = BackupManifest.Parse(
                BackupManifest.Seal("""
                {"schemaVersion":1,"id":"base/2026-01-31_01-00-00","type":"Full","base":"base/2026-01-31_01-00-00","cluster":{"name":"c","namespace":"n","statefulSet":"s"},
                 "position":{"fromLsn":0,"toLsn":1},"server":{"version":"10.11.19","toolVersion":"10.11.19","pod":"p"},"startedAt":"2026-01-31T01:00:00Z",
                 "finishedAt":"2026-01-31T01:01:00Z","databaseBytes":1,"streamedBytes":1,"storedBytes":12345678901,"codec":"zstd",
                 "files":[{"name":"backup.stream.zst","size":12345678901,"sha256":"00"}]}
                """),
                "the sample"),
            Errors = errors,
            Replica = new BackupReplica { Node = node, Cluster = cluster, Candidates = [new ReplicaCandidate(node.Pod, 2, true, "the highest ordinal")] },
        };
    }
}
