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
    public void The_store_pod_mounts_no_data_and_carries_no_login()
    {
        var pod = RunnerPods.ForStore(_replica.Node, "mariadb-server", "backups", "", Make.Now, null, readOnly: false);

        Assert.Empty(pod.Mounts);
        Assert.Null(pod.Login);
        Assert.Equal("mariadb-phy-backup-store-20260131010000", pod.Name);
    }
}
