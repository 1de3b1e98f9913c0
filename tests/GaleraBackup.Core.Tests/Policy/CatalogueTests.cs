using System.Security.Cryptography;
using System.Text;
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
        { "cannot be read", "", [("backup.stream.zst", 100)] },
        { "checksum", """{"schemaVersion":1}""", [("backup.stream.zst", 100)] },
        { "checksum", Make.Manifest(Id).Replace(":4711,", ":4710,", StringComparison.Ordinal), [("backup.stream.zst", 100)] },
        { "missing required properties", BackupManifest.Seal("""{"schemaVersion":1}"""), [("backup.stream.zst", 100)] },
        { "missing required properties", Resealed("\"name\":\"openstack/mariadb-server\",", ""), [("backup.stream.zst", 100)] },
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

    [Fact]
    public void A_listing_gives_names_and_manifests()
    {
        var backup = Assert.Single(Catalogue.ReadListing(Listing($"f 100 {Id}/backup.stream.zst", $"f 10 {Id}/manifest.json", $"m {Id}/manifest.json:{Line(Make.Manifest(Id))}"), "claim"));

        Assert.Equal((BackupState.Complete, 110L, 4711L), (backup.State, backup.SizeBytes, backup.Manifest!.Position.Seqno));
    }

    [Fact]
    public void An_empty_listing_is_one() => Assert.Empty(Catalogue.ReadListing(Listing(), "claim"));

    [Theory]
    [InlineData("f x y")]
    [InlineData("f -1 y")]
    [InlineData("f ")]
    [InlineData("m x")]
    [InlineData("whatever")]
    public void Strange_lines_of_a_listing_are_passed_over(string line) => Assert.Empty(Catalogue.ReadListing(Listing(line), "claim"));

    [Fact]
    public void A_listing_that_did_not_come_whole_is_refused()
    {
        var whole = Listing($"f 100 {Id}/backup.stream.gz", $"f 0 {Id}/backup.successful");
        string[] damaged = [whole[..^10], whole[5..], "", whole.Replace("100", "101", StringComparison.Ordinal), string.Join('\n', whole.Split('\n').Skip(1))];

        Assert.All(damaged, listing =>
            Assert.Equal("ListingDamaged", Assert.Throws<GaleraBackupException>(() => Catalogue.ReadListing(listing, "claim")).ErrorId));
    }

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

    private static string Resealed(string what, string with)
    {
        var manifest = Make.Manifest(Id).Replace(what, with, StringComparison.Ordinal);
        return BackupManifest.Seal(manifest[..manifest.LastIndexOf(',')] + "}");
    }

    private static string Listing(params string[] lines)
    {
        var body = string.Concat(lines.Select(line => line + "\n"));
        return $"{body}end {body.Length} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)))}\n";
    }

    private static string Line(string text) => text.Replace("\n", "", StringComparison.Ordinal);

    private static IReadOnlyList<BackupSet> Read((string Name, long Size)[] files, string? manifest) => Catalogue.Read(
        files.Select(file => new StoredFile($"{Id}/{file.Name}", file.Size)),
        manifest is null ? new Dictionary<string, string>() : new Dictionary<string, string> { [Id] = manifest }, new HashSet<string>(), "claim");
}
