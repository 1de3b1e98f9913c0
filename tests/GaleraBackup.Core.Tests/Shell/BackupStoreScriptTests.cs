using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>The store's script as it is, under bash: it sees and touches only what is laid out as a backup.</summary>
public sealed class BackupStoreScriptTests : IDisposable
{
    private const string Full = "base/2026-01-31_01-00-00";
    private const string Increment = "incr/2026-01-31_01-00-00/2026-02-01_01-00-00";

    private readonly string _folder = Directory.CreateTempSubdirectory("galera-backup-").FullName;

    private string Root => Path.Combine(_folder, "root");

    public BackupStoreScriptTests() => Directory.CreateDirectory(Path.Combine(Root, "base"));

    [Fact]
    public async Task Complete_and_partial_backups_are_listed_with_their_size()
    {
        Add(Full, complete: true, bytes: 5000);
        Add("base/2026-02-07_01-00-00", complete: false);
        Add(Increment, complete: true);

        var listed = await ListAsync();

        Assert.Equal(
            [(Full, true), (Increment, true), ("base/2026-02-07_01-00-00", false)], listed.Select(backup => (backup.Id, backup.Complete)));
        Assert.InRange(listed[0].SizeBytes, 5000, 20_000);
    }

    [Fact]
    public async Task What_is_not_laid_out_as_a_backup_is_not_listed()
    {
        Add(Full, complete: true);
        foreach (var name in new[]
        {
            "base/lost+found", "base/2026-01-31", "base/2026-01-31_01-00-00\nx", "base/\n2026-01-31_01-00-01", "base/2026-01-31_01-00-02\"", "base/2026-01-31_01-00-03 ", "base/x2026-01-31_01-00-04",
            "base/$(touch owned)", "incr/x/2026-02-01_01-00-00", "incr/2026-01-31_01-00-00/x", "2026-01-31_01-00-05", ".partial/base_2026-01-31_01-00-06", "other/2026-01-31_01-00-07",
        })
        {
            Add(name, complete: true);
        }

        File.WriteAllText(Path.Combine(Root, "base/2026-01-31_01-00-08"), "a file");
        Directory.CreateSymbolicLink(Path.Combine(Root, "base/2026-01-31_01-00-09"), Path.Combine(Root, Full));
        Directory.CreateSymbolicLink(Path.Combine(Root, "incr/2026-01-31_01-00-10"), Path.Combine(Root, "incr/2026-01-31_01-00-00"));

        Assert.Equal([Full], (await ListAsync()).Select(backup => backup.Id));
    }

    [Fact]
    public async Task Increments_behind_a_link_are_not_listed_and_not_removed()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "elsewhere/2026-01-31_01-00-00/2026-02-01_01-00-00"));
        Directory.CreateSymbolicLink(Path.Combine(Root, "incr"), Path.Combine(_folder, "elsewhere"));

        Assert.Empty(await ListAsync());
        Assert.Equal(4, (await RunAsync("remove", Increment)).ExitCode);
        Assert.True(Directory.Exists(Path.Combine(_folder, "elsewhere/2026-01-31_01-00-00/2026-02-01_01-00-00")));
    }

    [Fact]
    public async Task A_root_without_backups_has_none() => Assert.Empty(await ListAsync());

    [Theory]
    [InlineData("list", "root/base")]
    [InlineData("remove", "root/base")]
    [InlineData("list", "root")]
    [InlineData("remove", "root")]
    [InlineData("remove", "root/.partial")]
    public async Task A_root_that_leads_elsewhere_is_none(string verb, string link)
    {
        Directory.Delete(Root, recursive: true);
        Directory.CreateDirectory(Path.Combine(_folder, "elsewhere/2026-01-31_01-00-00"));
        Directory.CreateDirectory(Path.Combine(_folder, "elsewhere/base/2026-01-31_01-00-00"));
        Directory.CreateDirectory(Path.Combine(_folder, "elsewhere/removed_base_2026-01-01_01-00-00"));
        if (link.EndsWith(".partial", StringComparison.Ordinal))
        {
            Add(Full, complete: true);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_folder, link))!);
        Directory.CreateSymbolicLink(Path.Combine(_folder, link), Path.Combine(_folder, "elsewhere"));
        var before = Entries();

        var (exitCode, output, _) = await RunBelowAsync(_folder, verb == "list" ? [verb] : [verb, Full]);

        Assert.Equal((3, ""), (exitCode, output));
        Assert.Equal(before, Entries());
    }

    [Fact]
    public async Task A_folder_without_base_is_no_root()
    {
        Directory.Delete(Path.Combine(Root, "base"));

        Assert.Equal((3, ""), ((await RunAsync("list")).ExitCode, (await RunAsync("list")).Output));
        Assert.Equal(3, (await RunAsync("remove", Full)).ExitCode);
    }

    [Fact]
    public async Task What_a_crash_left_goes_first_and_takes_nothing_along()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "victim"));
        File.WriteAllText(Path.Combine(_folder, "victim/file"), "stays");
        Add(".partial/removed_base_2026-01-01_01-00-00", complete: true);
        Add(".partial/base_2026-01-02_01-00-00", complete: false);
        Directory.CreateSymbolicLink(Path.Combine(Root, ".partial/removed_base_2026-01-01_01-00-00/link"), Path.Combine(_folder, "victim"));
        Directory.CreateSymbolicLink(Path.Combine(Root, ".partial/removed_link"), Path.Combine(_folder, "victim"));
        Add(Full, complete: true);

        Assert.Equal(0, (await RunAsync("remove", Full)).ExitCode);

        Assert.Equal(["base_2026-01-02_01-00-00"], Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".partial")).Select(path => Path.GetFileName(path)!));
        Assert.Equal("stays", File.ReadAllText(Path.Combine(_folder, "victim/file")));
    }

    [Theory]
    [InlineData("mv", "/bin/rm -rf \"$3\"; exec /bin/mv \"$@\"")] // taken by the other before it could be renamed
    [InlineData("rm", "/bin/rm \"$@\"; echo 'rm: cannot remove: No such file or directory' >&2; exit 1")] // and while it was removed
    public async Task What_another_removes_at_the_same_time_is_removed(string tool, string behaviour)
    {
        Add(Full, complete: true);
        AddTool(tool, $"#!/bin/bash\n{behaviour}\n");

        var (exitCode, _, errors) = await RunAsync("remove", Full);

        Assert.True(exitCode == 0, errors);
        Assert.False(Directory.Exists(Path.Combine(Root, Full)));
    }

    [Fact]
    public async Task Removals_of_the_same_backup_at_once_all_succeed()
    {
        foreach (var number in Enumerable.Range(0, 500))
        {
            Add($"{Full}/folder-{number}", complete: true);
        }

        var ends = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RunAsync("remove", Full)));

        Assert.All(ends, end => Assert.True(end.ExitCode == 0, end.Errors));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".partial")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_chain_that_somebody_holds_is_listed_as_in_use_and_not_removed(bool perl)
    {
        if (!perl)
        {
            AddTool("perl", "#!/bin/bash\nexit 127\n");
        }

        Add(Full, complete: true);
        Add(Increment, complete: true);
        Add("base/2026-02-07_01-00-00", complete: true);
        Directory.CreateDirectory(Path.Combine(Root, ".locks"));
        File.WriteAllText(Path.Combine(Root, ".locks/2026-02-07_01-00-00"), "");
        using (new FileStream(Path.Combine(Root, ".locks/2026-01-31_01-00-00"), FileMode.Create, FileAccess.Read | FileAccess.Write, FileShare.ReadWrite))
        using (new FileStream(Path.Combine(Root, ".locks/2026-01-31_01-00-00"), FileMode.Open, FileAccess.Read, FileShare.Read))
        {
            var (_, listing, _) = await RunAsync("list");
            Assert.Equal([(Full, true), (Increment, true), ("base/2026-02-07_01-00-00", false)], Catalogue.ReadListing(listing, "claim").Select(backup => (backup.BackupId, backup.InUse)));
            Assert.Equal(5, (await RunAsync("remove", Increment)).ExitCode);
            Assert.Equal(5, (await RunAsync("remove", Full)).ExitCode);
        }

        Assert.Equal(0, (await RunAsync("remove", Increment)).ExitCode);
    }

    [Fact]
    public async Task A_mark_is_set_and_taken_away()
    {
        Add(Full, complete: true);

        Assert.Equal(0, (await RunAsync("keep", Full)).ExitCode);
        Assert.True(Assert.Single(Catalogue.ReadListing((await RunAsync("list")).Output, "claim")).Keep);
        Assert.Equal(0, (await RunAsync("unkeep", Full)).ExitCode);
        Assert.False(Assert.Single(Catalogue.ReadListing((await RunAsync("list")).Output, "claim")).Keep);
        Assert.Equal(4, (await RunAsync("keep", "base/2026-02-07_01-00-00")).ExitCode);
    }

    [Fact]
    public async Task A_root_that_is_not_there_is_an_error_and_not_an_empty_list()
    {
        Directory.Delete(Root, recursive: true);

        var (exitCode, output, errors) = await RunAsync("list");

        Assert.Equal((3, ""), (exitCode, output));
        Assert.Contains(Root, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_is_removed_and_its_neighbours_stay()
    {
        Add(Full, complete: true);
        Add("base/2026-02-07_01-00-00", complete: true);

        Assert.Equal(0, (await RunAsync("remove", Full)).ExitCode);

        Assert.Equal(["base/2026-02-07_01-00-00"], (await ListAsync()).Select(backup => backup.Id));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".partial")));
    }

    [Fact]
    public async Task The_folder_of_a_chains_increments_goes_with_the_last_of_them()
    {
        const string Second = "incr/2026-01-31_01-00-00/2026-02-02_01-00-00";
        Add(Increment, complete: true);
        Add(Second, complete: true);

        Assert.Equal(0, (await RunAsync("remove", Second)).ExitCode);
        Assert.True(Directory.Exists(Path.Combine(Root, Increment)));
        Assert.Equal(0, (await RunAsync("remove", Increment)).ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, "incr")));
    }

    [Fact]
    public async Task What_is_gone_is_gone() => Assert.Equal(0, (await RunAsync("remove", Full)).ExitCode);

    [Theory]
    [InlineData("..")]
    [InlineData("../victim")]
    [InlineData("base/..")]
    [InlineData("base/../../victim")]
    [InlineData("base")]
    [InlineData("incr/2026-01-31_01-00-00")]
    [InlineData("base/2026-01-31_01-00-00/")]
    [InlineData("base/2026-01-31_01-00-00/backup.successful")]
    [InlineData("base/link")]
    [InlineData("base/2026-01-31_01-00-09")]
    [InlineData("incr/2026-01-31_01-00-10/2026-02-01_01-00-00")]
    [InlineData("mine")]
    public async Task Nothing_but_a_backup_is_removed(string id)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "victim"));
        Add(Full, complete: true);
        Add(Increment, complete: true);
        Add("mine", complete: true);
        foreach (var link in new[] { "base/link", "base/2026-01-31_01-00-09" })
        {
            Directory.CreateSymbolicLink(Path.Combine(Root, link), Path.Combine(Root, Full));
        }

        Directory.CreateSymbolicLink(Path.Combine(Root, "incr/2026-01-31_01-00-10"), Path.Combine(Root, "incr/2026-01-31_01-00-00"));
        var before = Entries();

        var (exitCode, output, errors) = await RunAsync("remove", id);

        Assert.Equal((4, ""), (exitCode, output));
        Assert.Contains("is not a backup of this layout", errors, StringComparison.Ordinal);
        Assert.Equal(before, Entries());
    }

    [Fact]
    public async Task A_link_inside_a_backup_is_removed_and_not_followed()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "victim"));
        File.WriteAllText(Path.Combine(_folder, "victim/file"), "stays");
        Add(Full, complete: true);
        Directory.CreateSymbolicLink(Path.Combine(Root, Full, "link"), Path.Combine(_folder, "victim"));

        Assert.Equal(0, (await RunAsync("remove", Full)).ExitCode);

        Assert.False(Directory.Exists(Path.Combine(Root, Full)));
        Assert.Equal("stays", File.ReadAllText(Path.Combine(_folder, "victim/file")));
    }

    [Fact]
    public async Task A_removal_that_is_killed_half_way_leaves_nothing_that_looks_like_a_backup()
    {
        Add(Full, complete: true);
        AddTool("rm", "#!/bin/bash\nif [[ -e ${@: -1}/backup.stream.gz ]]; then /bin/rm -f \"${@: -1}/backup.stream.gz\"; kill -KILL $PPID; else exec /bin/rm \"$@\"; fi\n");

        Assert.Equal(137, (await RunAsync("remove", Full)).ExitCode);
        Directory.Delete(Path.Combine(_folder, "bin"), recursive: true);

        Assert.Empty(await ListAsync());
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, "base")));

        // The same once more, over what was left.
        Add(Full, complete: true);
        Assert.Equal(0, (await RunAsync("remove", Full)).ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(Root, ".partial")));
    }

    [Fact]
    public async Task A_removal_that_fails_says_so()
    {
        Add(Full, complete: true);
        AddTool("mv", "#!/bin/bash\necho 'mv: Permission denied' >&2\nexit 1\n");

        var (exitCode, _, errors) = await RunAsync("remove", Full);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("Permission denied", errors, StringComparison.Ordinal);
        Assert.Equal([Full], (await ListAsync()).Select(backup => backup.Id));
    }

    [Theory]
    [InlineData]
    [InlineData("prune")]
    public async Task Anything_else_is_a_usage_error(params string[] arguments) => Assert.Equal(2, (await RunAsync(arguments)).ExitCode);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void Add(string id, bool complete, int bytes = 10)
    {
        var path = Path.Combine(Root, id);
        Directory.CreateDirectory(path);
        File.WriteAllBytes(Path.Combine(path, "backup.stream.gz"), new byte[bytes]);
        if (complete)
        {
            File.WriteAllText(Path.Combine(path, "backup.successful"), "");
        }
    }

    private void AddTool(string name, string text)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "bin")).FullName, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private IReadOnlyList<string> Entries() =>
        [.. Directory.EnumerateFileSystemEntries(_folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private async Task<IReadOnlyList<(string Id, bool Complete, long SizeBytes)>> ListAsync()
    {
        var (exitCode, output, errors) = await RunAsync("list");
        Assert.True(exitCode == 0, errors);
        return [.. Catalogue.ReadListing(output, "claim").Select(backup => (backup.BackupId, backup.State == BackupState.Complete, backup.SizeBytes))];
    }

    private Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments) => RunBelowAsync(Root, arguments);

    private async Task<(int ExitCode, string Output, string Errors)> RunBelowAsync(string mount, string[] arguments)
    {
        var environment = new Dictionary<string, string>
        {
            ["GALERA_BACKUP_MOUNT"] = mount,
            ["GALERA_BACKUP_ROOT"] = Root,
            ["PATH"] = $"{Path.Combine(_folder, "bin")}:{Environment.GetEnvironmentVariable("PATH")}",
        };
        using var script = new ScriptProcess("/bin/bash", ["-c", GaleraBackup.Runner.Scripts.BackupStore, "backup-store", .. arguments], environment);
        var exitCode = await script.WaitAsync();
        return (exitCode, string.Join('\n', script.Lines), script.Errors);
    }
}
