using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>A backup volume that has no room, at whatever moment: the error says so, nothing of it stays, and what was there is untouched.</summary>
public sealed class FullVolumeTests : IDisposable
{
    private const string Fill = "head -c 100M /dev/zero >\"$GALERA_BACKUP_ROOT/fill\" 2>/dev/null";

    private readonly RunnerHost _host;

    public FullVolumeTests()
    {
        RunnerHost.SkipUnlessPossible();
        _host = new RunnerHost();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task However_few_inodes_there_are_it_is_said_and_nothing_stays()
    {
        var failures = new List<string>();

        // The root, base/, the older backup and its file have four.
        for (var inodes = 4; ; inodes++)
        {
            _host.Renew($"base/2026-02-07_01-00-{inodes:00}");
            var events = await RunOnAsync($"size=16M,nr_inodes={inodes}");
            if (events.Any(step => step is ResultEvent))
            {
                break;
            }

            var error = Assert.Single(events.OfType<ErrorEvent>());
            Assert.True(
                error.Message.Contains("No space left on device", StringComparison.Ordinal)
                && (error.ErrorId == "NotEnoughSpace") == !events.Any(step => step is ReadyEvent),
                $"{inodes} inodes: {error}");
            failures.Add(error.ErrorId);
        }

        // Two folders, the lock, the backup's folder and its two files are made before the word; the tool's two files; grastate, marker, manifest.
        Assert.Equal(["NotEnoughSpace", "BackupToolFailed", "StreamFailed"], failures.Distinct());
        Assert.Equal(11, failures.Count);
    }

    [Theory]
    [InlineData("the stream", "mariadb-backup", Fill + "; cat \"$STUB/stream\"; echo '" + RunnerHost.CompletedOk + "' >&2")]
    [InlineData("grastate.dat", "cp", "case $2 in */grastate.dat) " + Fill + " ;; esac; exec /bin/cp \"$@\"")]
    [InlineData("the manifest", "cp", "case $2 in */manifest.json) " + Fill + " ;; esac; exec /bin/cp \"$@\"")]
    public async Task A_volume_that_is_full_when_something_is_written_is_said_to_be(string what, string tool, string behaviour)
    {
        _ = what;
        if (tool == "mariadb-backup")
        {
            await File.WriteAllBytesAsync(_host.PathOf("stream"), XbStream.Of(("ibdata1", [.. Enumerable.Range(0, 3_000_000).Select(number => (byte)(number * number >> 7))])), Token);
            _host.Behave(behaviour);
        }
        else
        {
            _host.AddTool(tool, $"#!/bin/bash\n{behaviour}\n");
        }

        var events = await RunOnAsync("size=16M");

        var error = Assert.Single(events.OfType<ErrorEvent>());
        Assert.Equal("StreamFailed", error.ErrorId);
        Assert.Contains("No space left on device", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _host.Dispose();

    // On a volume with an older backup, which must be the only thing on it afterwards, but for what is published.
    private async Task<IReadOnlyList<RunnerEvent>> RunOnAsync(string options)
    {
        _host.Before = $"""
            mount -t tmpfs -o {options} tmpfs "$GALERA_BACKUP_ROOT"
            mkdir -p "$GALERA_BACKUP_ROOT/base/2026-01-01_01-00-00"
            echo good >"$GALERA_BACKUP_ROOT/base/2026-01-01_01-00-00/backup.stream"
            """;
        _host.After = """
            cd "$GALERA_BACKUP_ROOT"
            find . -type f ! -name fill -exec grep -H '' {} + >"$STUB/after" || true
            """;
        _host.AddTool("mkfifo", "#!/bin/bash\n/usr/bin/mkfifo \"$@\"\n[[ $* != *go ]] || (echo go >\"${@: -1}\") &\n");
        using var script = _host.Start();
        var exitCode = await script.WaitAsync();
        var events = await _host.EndAsync(script, exitCode);
        if (exitCode != 0)
        {
            Assert.Equal(["./base/2026-01-01_01-00-00/backup.stream:good"], await File.ReadAllLinesAsync(_host.PathOf("after"), Token));
        }

        return events;
    }
}
