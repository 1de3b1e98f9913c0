using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class CatalogueTests
{
    private const string Id = "base/2026-01-05_01-00-00";

    [Fact]
    public void A_backup_is_what_has_a_manifest_that_fits_its_files()
    {
        var backup = Assert.Single(Read([("backup.stream.zst", 100), ("manifest.json", 10)], Make.Manifest(Id)));

        Assert.Equal((Id, BackupState.Complete, BackupOrigin.GaleraBackup, 110L), (backup.BackupId, backup.State, backup.Origin, backup.SizeBytes));
        Assert.Equal(("openstack/mariadb-server", 4711L), (backup.ClusterName, backup.Manifest!.Position.Seqno));
    }

    [Theory]
    [InlineData(BackupState.Partial, "backup.stream.gz")]
    [InlineData(BackupState.Complete, "backup.stream.gz", "backup.successful")]
    public void Without_a_manifest_the_vendors_marker_says_whether_it_is_one(BackupState expected, params string[] names)
    {
        var backup = Assert.Single(Read([.. names.Select(name => (name, 1L))], manifest: null));

        Assert.Equal((expected, BackupOrigin.Vendor, null), (backup.State, backup.Origin, backup.ClusterName));
    }

    [Fact]
    public void Marks_and_proofs_are_files_beside_the_data()
    {
        var backup = Assert.Single(Read([("backup.stream.gz", 1), ("backup.successful", 0), ("keep", 0), ("proof.json", 1), ("dek.enc", 1)], manifest: null));

        Assert.True(backup is { Keep: true, Proven: true, Encrypted: true });
    }

    public static TheoryData<string, string, (string, long)[]> Misfits => new()
    {
        { "cannot be read", "no json", [("backup.stream.zst", 100)] },
        { "cannot be read", "[]", [("backup.stream.zst", 100)] },
        { "cannot be read", "{}", [("backup.stream.zst", 100)] },
        { "cannot be read", "null", [("backup.stream.zst", 100)] },
        { "cannot be read", """{"schemaVersion":1}""", [("backup.stream.zst", 100)] },
        { "cannot be read", Make.Manifest(Id).Replace("\"name\":\"openstack/mariadb-server\",", "", StringComparison.Ordinal), [("backup.stream.zst", 100)] },
        { "newer version of this module", """{"schemaVersion":2,"whatever":true}""", [("backup.stream.zst", 100)] },
        { "its manifest is of base/2026-01-06_01-00-00", Make.Manifest(id: "base/2026-01-06_01-00-00"), [("backup.stream.zst", 100)] },
        { "backup.stream.zst is not there with 100 bytes", Make.Manifest(Id), [("backup.stream.zst", 99)] },
        { "backup.stream.zst is not there with 100 bytes", Make.Manifest(Id), [("other", 100)] },
    };

    [Theory]
    [MemberData(nameof(Misfits))]
    public void A_manifest_that_does_not_fit_makes_a_broken_backup_and_says_why(string expected, string manifest, (string, long)[] files)
    {
        var backup = Assert.Single(Read([.. files, ("manifest.json", 10)], manifest));

        Assert.Equal(BackupState.Broken, backup.State);
        Assert.Contains(expected, backup.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lost+found/x")]
    [InlineData("base/readme")]
    [InlineData("base/2026-01-05/backup.stream.gz")]
    [InlineData("base/2026-01-05_01-00-00/sub/file")]
    [InlineData("incr/2026-01-05_01-00-00/file")]
    [InlineData("file")]
    public void What_is_not_laid_out_as_a_backup_is_passed_over(string path) =>
        Assert.Empty(Catalogue.Read([new StoredFile(path, 1)], new Dictionary<string, string>(), new HashSet<string>(), "claim"));

    [Theory]
    [InlineData("12 base/x/y", "base/x/y", 12L)]
    [InlineData("0 a b", "a b", 0L)]
    [InlineData("x y", null, 0L)]
    [InlineData("-1 y", null, 0L)]
    [InlineData("", null, 0L)]
    public void A_line_of_a_listing_is_a_size_and_a_path(string line, string? path, long size) =>
        Assert.Equal(path is null ? null : new StoredFile(path, size), Catalogue.ReadLine(line));

    [Fact]
    public void What_it_wrote_it_reads()
    {
        var manifest = BackupManifest.Parse(Make.Manifest(Id), "here");

        Assert.Equivalent(manifest, BackupManifest.Parse(manifest.ToJson(), "there"));
    }

    [Fact]
    public void A_chain_is_restorable_as_far_as_each_continues_one_that_is()
    {
        BackupSet[] sets =
        [
            Make.Backup("incr/2026-01-05_01-00-00/2026-01-06_01-00-00") with { Parent = Id },
            Make.Backup("incr/2026-01-05_01-00-00/2026-01-07_01-00-00", BackupState.Broken) with { Parent = Id },
            Make.Backup("incr/2026-01-05_01-00-00/2026-01-08_01-00-00") with { Parent = "incr/2026-01-05_01-00-00/2026-01-07_01-00-00" },
            Make.Backup(Id),
            Make.Backup("incr/2026-01-05_01-00-00/2026-01-09_01-00-00", BackupState.Partial),
        ];

        var chain = Assert.Single(BackupChains.Of(sets));

        Assert.Equal([Id, "incr/2026-01-05_01-00-00/2026-01-06_01-00-00"], chain.Restorable.Select(backup => backup.BackupId));
        Assert.False(chain.IsComplete);
        Assert.Equal(4, chain.Backups.Count);
    }

    private static IReadOnlyList<BackupSet> Read((string Name, long Size)[] files, string? manifest) => Catalogue.Read(
        files.Select(file => new StoredFile($"{Id}/{file.Name}", file.Size)),
        manifest is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [Id] = manifest }, new HashSet<string>(), "claim");
}
