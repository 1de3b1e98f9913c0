using System.Text;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>
/// A cluster of one node in a namespace of its own: redo log, undo tablespaces and binary log on claims of their own, and all encrypted
/// with a key from a Secret. Disposing it removes all of it.
/// </summary>
public sealed class SingleNodeDatabase : Fault
{
    /// <summary>The namespace, and the StatefulSet in it.</summary>
    public const string Namespace = "single";

    public const string StatefulSet = "mariadb-single";

    /// <summary>The claim for backups.</summary>
    public const string BackupClaim = "backup";

    private const uint MysqlUser = 999;
    private const string AdminPassword = "single-admin-password";
    private const string Data = "mysql-data";
    private static readonly string[] Claims = [Data, "redo", "undo", "binlog", BackupClaim];

    private SingleNodeDatabase(string folder, Func<CancellationToken, Task> heal)
        : base("the second database", heal) => Folder = folder;

    /// <summary>On this machine, below it one folder for each claim, of its name.</summary>
    public string Folder { get; }

    /// <summary>Makes it, and waits until it is Ready.</summary>
    public static async Task<SingleNodeDatabase> StartAsync(Lab lab, IKubernetes client, string image, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(lab.Paths.Faults, Namespace);
        var database = new SingleNodeDatabase(folder, token => RemoveAsync(client, folder, token));
        return await OrHealAsync(database, async () =>
        {
            await client.CoreV1.CreateNamespaceAsync(
                new V1Namespace { Metadata = new V1ObjectMeta { Name = Namespace, Labels = Labels } }, cancellationToken: cancellationToken);
            foreach (var claim in Claims)
            {
                await CreateVolumeAsync(client, claim, Path.Combine(folder, claim), cancellationToken);
            }

            await client.CoreV1.CreateNamespacedSecretAsync(Login(), Namespace, cancellationToken: cancellationToken);
            await client.CoreV1.CreateNamespacedConfigMapAsync(Configuration(), Namespace, cancellationToken: cancellationToken);
            await client.AppsV1.CreateNamespacedStatefulSetAsync(Describe(image), Namespace, cancellationToken: cancellationToken);
            await PodWatch.WaitAsync(
                client, Namespace, $"{StatefulSet}-0",
                pod => pod?.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true,
                TimeSpan.FromSeconds(90), cancellationToken);
        });
    }

    /// <summary>The administrator's account on it.</summary>
    public static async Task<DatabaseEndpoint> EndpointAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        var pod = await client.CoreV1.ReadNamespacedPodAsync($"{StatefulSet}-0", Namespace, cancellationToken: cancellationToken);
        return new DatabaseEndpoint(pod.Status.PodIP, 3306, "root", AdminPassword);
    }

    /// <summary>Its backups.</summary>
    public static BackupPlace Backups(string image) => new(Namespace, BackupClaim, image, KeySecret: "mariadb");

    internal static async Task RemoveAsync(IKubernetes client, string folder, CancellationToken cancellationToken)
    {
        // Its pod would be ended for half a minute, in order.
        await UnlessGoneAsync(() => client.AppsV1.DeleteNamespacedStatefulSetAsync(StatefulSet, Namespace, cancellationToken: cancellationToken));
        await client.CoreV1.DeleteCollectionNamespacedPodAsync(Namespace, gracePeriodSeconds: 1, cancellationToken: cancellationToken);
        await UnlessGoneAsync(() => client.CoreV1.DeleteNamespaceAsync(Namespace, cancellationToken: cancellationToken));
        await UntilAsync(
            async () => !(await client.CoreV1.ListNamespaceAsync(
                fieldSelector: $"metadata.name={Namespace}", cancellationToken: cancellationToken)).Items.Any(),
            cancellationToken);
        foreach (var claim in Claims)
        {
            await UnlessGoneAsync(() => client.CoreV1.DeletePersistentVolumeAsync(VolumeOf(claim), cancellationToken: cancellationToken));
        }

        if (Directory.Exists(folder))
        {
            Cache.Discard(folder);
        }
    }

    private static string VolumeOf(string claim) => $"{Namespace}-{claim}";

    private static async Task CreateVolumeAsync(IKubernetes client, string claim, string folder, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(folder);
        Native.ChangeOwner(folder, MysqlUser, MysqlUser);
        var size = new Dictionary<string, ResourceQuantity> { ["storage"] = new("1Gi") };
        var volume = new V1PersistentVolume
        {
            Metadata = new V1ObjectMeta { Name = VolumeOf(claim), Labels = Labels },
            Spec = new V1PersistentVolumeSpec
            {
                StorageClassName = "manual",
                PersistentVolumeReclaimPolicy = "Retain",
                AccessModes = ["ReadWriteOnce"],
                Capacity = size,
                ClaimRef = new V1ObjectReference
                {
                    ApiVersion = "v1",
                    Kind = "PersistentVolumeClaim",
                    Name = claim,
                    NamespaceProperty = Namespace,
                },
                HostPath = new V1HostPathVolumeSource { Path = folder, Type = "Directory" },
            },
        };
        await client.CoreV1.CreatePersistentVolumeAsync(volume, cancellationToken: cancellationToken);
        var request = new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { Name = claim },
            Spec = new V1PersistentVolumeClaimSpec
            {
                StorageClassName = "manual",
                VolumeName = VolumeOf(claim),
                AccessModes = ["ReadWriteOnce"],
                Resources = new V1VolumeResourceRequirements { Requests = size },
            },
        };
        await client.CoreV1.CreateNamespacedPersistentVolumeClaimAsync(request, Namespace, cancellationToken: cancellationToken);
    }

    private static V1Secret Login() => new()
    {
        Metadata = new V1ObjectMeta { Name = "mariadb" },
        StringData = new Dictionary<string, string>
        {
            ["admin"] = AdminPassword,
            ["backup"] = "single-backup-password",
            ["keyfile"] = $"1;{Convert.ToHexStringLower(Encoding.ASCII.GetBytes("0123456789abcdef"))}\n",
        },
    };

    private static V1ConfigMap Configuration() => new()
    {
        Metadata = new V1ObjectMeta { Name = "mariadb" },
        Data = new[] { "single.sh", "single.cnf" }.ToDictionary(name => name, ClusterManifests.ReadResource),
    };

    private static V1StatefulSet Describe(string image)
    {
        var labels = new Dictionary<string, string> { ["app"] = StatefulSet };
        static V1EnvVar Value(string name, string value) => new() { Name = name, Value = value };
        static V1EnvVar Secret(string name, string key) => new()
        {
            Name = name,
            ValueFrom = new V1EnvVarSource { SecretKeyRef = new V1SecretKeySelector { Name = "mariadb", Key = key } },
        };
        static V1Volume Claim(string name) => new()
        {
            Name = name,
            PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = name },
        };
        static V1VolumeMount Mount(string name, string path) => new() { Name = name, MountPath = path };
        var container = new V1Container
        {
            Name = "mariadb",
            Image = image,
            ImagePullPolicy = "Never",
            Command = ["/bin/bash", "/etc/single/single.sh"],
            Env =
            [
                new V1EnvVar
                {
                    Name = "POD_IP",
                    ValueFrom = new V1EnvVarSource { FieldRef = new V1ObjectFieldSelector { FieldPath = "status.podIP" } },
                },
                Value("MYSQL_DBADMIN_USERNAME", "root"), Secret("MYSQL_DBADMIN_PASSWORD", "admin"),
                Value("MYSQL_BACKUP_USERNAME", "backup"), Secret("MYSQL_BACKUP_PASSWORD", "backup"),
            ],
            Ports = [new V1ContainerPort { Name = "mysql", ContainerPort = 3306 }],
            ReadinessProbe = new V1Probe
            {
                Exec = new V1ExecAction { Command = ["bash", "-c", "mariadb -NBe \"SHOW STATUS LIKE 'wsrep_local_state_comment'\" | grep -qw Synced"] },
                PeriodSeconds = 2,
                TimeoutSeconds = 5,
            },
            VolumeMounts =
            [
                Mount(Data, "/var/lib/mysql"), Mount("redo", "/redo"), Mount("undo", "/undo"), Mount("binlog", "/binlog"),
                Mount("keys", "/etc/mysql/keys"), Mount("run", "/run/mysqld"), Mount("config", "/etc/single"),
                new V1VolumeMount { Name = "config", MountPath = "/etc/mysql/mariadb.conf.d/99-single.cnf", SubPath = "single.cnf" },
            ],
        };
        return new V1StatefulSet
        {
            Metadata = new V1ObjectMeta { Name = StatefulSet },
            Spec = new V1StatefulSetSpec
            {
                ServiceName = StatefulSet,
                Replicas = 1,
                Selector = new V1LabelSelector { MatchLabels = labels },
                Template = new V1PodTemplateSpec
                {
                    Metadata = new V1ObjectMeta { Labels = labels },
                    Spec = new V1PodSpec
                    {
                        AutomountServiceAccountToken = false,
                        EnableServiceLinks = false,
                        NodeSelector = new Dictionary<string, string> { ["kubernetes.io/hostname"] = ClusterNames.Node },
                        SecurityContext = new V1PodSecurityContext { RunAsUser = MysqlUser, RunAsGroup = MysqlUser },
                        Containers = [container],
                        Volumes =
                        [
                            Claim(Data), Claim("redo"), Claim("undo"), Claim("binlog"),
                            new V1Volume { Name = "run", EmptyDir = new V1EmptyDirVolumeSource() },
                            new V1Volume { Name = "config", ConfigMap = new V1ConfigMapVolumeSource { Name = "mariadb" } },
                            new V1Volume
                            {
                                Name = "keys",
                                Secret = new V1SecretVolumeSource
                                {
                                    SecretName = "mariadb", Items = [new V1KeyToPath { Key = "keyfile", Path = "keyfile" }],
                                },
                            },
                        ],
                    },
                },
            },
        };
    }
}
