using GaleraBackup.Policy;

namespace GaleraBackup.Benchmarks;

/// <summary>
/// A backup root as years of daily backups leave it: each week a full backup with six incrementals, each with the files, the manifest and the
/// lock that the product leaves. The streams have their size and no contents, since no listing opens them. Disposing it removes it.
/// </summary>
internal sealed class SampleStore : IDisposable
{
    private const int BackupsPerChain = 7;
    private const long StreamBytes = 500L << 20;
    private static readonly DateTimeOffset First = new(1999, 1, 4, 1, 0, 0, TimeSpan.Zero);

    private SampleStore(string root, int backups) => (Root, Backups) = (root, backups);

    public string Root { get; }

    public int Backups { get; }

    public int Chains => (Backups + BackupsPerChain - 1) / BackupsPerChain;

    /// <summary>When its newest backup is an hour old.</summary>
    public DateTimeOffset Now => First.AddDays(Backups - 1).AddHours(1);

    public static SampleStore Create(int backups)
    {
        var root = Directory.CreateTempSubdirectory("galera-backup-benchmark-").FullName;
        var locks = Directory.CreateDirectory(Path.Combine(root, ".locks")).FullName;
        var full = "";
        for (var number = 0; number < backups; number++)
        {
            var began = First.AddDays(number);
            var incremental = number % BackupsPerChain != 0;
            if (!incremental)
            {
                full = BackupName.Stamp(began);
                File.Create(Path.Combine(locks, full)).Dispose();
            }

            Write(root, incremental ? BackupName.Incremental(full, began) : BackupName.Full(began), $"base/{full}", began);
        }

        return new SampleStore(root, backups);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static void Write(string root, string id, string fullId, DateTimeOffset began)
    {
        var folder = Directory.CreateDirectory(Path.Combine(root, id)).FullName;
        List<ManifestFile> files = [];
        foreach (var (name, size) in ((string, long)[])
            [("backup.stream.zst", StreamBytes), ("backup.successful", 0), ("grastate.dat", 113), ("mariabackup.log", 20_000), ("xtrabackup_checkpoints", 100), ("xtrabackup_info", 700)])
        {
            using var file = File.Create(Path.Combine(folder, name));
            file.SetLength(size);
            files.Add(new ManifestFile { Name = name, Size = size, Sha256 = new string('0', 64) });
        }

        var manifest = new BackupManifest
        {
            SchemaVersion = BackupManifest.CurrentSchema,
            Id = id,
            Type = id == fullId ? BackupType.Full : BackupType.Incremental,
            Parent = id == fullId ? null : fullId,
            Base = fullId,
            Cluster = new ManifestCluster { Name = "openstack/mariadb-server", Namespace = "openstack", StatefulSet = "mariadb-server", Uuid = "0d1e2f30-1111-11ee-8a3c-0242ac110002" },
            Position = new ManifestPosition { Seqno = 4711, Gtid = "0-1-99", FromLsn = id == fullId ? 0 : 56789, ToLsn = 1234567 },
            Server = new ManifestServer { Version = "10.11.19-MariaDB-log", ToolVersion = "10.11.19-MariaDB", Pod = "mariadb-server-2", Node = "worker-2" },
            StartedAt = began,
            FinishedAt = began.AddMinutes(10),
            DatabaseBytes = 2 * StreamBytes,
            StreamedBytes = 2 * StreamBytes,
            StoredBytes = files.Sum(file => file.Size),
            Codec = "zstd",
            Files = files,
            Options = new Dictionary<string, string> { ["compression"] = "Auto", ["parallel"] = "1", ["throttle"] = "0" },
        };
        File.WriteAllText(Path.Combine(folder, BackupManifest.FileName), manifest.ToJson() + "\n");
    }
}
