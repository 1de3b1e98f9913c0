using GaleraBackup.Policy;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Runner;

public sealed class RunnerPodsTests
{
    private static readonly RunnerOptions Options = new() { BackupClaim = "mariadb-phy-backup-data" };

    private readonly BackupReplica _replica = ReplicaSelection.Select(Make.Cluster(Make.Node(0), Make.Node(1), Make.Node(2)), allowUnsafe: false);

    [Fact]
    public void The_runner_is_beside_its_replica_with_its_image_and_its_data()
    {
        var pod = RunnerPods.ForBackup(_replica, Options, "run-1", Make.Now, owner: (999, 998));

        Assert.Equal("mariadb-phy-backup-runner-20260131010000", pod.Name);
        Assert.Equal(("openstack", "worker-2", "registry.example/openstackhelm/mariadb:10.11"), (pod.Namespace, pod.NodeName, pod.Image));
        var mount = Assert.Single(pod.Mounts);
        Assert.Equal(("mysql-data-mariadb-server-2", "/var/lib/mysql", null), (mount.Volume.ClaimName, mount.MountPath, mount.SubPath));
        Assert.Equal((999L, 998L), (pod.RunAsUser, pod.RunAsGroup));
        Assert.Equal("run-1", pod.Labels["galerabackup.io/run-id"]);
        Assert.Equal("10.0.0.12", pod.Environment["GALERA_BACKUP_HOST"]);
        Assert.Equal("base/2026-01-31_01-00-00", pod.Environment["GALERA_BACKUP_ID"]);
    }

    [Theory]
    [InlineData("", "/var/backup")]
    [InlineData("prod/db", "/var/backup/prod/db")]
    [InlineData("/prod/", "/var/backup/prod")]
    public void The_backup_path_is_below_the_mount(string path, string root) =>
        Assert.Equal(root, RunnerPods.ForBackup(_replica, Options with { BackupPath = path }, "r", Make.Now, null).Environment["GALERA_BACKUP_ROOT"]);

    [Theory]
    [InlineData("1.2", "1200")]
    [InlineData("2", "2000")]
    [InlineData("1.0001", "1001")]
    public void The_ratio_is_never_rounded_down(string ratio, string permille) =>
        Assert.Equal(permille, RunnerPods
            .ForBackup(_replica, Options with { RequiredSpaceRatio = decimal.Parse(ratio, System.Globalization.CultureInfo.InvariantCulture) }, "r", Make.Now, null)
            .Environment["GALERA_BACKUP_SPACE_RATIO_PERMILLE"]);

    [Theory]
    [InlineData("/data/mysql/")]
    [InlineData("/var/lib/mysql-other/")]
    public void A_data_directory_that_is_not_on_the_claim_is_refused(string dataDirectory)
    {
        var replica = _replica with { Node = Make.Node(2, wsrep => wsrep with { DataDirectory = dataDirectory }) };

        var refusal = Assert.Throws<GaleraBackupException>(() => RunnerPods.ForBackup(replica, Options, "r", Make.Now, null));

        Assert.Equal(("UnsupportedLayout", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
    }

    [Fact]
    public void A_typed_login_is_neither_in_the_pod_nor_in_its_text()
    {
        var scope = _replica.Scope with { BackupCredential = new SqlLogin("backup", "s3cr3t") };
        var replica = _replica with { Cluster = _replica.Cluster with { Scope = scope } };

        var pod = RunnerPods.ForBackup(replica, Options, "r", Make.Now, null);

        Assert.Equal(new LoginReference(null, new SecretKeyReference(pod.Name, "username"), new SecretKeyReference(pod.Name, "password")), pod.Login!.Reference);
        Assert.DoesNotContain("s3cr3t", pod + string.Join(' ', pod.Environment.Values), StringComparison.Ordinal);
    }

    [Fact]
    public void The_runner_has_what_lets_the_server_read_its_files()
    {
        var node = Make.Node(2);
        var pod = node.PodSnapshot with { SupplementalGroups = [7, 8], SeLinux = new SeLinuxOptions(null, null, null, "pods") };
        var container = pod.Containers[0];
        var ofContainer = new SeLinuxOptions(null, null, "container_t", "s0:c1,c2");

        Assert.Equal([7, 8], For(pod).SupplementalGroups);
        Assert.Equal(pod.SeLinux, For(pod).SeLinux);
        Assert.Equal(ofContainer, For(pod with { Containers = [container with { SeLinux = ofContainer }] }).SeLinux);

        RunnerPod For(PodSnapshot pod) => RunnerPods.ForBackup(_replica with { Node = node with { PodSnapshot = pod } }, Options, "r", Make.Now, null);
    }

    [Fact]
    public void The_script_is_told_what_the_server_has_elsewhere_and_how_it_is_reached()
    {
        var node = Make.Node(2, wsrep => wsrep with { Paths = new ServerPaths { InnodbUndo = "/var/lib/mysql/../mysql/undo", EncryptionKeys = "/keys/a", EncryptionKeysKey = "/keys/b" } });
        var replica = _replica with { Node = node, Cluster = _replica.Cluster with { Scope = _replica.Scope with { SslMode = DatabaseSslMode.VerifyCA, SslCa = "PEM" } } };

        var settings = RunnerPods.ForBackup(replica, Options, "r", Make.Now, null).Environment;

        Assert.Equal(("", "/keys/a\n/keys/b"), (settings["GALERA_BACKUP_DATA_PATHS"], settings["GALERA_BACKUP_KEY_FILES"]));
        Assert.Equal(("VerifyCA", "PEM", "mariadb-server-2"), (settings["GALERA_BACKUP_SSL_MODE"], settings["GALERA_BACKUP_SSL_CA"], settings["GALERA_BACKUP_HOSTNAME"]));
    }

    [Fact]
    public void The_clusters_own_deadline_comes_after_all_of_ours()
    {
        var pod = RunnerPods.ForBackup(_replica, Options with { StartTimeout = TimeSpan.FromHours(9) }, "r", Make.Now, null);

        Assert.True(pod.ActiveDeadline > TimeSpan.FromHours(9) + Options.GoTimeout + Options.Timeout);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_runner_of_an_unsafe_replica_is_marked(bool isUnsafe)
    {
        var pod = RunnerPods.ForBackup(_replica with { Unsafe = isUnsafe }, Options, "r", Make.Now, null);

        Assert.Equal(isUnsafe ? "true" : null, pod.Labels.GetValueOrDefault("galerabackup.io/unsafe"));
    }

    [Fact]
    public void The_store_pod_mounts_no_data_and_carries_no_login()
    {
        var pod = RunnerPods.ForStore(_replica.Node, "mariadb-server", "backups", "", Make.Now, null, readOnly: false);

        Assert.Empty(pod.Mounts);
        Assert.Null(pod.Login);
        Assert.False(pod.BackupReadOnly);
        Assert.True(RunnerPods.ForStore(_replica.Node, "mariadb-server", "backups", "", Make.Now, null, readOnly: true).BackupReadOnly);
        Assert.Equal("mariadb-phy-backup-store-20260131010000", pod.Name);
    }
}
