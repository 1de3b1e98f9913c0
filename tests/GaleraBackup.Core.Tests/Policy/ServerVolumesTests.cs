using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class ServerVolumesTests
{
    private static readonly VolumeSnapshot Redo = new("redo", "persistentVolumeClaim", "redo-mariadb-server-2");

    /// <summary>What stock images and charts answer: everything below @@datadir, said in different ways.</summary>
    public static TheoryData<ServerPaths> OnTheDataVolume =>
    [
        new ServerPaths(),
        new ServerPaths { InnodbDataFiles = "ibdata1:12M:autoextend", InnodbLogGroupHome = "./", InnodbUndo = "./", AriaLog = "/var/lib/mysql/" },
        new ServerPaths { InnodbDataHome = "/var/lib/mysql", InnodbDataFiles = "a/ibdata1:1G;/var/lib/mysql/ibdata2:1G:autoextend", BinlogBasename = "/var/lib/mysql/mysql-bin" },
        new ServerPaths { InnodbLogGroupHome = "../mysql/./redo//x", InnodbUndo = "undo", EncryptionKeys = "keys.enc" },
    ];

    [Theory]
    [MemberData(nameof(OnTheDataVolume))]
    public void What_is_on_the_data_volume_needs_no_other(ServerPaths paths)
    {
        var volumes = ServerVolumes.Of(Node(paths));

        var mount = Assert.Single(volumes.Mounts);
        Assert.Equal(("mysql-data-mariadb-server-2", "/var/lib/mysql", null), (mount.Volume.ClaimName, mount.MountPath, mount.SubPath));
        Assert.Equal("/var/lib/mysql", volumes.DataDirectory);
        Assert.Empty(volumes.DataPaths);
    }

    [Theory]
    [InlineData("redo", "/redo/log")]
    [InlineData("undo", "/redo/log")]
    [InlineData("aria", "/redo/log")]
    [InlineData("home", "/redo/log")]
    [InlineData("file", "/redo/log")]
    [InlineData("binlog", "/redo/log")]
    public void Another_volume_is_mounted_as_the_server_has_it(string what, string path)
    {
        var volumes = ServerVolumes.Of(Node(Paths(what, path), new MountSnapshot("redo", "/redo", "sub"), Redo));

        Assert.Equal([("mysql-data-mariadb-server-2", "/var/lib/mysql", null), ("redo-mariadb-server-2", "/redo", "sub")], volumes.Mounts.Select(mount => (mount.Volume.ClaimName, mount.MountPath, mount.SubPath)));
        Assert.Equal(["/redo/log"], volumes.DataPaths);
    }

    [Fact]
    public void The_longest_mount_path_wins_and_no_mount_is_doubled()
    {
        var paths = new ServerPaths { InnodbLogGroupHome = "redo", InnodbUndo = "/var/lib/mysql/redo/undo", AriaLog = "/var/lib/mysql-redo" };
        var node = Node(paths, new MountSnapshot("redo", "/var/lib/mysql/redo/", null), Redo);

        var refusal = Assert.Throws<GaleraBackupException>(() => ServerVolumes.Of(node));
        Assert.Contains("/var/lib/mysql-redo", refusal.Message, StringComparison.Ordinal); // beside the mount, not below it

        var volumes = ServerVolumes.Of(node with { Wsrep = node.Wsrep! with { Paths = paths with { AriaLog = "" } } });
        Assert.Equal(["/var/lib/mysql", "/var/lib/mysql/redo/"], volumes.Mounts.Select(mount => mount.MountPath));
        Assert.Empty(volumes.DataPaths); // below the data directory: measured with it
    }

    [Theory]
    [InlineData("redo", "innodb_log_group_home_dir")]
    [InlineData("undo", "innodb_undo_directory")]
    [InlineData("aria", "aria_log_dir_path")]
    [InlineData("home", "innodb_data_home_dir")]
    [InlineData("file", "innodb_data_file_path")]
    [InlineData("binlog", "log_bin_basename")]
    public void Data_that_no_second_pod_can_read_is_refused(string what, string variable)
    {
        AssertRefused(Node(Paths(what, "/srv/x")), variable, "/srv/x", "no volume");
        foreach (var kind in new[] { "emptyDir", "csi", "configMap" })
        {
            AssertRefused(Node(Paths(what, "/srv/x"), new MountSnapshot("redo", "/srv", null), new VolumeSnapshot("redo", kind, null, "{}")), variable, "/srv/x", kind);
        }
    }

    [Theory]
    [InlineData("/data/mysql/")]
    [InlineData("/var/lib/mysql-other/")]
    [InlineData("/tmp/mysql/")]
    public void So_is_a_data_directory(string path)
    {
        var node = Make.Node(2, wsrep => wsrep with { DataDirectory = path });

        AssertRefused(node, "datadir", path.TrimEnd('/'), "");
    }

    [Theory]
    [InlineData("hostPath")]
    [InlineData("nfs")]
    public void A_volume_of_the_network_or_the_node_passes_on(string kind)
    {
        var volume = new VolumeSnapshot("redo", kind, null, "{}");

        Assert.Equal(volume, ServerVolumes.Of(Node(Paths("redo", "/redo"), new MountSnapshot("redo", "/redo", null), volume)).Mounts[1].Volume);
    }

    [Fact]
    public void A_generic_ephemeral_volume_is_the_claim_that_was_made_for_it()
    {
        var volumes = ServerVolumes.Of(Node(Paths("redo", "/redo"), new MountSnapshot("redo", "/redo", null), new VolumeSnapshot("redo", "ephemeral", null, "{}")));

        Assert.Equal("mariadb-server-2-redo", volumes.Mounts[1].Volume.ClaimName);
    }

    [Fact]
    public void Keys_are_mounted_or_taken_to_be_in_the_image()
    {
        var paths = new ServerPaths { EncryptionKeys = "/etc/mysql/keys/keys.enc", EncryptionKeysKey = "/usr/share/keyfile.key" };
        var secret = new VolumeSnapshot("keys", "secret", null, """{"name":"keys","secret":{"secretName":"keys"}}""");

        var volumes = ServerVolumes.Of(Node(paths, new MountSnapshot("keys", "/etc/mysql/keys", null), secret));

        Assert.Equal([paths.EncryptionKeys, paths.EncryptionKeysKey], volumes.KeyFiles);
        Assert.Equal(secret, volumes.Mounts[1].Volume);
        Assert.Empty(volumes.DataPaths);
    }

    [Theory]
    [InlineData("file_key_management_filename")]
    [InlineData("file_key_management_filekey")]
    public void Keys_of_the_pod_alone_are_refused(string variable)
    {
        var paths = variable.EndsWith("filekey", StringComparison.Ordinal)
            ? new ServerPaths { EncryptionKeysKey = "/tmp/keys/k" }
            : new ServerPaths { EncryptionKeys = "/tmp/keys/k" };

        AssertRefused(Node(paths), variable, "/tmp/keys/k", "emptyDir");
    }

    private static ServerPaths Paths(string what, string path) => what switch
    {
        "redo" => new ServerPaths { InnodbLogGroupHome = path },
        "undo" => new ServerPaths { InnodbUndo = path },
        "aria" => new ServerPaths { AriaLog = path },
        "home" => new ServerPaths { InnodbDataHome = path, InnodbDataFiles = "ibdata1:12M:autoextend" },
        "file" => new ServerPaths { InnodbDataFiles = $"ibdata1:12M;{path}/ibdata2:12M:autoextend:max:1G" },
        _ => new ServerPaths { BinlogBasename = $"{path}/binlog" },
    };

    private static GaleraNode Node(ServerPaths paths, MountSnapshot? mount = null, VolumeSnapshot? volume = null)
    {
        var node = Make.Node(2, wsrep => wsrep with { Paths = paths });
        if (mount is null || volume is null)
        {
            return node;
        }

        var pod = node.PodSnapshot;
        var container = pod.Containers[0];
        return node with
        {
            PodSnapshot = pod with { Volumes = [.. pod.Volumes, volume], Containers = [container with { Mounts = [.. container.Mounts, mount] }] },
        };
    }

    private static void AssertRefused(GaleraNode node, string variable, string path, string why)
    {
        var refusal = Assert.Throws<GaleraBackupException>(() => ServerVolumes.Of(node));
        Assert.Equal(("UnsupportedLayout", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains($"@@{variable} ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($" {path},", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(why, refusal.Message, StringComparison.Ordinal);
    }
}
