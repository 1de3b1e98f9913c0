using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class DiscoveryTests
{
    private static readonly SecretKeyReference RootSecret = new("mariadb", "root-password");

    [Fact]
    public void An_openstack_helm_pod_tells_its_claim_image_and_administrator()
    {
        var layout = Discovery.FindLayout(Make.Pod(2));

        Assert.NotNull(layout);
        Assert.Equal("mariadb", layout.Container);
        Assert.Equal("registry.example/openstackhelm/mariadb:10.11", layout.Image);
        Assert.Equal("mysql-data-mariadb-server-2", layout.DataClaim);
        Assert.Equal("/var/lib/mysql", layout.DataMountPath);
        Assert.Equal(
            new LoginReference("root", null, new SecretKeyReference("mariadb-dbadmin-password", "MYSQL_DBADMIN_PASSWORD")), layout.AdminLogin);
        Assert.Null(layout.BackupLogin);
    }

    [Fact]
    public void A_mariadb_operator_pod_is_read_past_its_agent_and_its_configuration_claim()
    {
        var agent = new ContainerSnapshot
        {
            Name = "agent",
            Image = "registry.example/mariadb-operator/mariadb-operator:25.8",
            Ports = [5555],
            Mounts = [new MountSnapshot("storage", "/var/lib/mysql", "storage"), new MountSnapshot("galera", "/etc/mysql/mariadb.conf.d", "galera")],
        };
        var server = new ContainerSnapshot
        {
            Name = "mariadb",
            Image = "docker.io/library/mariadb:11.4",
            ImagePullPolicy = "IfNotPresent",
            Ports = [3306],
            Environment = [new EnvironmentEntry("MARIADB_ROOT_PASSWORD", null, RootSecret)],
            Mounts = [new MountSnapshot("galera", "/etc/mysql/mariadb.conf.d", "galera"), new MountSnapshot("storage", "/var/lib/mysql", "storage")],
        };
        var pod = Make.Pod(1, agent, server) with
        {
            RunAsUser = 999,
            RunAsGroup = 998,
            Volumes = [new VolumeSnapshot("galera", "persistentVolumeClaim", "galera-mariadb-1"), new VolumeSnapshot("storage", "persistentVolumeClaim", "storage-mariadb-1")],
        };

        Assert.Equal(
            new MariaDbLayout
            {
                Container = "mariadb",
                Image = "docker.io/library/mariadb:11.4",
                ImagePullPolicy = "IfNotPresent",
                DataClaim = "storage-mariadb-1",
                DataMountPath = "/var/lib/mysql",
                DataSubPath = "storage",
                AdminLogin = new LoginReference("root", null, RootSecret),
                RunAsUser = 999,
                RunAsGroup = 998,
            },
            Discovery.FindLayout(pod));
    }

    [Fact]
    public void A_Bitnami_pod_tells_its_own_data_path_and_its_backup_user()
    {
        var backupSecret = new SecretKeyReference("mariadb-galera", "mariadb-galera-mariabackup-password");
        var server = new ContainerSnapshot
        {
            Name = "mariadb-galera",
            Image = "docker.io/bitnami/mariadb-galera:11.4",
            Ports = [3306, 4567],
            RunAsUser = 1001,
            Environment =
            [
                new EnvironmentEntry("MARIADB_ROOT_USER", "admin", null),
                new EnvironmentEntry("MARIADB_ROOT_PASSWORD", null, RootSecret),
                new EnvironmentEntry("MARIADB_GALERA_MARIABACKUP_USER", "mariabackup", null),
                new EnvironmentEntry("MARIADB_GALERA_MARIABACKUP_PASSWORD", null, backupSecret),
            ],
            Mounts = [new MountSnapshot("previous-boot", "/opt/bitnami/mariadb/.bootstrap", null), new MountSnapshot("data", "/bitnami/mariadb", null)],
        };
        var exporter = new ContainerSnapshot { Name = "metrics", Image = "docker.io/bitnami/mysqld-exporter:0.15", Ports = [9104] };
        var pod = Make.Pod(0, exporter, server) with
        {
            RunAsUser = 1,
            Volumes = [new VolumeSnapshot("previous-boot", "emptyDir"), new VolumeSnapshot("data", "persistentVolumeClaim", "data-mariadb-galera-0")],
        };

        var layout = Discovery.FindLayout(pod);

        Assert.NotNull(layout);
        Assert.Equal(("mariadb-galera", "data-mariadb-galera-0", "/bitnami/mariadb"), (layout.Container, layout.DataClaim, layout.DataMountPath));
        Assert.Equal(new LoginReference("admin", null, RootSecret), layout.AdminLogin);
        Assert.Equal(new LoginReference("mariabackup", null, backupSecret), layout.BackupLogin);
        Assert.Equal(1001, layout.RunAsUser); // the container's, not the pod's
    }

    [Fact]
    public void A_user_name_in_a_Secret_stays_a_reference()
    {
        var user = new SecretKeyReference("dbadmin", "username");
        var container = Make.Container() with
        {
            Environment =
            [
                new EnvironmentEntry("MYSQL_DBADMIN_PASSWORD", null, RootSecret),
                new EnvironmentEntry("MYSQL_DBADMIN_USERNAME", null, user),
            ],
        };

        Assert.Equal(new LoginReference(null, user, RootSecret), Discovery.FindLayout(Make.Pod(0, container))?.AdminLogin);
    }

    [Fact]
    public void A_password_that_is_written_into_the_environment_is_no_reference()
    {
        var container = Make.Container() with { Environment = [new EnvironmentEntry("MARIADB_ROOT_PASSWORD", "in-clear", null)] };

        Assert.Null(Discovery.FindLayout(Make.Pod(0, container))?.AdminLogin);
    }

    [Fact]
    public void Of_several_claims_the_one_with_the_data_directory_is_taken()
    {
        var container = Make.Container() with
        {
            Mounts = [new MountSnapshot("logs", "/var/log/mysql", null), new MountSnapshot("mysql-data", "/var/lib/mysql", null), new MountSnapshot("backup", "/var/backup", null)],
        };
        var pod = Make.Pod(0, container) with
        {
            Volumes = [new VolumeSnapshot("backup", "persistentVolumeClaim", "backups"), new VolumeSnapshot("logs", "persistentVolumeClaim", "logs-0"), new VolumeSnapshot("mysql-data", "persistentVolumeClaim", "data-0")],
        };

        Assert.Equal("data-0", Discovery.FindLayout(pod)?.DataClaim);
    }

    [Fact]
    public void A_server_without_a_claim_has_no_layout() =>
        Assert.Null(Discovery.FindLayout(Make.Pod() with { Volumes = [new VolumeSnapshot("mysql-data", "emptyDir"), new VolumeSnapshot("pod-tmp", "emptyDir")] }));

    [Fact]
    public void A_pod_of_another_program_has_no_layout()
    {
        var web = new ContainerSnapshot { Name = "web", Image = "nginx:1.27", Ports = [80], Mounts = [new MountSnapshot("mysql-data", "/srv", null)] };

        Assert.Null(Discovery.FindLayout(Make.Pod(0, web)));
    }

    [Theory]
    [InlineData("mariadb", "registry.example/db:1", 3306, true)]
    [InlineData("server", "bitnami/MariaDB-Galera:11", 3306, true)]
    [InlineData("mysql", "registry.example/db:1", 3306, true)]
    [InlineData("exporter", "mysqld-exporter:1", 9104, false)]
    [InlineData("mariadb-agent", "mariadb-operator:1", 5555, false)]
    [InlineData("proxy", "haproxy:3", 3306, false)]
    public void A_StatefulSet_is_MariaDB_by_its_port_and_a_name(string name, string image, int port, bool expected) =>
        Assert.Equal(expected, Discovery.LooksLikeMariaDb(new StatefulSetSnapshot
        {
            Name = "set",
            Namespace = "ns",
            Uid = "uid",
            Replicas = 3,
            Selector = "a=b",
            Containers = [new ContainerSnapshot { Name = name, Image = image, Ports = [port] }],
        }));

    [Theory]
    [InlineData("mariadb-server-0", 0)]
    [InlineData("mariadb-server-10", 10)]
    [InlineData("db-2-7", 7)]
    public void The_ordinal_is_the_number_at_the_end(string pod, int ordinal) => Assert.Equal(ordinal, Discovery.Ordinal(pod));

    [Theory]
    [InlineData("mariadb-server-")]
    [InlineData("mariadb-server-x1")]
    [InlineData("mariadb-server- 1")]
    [InlineData("mariadb-5d9c7f-abcde")]
    public void A_name_without_a_number_is_no_StatefulSet_pod(string pod) => Assert.Throws<FormatException>(() => Discovery.Ordinal(pod));
}
