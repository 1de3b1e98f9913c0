using GaleraBackup.Runner;

namespace GaleraBackup.Policy;

/// <summary>
/// Where a server keeps what mariadb-backup reads, and what a runner has to mount to read it: pure, from the pod's spec and the server's own
/// variables.
/// <para>
/// mariadb-backup asks the server for these variables and opens the paths as they are, so the runner must have them at the same place:
/// https://mariadb.com/docs/server/server-usage/backup-and-restore/mariadb-backup/mariadb-backup-options (innodb_data_home_dir,
/// innodb_data_file_path, innodb_log_group_home_dir, innodb_undo_directory, aria_log_dir_path). On Galera it copies the current binary log,
/// too (--galera-info). Relative paths are below @@datadir, which is mariadbd's working directory:
/// https://mariadb.com/docs/server/server-usage/storage-engines/innodb/innodb-system-variables. Encrypted tablespaces and redo are read with
/// the server's key file:
/// https://mariadb.com/docs/server/security/encryption/data-at-rest-encryption/key-management-and-encryption-plugins/file-key-management-encryption-plugin.
/// </para>
/// </summary>
public sealed record ServerVolumes
{
    /// <summary>Volumes that live and die with one pod: a second pod of the same definition gets another, empty one.</summary>
    private static readonly HashSet<string> OfThePodAlone = new(StringComparer.Ordinal) { "emptyDir" };

    /// <summary>The same, and what holds no data of a server. An inline CSI volume is made for its pod; a Secret of it is the same in each.</summary>
    private static readonly HashSet<string> WithoutData = new(StringComparer.Ordinal)
    {
        "emptyDir", "csi", "secret", "configMap", "projected", "downwardAPI", "image",
    };

    /// <summary>What the runner mounts, read-only, each at the path and subPath of the server's own mount. Each mount once.</summary>
    public required IReadOnlyList<ReadOnlyMount> Mounts { get; init; }

    /// <summary>@@datadir, without a slash at its end.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Directories besides <see cref="DataDirectory"/>, none of them below it.</summary>
    public required IReadOnlyList<string> DataPaths { get; init; }

    /// <summary>Files with keys. One that is on no volume is taken to be in the image, which is the runner's too.</summary>
    public required IReadOnlyList<string> KeyFiles { get; init; }

    /// <param name="node">A node whose server could be asked.</param>
    /// <exception cref="GaleraBackupException"><c>UnsupportedLayout</c>: a path is where no second pod can read it.</exception>
    public static ServerVolumes Of(GaleraNode node)
    {
        var wsrep = node.Wsrep!;
        var paths = wsrep.Paths;
        var dataDirectory = Normalize(wsrep.DataDirectory);
        var container = node.PodSnapshot.Containers.Single(container => container.Name == node.Layout!.Container);
        var mounts = new List<ReadOnlyMount>();
        var dataPaths = new List<string>();

        AddData("datadir", dataDirectory);
        var home = Below(dataDirectory, paths.InnodbDataHome);
        AddData("innodb_data_home_dir", home);
        foreach (var file in DataFiles(paths.InnodbDataFiles))
        {
            AddData("innodb_data_file_path", Parent(Below(home, file)));
        }

        AddData("innodb_log_group_home_dir", Below(dataDirectory, paths.InnodbLogGroupHome));
        AddData("innodb_undo_directory", Below(dataDirectory, paths.InnodbUndo));
        AddData("aria_log_dir_path", Below(dataDirectory, paths.AriaLog));
        if (paths.BinlogBasename.Length > 0)
        {
            AddData("log_bin_basename", Parent(Below(dataDirectory, paths.BinlogBasename)));
        }

        var keyFiles = new List<string>();
        AddKey("file_key_management_filename", paths.EncryptionKeys);
        AddKey("file_key_management_filekey", paths.EncryptionKeysKey);
        return new ServerVolumes { Mounts = mounts, DataDirectory = dataDirectory, DataPaths = dataPaths, KeyFiles = keyFiles };

        void AddData(string variable, string path)
        {
            var (mount, volume) = FindMount(path);
            if (mount is null)
            {
                throw Unsupported(variable, path, "it is on no volume of the pod");
            }

            if (volume is null || WithoutData.Contains(volume.Kind))
            {
                throw Unsupported(variable, path, $"its volume '{mount.Volume}' ({volume?.Kind ?? "unknown"}) is of that pod alone");
            }

            Add(mount, volume);
            if (!IsWithin(path, dataDirectory) && !dataPaths.Contains(path))
            {
                dataPaths.Add(path);
            }
        }

        void AddKey(string variable, string given)
        {
            if (given.Length == 0)
            {
                return;
            }

            var path = Below(dataDirectory, given);
            var (mount, volume) = FindMount(path);
            if (mount is not null)
            {
                if (volume is null || OfThePodAlone.Contains(volume.Kind))
                {
                    throw Unsupported(variable, path, $"its volume '{mount.Volume}' ({volume?.Kind ?? "unknown"}) is of that pod alone");
                }

                Add(mount, volume);
            }

            keyFiles.Add(path);
        }

        void Add(MountSnapshot mount, VolumeSnapshot volume)
        {
            var wanted = new ReadOnlyMount(AsClaim(volume), mount.MountPath, mount.SubPath);
            if (!mounts.Contains(wanted))
            {
                mounts.Add(wanted);
            }
        }

        (MountSnapshot? Mount, VolumeSnapshot? Volume) FindMount(string path)
        {
            var mount = container.Mounts.Where(mount => IsWithin(path, Normalize(mount.MountPath))).MaxBy(mount => Normalize(mount.MountPath).Length);
            return (mount, node.PodSnapshot.Volumes.FirstOrDefault(volume => volume.Name == mount?.Volume));
        }

        // A generic ephemeral volume is a claim with the pod's name before its own: by its definition the runner would get a new one.
        VolumeSnapshot AsClaim(VolumeSnapshot volume) => volume.Kind == "ephemeral"
            ? new VolumeSnapshot(volume.Name, "persistentVolumeClaim", $"{node.Pod}-{volume.Name}")
            : volume;

        GaleraBackupException Unsupported(string variable, string path, string why) => new(
            "UnsupportedLayout", FailureKind.Refused,
            $"@@{variable} of {node.PodSnapshot.Namespace}/{node.Pod} leads to {path}, which a runner cannot read: {why}.",
            $"Keep what mariadb-backup reads on a claim of the pod: set {variable} to a path on one.", node.Pod);
    }

    // name:size[:autoextend[:max:size]][;...]. A path of Linux has no colon in it that InnoDB would not take for its own.
    private static IEnumerable<string> DataFiles(string specification) => specification
        .Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
        .Select(file => file.Split(':')[0])
        .Where(name => name.Length > 0);

    private static string Below(string directory, string path) =>
        Normalize(path.StartsWith('/') ? path : $"{directory}/{path}");

    private static string Parent(string path) => path.LastIndexOf('/') is > 0 and var slash ? path[..slash] : "/";

    private static bool IsWithin(string path, string directory) =>
        path == directory || path.StartsWith(directory == "/" ? "/" : directory + "/", StringComparison.Ordinal);

    // The server's paths are those of Linux, whatever this machine runs.
    private static string Normalize(string path)
    {
        var parts = new List<string>();
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part == "..")
            {
                parts.RemoveRange(Math.Max(0, parts.Count - 1), Math.Min(1, parts.Count));
            }
            else if (part != ".")
            {
                parts.Add(part);
            }
        }

        return "/" + string.Join('/', parts);
    }
}
