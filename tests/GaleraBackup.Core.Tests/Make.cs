using System.Security.Cryptography;
using System.Text;
using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests;

/// <summary>Records as the ports would fill them for a healthy cluster; a test changes what it is about.</summary>
internal static class Make
{
    public const string Uuid = "0d1e2f30-1111-11ee-8a3c-0242ac110002";

    public static readonly DateTimeOffset Now = new(2026, 1, 31, 1, 0, 0, TimeSpan.Zero);

    public static WsrepStatus Wsrep(string pod = "mariadb-server-0", int size = 3) => new()
    {
        Ready = true,
        Connected = true,
        ClusterStatus = "Primary",
        LocalState = WsrepStatus.Synced,
        LocalStateComment = "Synced",
        ClusterSize = size,
        ClusterStateUuid = Uuid,
        ClusterConfId = 7,
        FlowControlLowerLimit = 16,
        Version = "10.11.19-MariaDB-log",
        DataDirectory = "/var/lib/mysql/",
        HostName = pod,
    };

    public static PodSnapshot Pod(int ordinal = 0, params ContainerSnapshot[] containers) => new()
    {
        Name = $"mariadb-server-{ordinal}",
        Namespace = "openstack",
        Uid = $"uid-{ordinal}",
        Labels = new Dictionary<string, string> { ["application"] = "mariadb", ["component"] = "server" },
        StatefulSet = "mariadb-server",
        NodeName = $"worker-{ordinal}",
        PodIP = $"10.0.0.{ordinal + 10}",
        Phase = "Running",
        Ready = true,
        Containers = containers.Length > 0 ? containers : [Container()],
        Volumes = [new VolumeSnapshot("mysql-data", "persistentVolumeClaim", $"mysql-data-mariadb-server-{ordinal}"), new VolumeSnapshot("pod-tmp", "emptyDir")],
    };

    public static ContainerSnapshot Container() => new()
    {
        Name = "mariadb",
        Image = "registry.example/openstackhelm/mariadb:10.11",
        Ports = [3306, 4567, 4568, 4444],
        Environment =
        [
            new EnvironmentEntry("MYSQL_DBADMIN_USERNAME", "root", null),
            new EnvironmentEntry("MYSQL_DBADMIN_PASSWORD", null, new SecretKeyReference("mariadb-dbadmin-password", "MYSQL_DBADMIN_PASSWORD")),
        ],
        Mounts = [new MountSnapshot("pod-tmp", "/tmp", null), new MountSnapshot("mysql-data", "/var/lib/mysql", null)],
    };

    public static GaleraNode Node(int ordinal, Func<WsrepStatus, WsrepStatus>? change = null)
    {
        var pod = Pod(ordinal);
        var wsrep = Wsrep(pod.Name);
        return new GaleraNode
        {
            Pod = pod.Name,
            Ordinal = ordinal,
            KubernetesNode = pod.NodeName,
            Phase = pod.Phase,
            Ready = true,
            Restarts = 0,
            Wsrep = change is null ? wsrep : change(wsrep),
            Layout = Discovery.FindLayout(pod),
            PodSnapshot = pod,
        };
    }

    public static GaleraCluster Cluster(params GaleraNode[] nodes) => new()
    {
        Namespace = "openstack",
        StatefulSet = "mariadb-server",
        Replicas = nodes.Length,
        Nodes = nodes,
        Findings = ClusterHealth.Evaluate(nodes.Length, nodes, Now),
        CheckedAt = Now,
        Scope = new ClusterScope { Namespace = "openstack", StatefulSet = "mariadb-server" },
    };

    /// <summary>The manifest of a full backup, in JSON.</summary>
    public static string Manifest(string id, string version = "10.11.19-MariaDB", string uuid = Uuid, bool isUnsafe = false) => BackupManifest.Seal($$"""
        {"schemaVersion":1,"id":"{{id}}","type":"Full","parent":null,"base":"{{id}}",
         "cluster":{"name":"openstack/mariadb-server","namespace":"openstack","statefulSet":"mariadb-server","uuid":"{{uuid}}"},
         "position":{"seqno":4711,"gtid":"0-1-99","fromLsn":0,"toLsn":56789},
         "server":{"version":"{{version}}","toolVersion":"10.11.19","pod":"mariadb-server-2","node":"worker-2"},
         "startedAt":"2026-01-05T01:00:00Z","finishedAt":"2026-01-05T01:10:00Z","databaseBytes":1073741824,"streamedBytes":1048576,"storedBytes":100,"codec":"zstd",
         "files":[{"name":"backup.stream.zst","size":100,"sha256":"00"}],"unsafe":{{(isUnsafe ? "true" : "false")}},"options":{"parallel":"2"},
         "encryption":null,"copies":[],"proof":null,"fromANewerMinorVersion":1}
        """.ReplaceLineEndings(""));

    /// <summary>What the runner says of it at its end.</summary>
    public static string ResultLine(string id)
    {
        var manifest = Encoding.UTF8.GetBytes(Manifest(id));
        return $$"""{"event":"result","manifest":"{{Convert.ToBase64String(manifest)}}","sha256":"{{Convert.ToHexStringLower(SHA256.HashData(manifest))}}"}""";
    }

    /// <summary>A backup as a catalogue lists it: everything but the state follows from the id.</summary>
    public static BackupSet Backup(string id, BackupState state = BackupState.Complete) =>
        BackupName.TryParse(id, out var type, out var baseStamp, out var createdAt)
            ? new BackupSet
            {
                BackupId = id,
                Type = type,
                Base = baseStamp,
                CreatedAt = createdAt,
                SizeBytes = 1,
                State = state,
                Location = "mariadb-phy-backup-data",
            }
            : throw new ArgumentException($"{id} is no backup's id.", nameof(id));
}
