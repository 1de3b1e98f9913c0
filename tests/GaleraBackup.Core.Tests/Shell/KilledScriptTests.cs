using System.Security.Cryptography;
using GaleraBackup.Policy;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>
/// SIGKILL of everything, as a container dies, at each step of the scripts that changes the volume and in the middle of the long ones.
/// Whatever the moment: no half backup is listed, none that was good is lost, and the next run works and cleans up.
/// </summary>
public sealed class KilledScriptTests : IDisposable
{
    private const string Full = RunnerHost.Id;
    private const string Killed = "base/2026-02-07_01-00-00";
    private const string KilledIncrement = "incr/2026-01-31_01-00-00/2026-02-01_01-00-00";
    private const string KillAll = "kill -KILL -1 || true; kill -KILL $$";

    /// <summary>
    /// bash runs a DEBUG trap before each command. The main shell's are counted: at the one that is asked for all is killed, and for 0 each
    /// writes down what is on the volume before it.
    /// </summary>
    private const string CountSteps = $$"""
        set -T
        step=0
        trap 'if [[ $BASHPID == "$$" ]]; then
          ((++step != KILL_AT)) || { {{KillAll}}; }
          ((KILL_AT != 0)) || (shopt -s globstar dotglob nullglob; echo "$GALERA_BACKUP_ROOT"/**) >>"$STUB/steps"
        fi' DEBUG
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("galera-backup-").FullName;

    public KilledScriptTests() => RunnerHost.SkipUnlessPossible();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Killed)]
    [InlineData(KilledIncrement)]
    public async Task A_runner_that_is_killed_at_any_step_leaves_only_what_the_next_removes(string id)
    {
        using var host = await HostWithFullBackupAsync(id);
        var states = await RecordAsync(host);

        // Between two steps that find the same on the volume, a kill leaves the same.
        var steps = Enumerable.Range(1, states.Length).Where(step => step == 1 || states[step - 1] != states[step - 2]).ToList();

        // Folders, lock, partial folder, the tool's files, grastate, marker, manifest, the rename, the lock's end: all of them were seen.
        Assert.InRange(steps.Count, 9, 40);
        foreach (var (index, step) in steps.Index())
        {
            host.Renew($"{id[..^2]}{index + 1:00}");
            host.Settings["KILL_AT"] = $"{step}";
            await KillAsync(host, $"step {step} of {states.Length}");
        }
    }

    [Theory]
    [InlineData("pigz", "head -c 1000")]
    [InlineData("cp", "case ${@: -1} in */manifest.json) head -c 200 \"$1\" >\"$2\" ;; *) exec /bin/cp \"$@\" ;; esac")]
    [InlineData("sync", "true")]
    public async Task A_runner_that_is_killed_in_the_middle_of_a_step_leaves_only_what_the_next_removes(string tool, string half)
    {
        using var host = await HostWithFullBackupAsync(Killed);
        host.AddTool(tool, $"#!/bin/bash\n{half}\n{KillAll}\n");

        await KillAsync(host, tool);
    }

    [Fact]
    public async Task A_cleaning_up_that_is_killed_half_way_is_finished_by_the_next()
    {
        using var host = await HostWithFullBackupAsync(Killed);
        var left = Directory.CreateDirectory(host.PathOf("backup/.partial/base_2026-02-06_01-00-00")).FullName;
        await File.WriteAllTextAsync(Path.Combine(left, "backup.stream.gz"), "half", Token);
        await File.WriteAllTextAsync(Path.Combine(left, "manifest.json"), "half", Token);
        host.AddTool("rm", $"#!/bin/bash\n[[ $* == *base_2026-02-06* ]] || exec /bin/rm \"$@\"\n/bin/rm {left}/manifest.json\n{KillAll}\n");

        await KillAsync(host, "rm");
    }

    [Fact]
    public async Task What_a_removal_left_that_was_killed_goes_with_the_next_backup()
    {
        using var host = await HostWithFullBackupAsync(Killed);
        Directory.CreateDirectory(host.PathOf("backup/.partial/removed_base_2026-01-01_01-00-00/deep"));
        await File.WriteAllTextAsync(host.PathOf("backup/.locks/2026-01-01_01-00-00"), "", Token);
        await File.WriteAllTextAsync(host.PathOf("backup/.locks/base_2026-01-02_01-00-00"), "", Token);

        await host.RunAsync(expectedExitCode: 0);

        Assert.Empty(host.Unfinished);
        Assert.Empty(Locks(host.PathOf("backup")));
    }

    [Theory]
    [InlineData(Full)]
    [InlineData(KilledIncrement)]
    public async Task A_removal_that_is_killed_at_any_step_leaves_only_what_the_next_removes(string victim)
    {
        string[] others = ["base/2026-01-01_01-00-00", "incr/2026-01-01_01-00-00/2026-01-02_01-00-00"];
        foreach (var step in Enumerable.Range(1, 1000))
        {
            var root = Directory.CreateDirectory(Path.Combine(_folder, $"{step}")).FullName;
            foreach (var id in others.Append(victim))
            {
                var folder = Directory.CreateDirectory(Path.Combine(root, id)).FullName;
                await File.WriteAllTextAsync(Path.Combine(folder, "backup.stream.gz"), id, Token);
                await File.WriteAllTextAsync(Path.Combine(folder, "backup.successful"), "", Token);
            }

            var before = Hashes(root, others);
            var killed = await StoreAsync(root, step, "remove", victim);
            var listed = (await ListAsync(root)).Select(backup => backup.BackupId).ToList();

            Assert.Equal(others, listed.Except([victim]));
            Assert.True(!listed.Contains(victim) || File.Exists(Path.Combine(root, victim, "backup.stream.gz")), $"Half of it is listed after step {step}.");
            Assert.Equal((0, ""), await StoreAsync(root, killAt: 0, "remove", victim));
            Assert.Equal(others, (await ListAsync(root)).Select(backup => backup.BackupId));
            Assert.Equal(before, Hashes(root, others));
            Assert.Empty(Children(Path.Combine(root, ".partial")));
            Assert.Empty(Locks(root).Except(["2026-01-31_01-00-00"])); // The next backup removes it.
            if (killed.ExitCode == 0)
            {
                Assert.True(step > 15, $"It has had only {step} steps.");
                return;
            }

            Assert.Equal(137, killed.ExitCode);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Kills the run that is next on the host, then has another.
    private static async Task KillAsync(RunnerHost host, string moment)
    {
        var root = host.PathOf("backup");
        var good = (await ListAsync(root)).Select(backup => backup.BackupId).ToList();
        var before = Hashes(root, good);
        host.Harness = CountSteps;
        using (var script = host.Start())
        {
            var events = await host.EndAsync(script, expectedExitCode: 137);
            Assert.DoesNotContain(events, step => step is ErrorEvent);
        }

        foreach (var tool in new[] { "pigz", "cp", "sync", "rm" })
        {
            File.Delete(host.PathOf($"bin/{tool}"));
        }

        var id = host.Settings["GALERA_BACKUP_ID"];
        var listed = await ListAsync(root);
        Assert.All(listed, backup => Assert.True(backup.State == BackupState.Complete, $"Listed after {moment}: {backup} {backup.State} {backup.Problem}"));
        Assert.Equal(good, listed.Select(backup => backup.BackupId).Except([id]));
        AssertWhole(root, listed);
        Assert.Equal(before, Hashes(root, good));

        var next = $"{id[..^5]}30{id[^3..]}";
        host.Harness = null;
        host.Renew(next);
        await host.RunAsync(expectedExitCode: 0);
        listed = await ListAsync(root);
        Assert.Equal([.. good, next], listed.Select(backup => backup.BackupId).Except([id]).Order(StringComparer.Ordinal));
        AssertWhole(root, listed);
        Assert.Equal(before, Hashes(root, good));
        Assert.Empty(host.Unfinished);
        Assert.Empty(Locks(root).Except(["2026-01-31_01-00-00"])); // What incrementals of it hold while they are taken.
    }

    private static async Task<RunnerHost> HostWithFullBackupAsync(string next)
    {
        var host = new RunnerHost();
        await host.RunAsync(expectedExitCode: 0);
        host.Settings["KILL_AT"] = "-1";
        if (next.StartsWith("incr/", StringComparison.Ordinal))
        {
            host.Continue(next, fromLsn: 56789);
        }
        else
        {
            host.Renew(next);
        }

        return host;
    }

    private static async Task<string[]> RecordAsync(RunnerHost host)
    {
        host.Settings["KILL_AT"] = "0";
        host.Harness = CountSteps;
        using var script = host.Start();
        await host.EndAsync(script, expectedExitCode: 0);
        return await File.ReadAllLinesAsync(host.PathOf("steps"), Token);
    }

    private static void AssertWhole(string root, IEnumerable<BackupSet> backups)
    {
        foreach (var backup in backups)
        {
            Assert.NotNull(backup.Manifest);
            Assert.All(backup.Manifest.Files, file => Assert.Equal(file.Sha256, Hash(Path.Combine(root, backup.BackupId, file.Name))));
        }
    }

    private static async Task<IReadOnlyList<BackupSet>> ListAsync(string root)
    {
        var (exitCode, output) = await StoreAsync(root, killAt: 0, "list");
        Assert.Equal(0, exitCode);
        return Catalogue.ReadListing(output, "claim");
    }

    private static async Task<(int ExitCode, string Output)> StoreAsync(string root, int killAt, params string[] arguments)
    {
        // Nothing runs beside it: what it calls has ended before the next step.
        const string Steps = "set -T; step=0; trap '[[ $BASHPID != \"$$\" ]] || ((++step != KILL_AT)) || kill -KILL $$' DEBUG\n";
        var environment = new Dictionary<string, string> { ["GALERA_BACKUP_MOUNT"] = root, ["GALERA_BACKUP_ROOT"] = root, ["KILL_AT"] = $"{killAt}" };
        using var script = new ScriptProcess("/bin/bash", ["-c", (killAt == 0 ? "" : Steps) + GaleraBackup.Runner.Scripts.BackupStore, "backup-store", .. arguments], environment);
        var exitCode = await script.WaitAsync();
        return (exitCode, string.Join('\n', script.Lines));
    }

    private static Dictionary<string, string> Hashes(string root, IEnumerable<string> ids) => ids
        .SelectMany(id => Directory.EnumerateFiles(Path.Combine(root, id))).Order(StringComparer.Ordinal).ToDictionary(path => path, Hash);

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private static IEnumerable<string> Locks(string root) => Children(Path.Combine(root, ".locks"));

    private static IEnumerable<string> Children(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)) : [];
}
