using System.Diagnostics;
using GaleraBackup.Infrastructure;

namespace GaleraBackup.Core.Tests.Storage;

/// <summary>A mounted backup root, with real links: it behaves as the script does on a claim.</summary>
public sealed class BackupFolderTests : IDisposable
{
    private const string Full = "base/2026-01-31_01-00-00";
    private const string Increment = "incr/2026-01-31_01-00-00/2026-02-01_01-00-00";

    private readonly string _folder = Directory.CreateTempSubdirectory("galera-backup-").FullName;

    private string Root => Path.Combine(_folder, "root");

    private string Victim => Path.Combine(_folder, "victim");

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public BackupFolderTests()
    {
        Directory.CreateDirectory(Path.Combine(Root, "base"));
        Directory.CreateDirectory(Victim);
        File.WriteAllText(Path.Combine(Victim, "file"), "stays");
    }

    [Fact]
    public void A_root_needs_a_real_folder_base()
    {
        Directory.Delete(Path.Combine(Root, "base"));
        Assert.Equal("NotABackupRoot", Assert.Throws<GaleraBackupException>(() => BackupFolder.Open(Root)).ErrorId);

        Directory.CreateSymbolicLink(Path.Combine(Root, "base"), Victim);
        Assert.Equal("NotABackupRoot", Assert.Throws<GaleraBackupException>(() => BackupFolder.Open(Root)).ErrorId);
    }

    [Fact]
    public async Task Sizes_are_those_of_a_backups_own_files()
    {
        File.WriteAllBytes(Path.Combine(Victim, "big"), new byte[100_000]);
        Add(Full, bytes: 5000);
        File.CreateSymbolicLink(Path.Combine(Root, Full, "big"), Path.Combine(Victim, "big"));
        Directory.CreateSymbolicLink(Path.Combine(Root, Full, "folder"), Victim);

        Assert.Equal(5000, Assert.Single(await ListAsync()).SizeBytes);
    }

    [Fact]
    public async Task Links_and_foreign_names_are_not_listed()
    {
        Add(Full);
        Add("base/mine");
        Add("incr/2026-01-31_01-00-00/mine");
        Directory.CreateSymbolicLink(Path.Combine(Root, "base/2026-02-01_01-00-00"), Path.Combine(Root, Full));
        Directory.CreateSymbolicLink(Path.Combine(Root, "incr/2026-02-02_01-00-00"), Path.Combine(Root, "incr/2026-01-31_01-00-00"));

        Assert.Equal([Full], (await ListAsync()).Select(backup => backup.BackupId));
    }

    [Theory]
    [InlineData(Full)] // the backup itself
    [InlineData("incr")]
    [InlineData("incr/2026-01-31_01-00-00")]
    [InlineData(Increment)]
    public async Task What_is_behind_a_link_is_not_removed(string link)
    {
        var id = link == Full ? Full : Increment;
        var rest = id[link.Length..].Trim('/');
        Directory.CreateDirectory(Path.Combine(Victim, rest));
        File.WriteAllText(Path.Combine(Victim, rest, "backup.successful"), "");
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Root, link))!);
        Directory.CreateSymbolicLink(Path.Combine(Root, link), Victim);

        Assert.Empty(await ListAsync());
        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => RemoveAsync(id));

        Assert.Equal(("NotABackup", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.True(File.Exists(Path.Combine(Victim, rest, "backup.successful")));
        AssertTheVictimStays();
    }

    [Fact]
    public async Task Nothing_is_moved_through_a_link()
    {
        Add(Full);
        Directory.CreateDirectory(Path.Combine(Victim, "removed_base_2026-01-01_01-00-00"));
        Directory.CreateSymbolicLink(Path.Combine(Root, ".partial"), Victim);

        Assert.Equal("NotABackupRoot", (await Assert.ThrowsAsync<GaleraBackupException>(() => RemoveAsync(Full))).ErrorId);

        Assert.True(Directory.Exists(Path.Combine(Root, Full)));
        Assert.True(Directory.Exists(Path.Combine(Victim, "removed_base_2026-01-01_01-00-00")));
        AssertTheVictimStays();
    }

    [Fact]
    public async Task What_a_crash_left_goes_first_and_takes_nothing_along()
    {
        Add(".partial/removed_base_2026-01-31_01-00-00");
        Add(".partial/base_2026-01-02_01-00-00");
        Directory.CreateSymbolicLink(Path.Combine(Root, ".partial/removed_base_2026-01-31_01-00-00/link"), Victim);
        Directory.CreateSymbolicLink(Path.Combine(Root, ".partial/removed_link"), Victim);
        Add(Full);
        Directory.CreateSymbolicLink(Path.Combine(Root, Full, "link"), Victim);

        await RemoveAsync(Full);

        Assert.Equal(["base_2026-01-02_01-00-00"], Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".partial")).Select(path => Path.GetFileName(path)!));
        Assert.False(Directory.Exists(Path.Combine(Root, Full)));
        AssertTheVictimStays();
    }

    [Fact]
    public async Task The_folder_of_a_chains_increments_goes_with_the_last_of_them()
    {
        const string Second = "incr/2026-01-31_01-00-00/2026-02-02_01-00-00";
        Add(Increment);
        Add(Second);

        await RemoveAsync(Second);
        Assert.True(Directory.Exists(Path.Combine(Root, Increment)));
        await RemoveAsync(Increment);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, "incr")));
    }

    [Fact]
    public async Task Removals_of_the_same_backup_at_once_all_succeed()
    {
        foreach (var number in Enumerable.Range(0, 300))
        {
            Add($"{Full}/folder-{number}");
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RemoveAsync(Full)));

        Assert.False(Directory.Exists(Path.Combine(Root, Full)));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".partial")));
        await RemoveAsync(Full);
    }

    [Fact]
    public async Task A_chain_that_somebody_holds_is_in_use_and_not_removed()
    {
        Add(Full);
        Directory.CreateDirectory(Path.Combine(Root, ".locks"));
        using var reader = Process.Start(new ProcessStartInfo("flock", ["-s", Path.Combine(Root, ".locks/2026-01-31_01-00-00"), "sh", "-c", "echo held; read -r _"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Assert.Equal("held", await reader.StandardOutput.ReadLineAsync(Token));

        Assert.True(Assert.Single(await ListAsync()).InUse);
        Assert.Equal("BackupInUse", (await Assert.ThrowsAsync<GaleraBackupException>(() => RemoveAsync(Full))).ErrorId);

        reader.StandardInput.Close();
        await reader.WaitForExitAsync(Token);
        Assert.False(Assert.Single(await ListAsync()).InUse);
        await RemoveAsync(Full);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".locks")));
    }

    [Fact]
    public async Task A_mark_is_set_and_taken_away()
    {
        Add(Full);
        var store = BackupFolder.Open(Root);

        await store.SetKeepAsync(Make.Backup(Full), keep: true, Token);
        Assert.True(Assert.Single(await ListAsync()).Keep);
        await store.SetKeepAsync(Make.Backup(Full), keep: false, Token);
        Assert.False(Assert.Single(await ListAsync()).Keep);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Add(string id, int bytes = 10)
    {
        Directory.CreateDirectory(Path.Combine(Root, id));
        File.WriteAllBytes(Path.Combine(Root, id, "backup.stream.gz"), new byte[bytes]);
        File.WriteAllText(Path.Combine(Root, id, "backup.successful"), "");
    }

    private Task<IReadOnlyList<BackupSet>> ListAsync() => BackupFolder.Open(Root).ListAsync(Token);

    private Task RemoveAsync(string id) => BackupFolder.Open(Root).RemoveAsync(Make.Backup(id), Token);

    private void AssertTheVictimStays() => Assert.Equal("stays", File.ReadAllText(Path.Combine(Victim, "file")));
}
