using System.Diagnostics;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>The runner's script as it is, under bash: a backup as the vendor lays it out, or nothing at all.</summary>
public sealed class BackupRunnerScriptTests : IDisposable
{
    private readonly RunnerHost _host;

    public BackupRunnerScriptTests()
    {
        RunnerHost.SkipUnlessPossible();
        _host = new RunnerHost();
    }

    public static TheoryData<string, string, string> FailingTools => new()
    {
        { "it ends with 1", "cat \"$STUB/stream\"; echo 'mariabackup: error: it is so' >&2; exit 1", "status 1: mariabackup: error: it is so" },
        { "it ends with 1 and goes on talking", "echo 'mariabackup: Error: cannot open x' >&2; echo '2026-01-31  1:00:00 0 [Note] InnoDB: bye' >&2; exit 1", "status 1: mariabackup: Error: cannot open x" },
        { "it ends with 1 after its completed OK!", $"cat \"$STUB/stream\"; echo '{RunnerHost.CompletedOk}' >&2; exit 1", "status 1" },
        { "it ends with 0 and says nothing of it", "cat \"$STUB/stream\"", "without 'completed OK!'" },
        { "it goes on after its completed OK!", $"echo '{RunnerHost.CompletedOk}' >&2; echo 'and yet' >&2", "without 'completed OK!'" },
        { "it is killed", "head -c 100000 \"$STUB/stream\"; kill -KILL $$", "status 137" },
    };

    public static TheoryData<string> Passwords =>
    [
        "s3cr3t", "with space", " around ", "#hash", "a#b;c", "it's", "\"quoted\"", "'quoted'", "say \"hi\" # 'no'", "back\\slash", "ends\\", "\\n is no newline",
        "\\\"", "line\nbreak", "tab\there", "$(touch /tmp/owned)`id`$HOME", "&amp;\\&&", "%s%n", "пароль €", "-p --x", "=", "[client]", "*", "~",
    ];

    [Fact]
    public async Task A_good_run_publishes_a_backup_that_is_whole()
    {
        var events = await _host.RunAsync(expectedExitCode: 0);

        Assert.Equal(["2026-01-31_01-00-00"], _host.Published);
        Assert.Empty(_host.Unfinished);
        Assert.Equal(
            ["backup.stream.gz", "backup.successful", "grastate.dat", "manifest.json", "mariabackup.log", "xtrabackup_checkpoints", "xtrabackup_info"],
            Directory.EnumerateFiles(_host.PathOf($"backup/{RunnerHost.Id}")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        Assert.Equal(await ReadAsync("data/grastate.dat"), await ReadAsync($"backup/{RunnerHost.Id}/grastate.dat"));
        await using var packed = new GZipStream(File.OpenRead(_host.PathOf($"backup/{RunnerHost.Id}/backup.stream.gz")), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        await packed.CopyToAsync(unpacked, TestContext.Current.CancellationToken);
        var streamed = await ReadAsync("stream");
        Assert.Equal(streamed, unpacked.ToArray());

        Assert.IsType<ResultEvent>(events[^1]);
    }

    [Fact]
    public async Task The_manifest_says_what_there_is_and_the_result_is_the_same()
    {
        var events = await _host.RunAsync(expectedExitCode: 0);

        var text = Encoding.UTF8.GetString(await ReadAsync($"backup/{RunnerHost.Id}/manifest.json"));
        Assert.Equal(text.Length - 1, text.IndexOf('\n', StringComparison.Ordinal)); // A listing of thousands reads them line by line.
        var manifest = BackupManifest.Parse(text, "the manifest");
        Assert.Equivalent(manifest, Assert.IsType<ResultEvent>(events[^1]).Manifest);
        Assert.Equal((RunnerHost.Id, BackupType.Full, null, RunnerHost.Id), (manifest.Id, manifest.Type, manifest.Parent, manifest.Base));
        Assert.Equal((Make.Uuid, "openstack/mariadb-server"), (manifest.Cluster.Uuid, manifest.Cluster.Name));
        Assert.Equal((4711L, "0-1-99", 0L, 56789L), (manifest.Position.Seqno, manifest.Position.Gtid, manifest.Position.FromLsn, manifest.Position.ToLsn));
        Assert.Equal(("10.11.19-MariaDB-log", "10.11.19-MariaDB", "mariadb-server-2", "worker-2"), (manifest.Server.Version, manifest.Server.ToolVersion, manifest.Server.Pod, manifest.Server.Node));
        Assert.Equal((new FileInfo(_host.PathOf("stream")).Length, "gzip", false), (manifest.StreamedBytes, manifest.Codec, manifest.Unsafe));
        Assert.True(manifest.FinishedAt >= manifest.StartedAt);
        var folder = new DirectoryInfo(_host.PathOf($"backup/{RunnerHost.Id}"));
        Assert.Equal(
            folder.EnumerateFiles().Where(file => file.Name != BackupManifest.FileName).OrderBy(file => file.Name, StringComparer.Ordinal).Select(Described),
            manifest.Files.OrderBy(file => file.Name, StringComparer.Ordinal));
        Assert.Equal(manifest.StoredBytes, manifest.Files.Sum(file => file.Size));
    }

    [Theory]
    [InlineData("Auto", "backup.stream.zst", "zstd")]
    [InlineData("Zstd", "backup.stream.zst", "zstd")]
    [InlineData("None", "backup.stream", "none")]
    public async Task The_stream_is_compressed_as_asked_for(string compression, string file, string codec)
    {
        _host.Settings["GALERA_BACKUP_COMPRESSION"] = compression;

        var manifest = (await _host.RunAsync(expectedExitCode: 0)).OfType<ResultEvent>().Single().Manifest;

        var path = _host.PathOf($"backup/{RunnerHost.Id}/{file}");
        Assert.Equal(codec, manifest.Codec);
        Assert.Contains(Described(new FileInfo(path)), manifest.Files);
        Assert.Equal(await ReadAsync("stream"), await UnpackAsync(codec, path));
    }

    [Fact]
    public async Task A_second_container_compresses_for_an_image_that_cannot()
    {
        using var compressor = _host.StartCompressor("Auto");
        _host.Settings["GALERA_BACKUP_COMPRESSION"] = "nothing of the runner's own image";

        var manifest = (await _host.RunAsync(expectedExitCode: 0)).OfType<ResultEvent>().Single().Manifest;

        Assert.Equal(0, await compressor.WaitAsync());
        var path = _host.PathOf($"backup/{RunnerHost.Id}/backup.stream.zst");
        Assert.Equal("zstd", manifest.Codec);
        Assert.Contains(Described(new FileInfo(path)), manifest.Files);
        Assert.Equal(await ReadAsync("stream"), await UnpackAsync("zstd", path));
    }

    [Fact]
    public async Task A_second_container_that_has_no_compressor_is_refused()
    {
        Directory.CreateDirectory(_host.PathOf("few"));
        foreach (var tool in new[] { "sh", "mv", "env" })
        {
            File.CreateSymbolicLink(_host.PathOf($"few/{tool}"), $"/usr/bin/{tool}");
        }

        using var compressor = _host.StartCompressor("Zstd", _host.PathOf("few"));

        var error = await _host.RunRefusedAsync();

        Assert.Equal(("CompressorMissing", "The image has no program for -Compression Zstd (zstd)."), (error.ErrorId, error.Message));
        Assert.Equal(1, await compressor.WaitAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_second_container_that_is_killed_ends_the_backup(bool beforeTheWord)
    {
        _host.Behave("""cat "$STUB/stream"; : >"$STUB/streaming"; until [[ -e $STUB/killed ]]; do sleep 0.05; done; cat "$STUB/stream" """);
        var compressor = _host.StartCompressor("Gzip");
        using var runner = _host.Start();
        await runner.ExpectAsync("\"ready\"");
        if (!beforeTheWord)
        {
            await _host.SayGoAsync(runner);
            await _host.UntilThereIsAsync("streaming");
        }

        compressor.Dispose(); // Kills its tree.
        await File.WriteAllTextAsync(_host.PathOf("killed"), "", TestContext.Current.CancellationToken);
        if (beforeTheWord)
        {
            await _host.SayGoAsync(runner);
        }

        var error = Assert.Single((await _host.EndAsync(runner, expectedExitCode: 1)).OfType<ErrorEvent>());
        Assert.Equal("StreamFailed", error.ErrorId);
        _host.AssertNoBackup();
    }

    [Fact]
    public async Task An_incremental_continues_its_base_and_stands_beside_it()
    {
        await _host.RunAsync(expectedExitCode: 0);
        _host.Continue("incr/2026-01-31_01-00-00/2026-02-01_01-00-00", fromLsn: 56789);

        var manifest = (await _host.RunAsync(expectedExitCode: 0)).OfType<ResultEvent>().Single().Manifest;

        Assert.Equal((BackupType.Incremental, RunnerHost.Id, RunnerHost.Id), (manifest.Type, manifest.Parent, manifest.Base));
        Assert.Contains("--incremental-lsn=56789", await File.ReadAllLinesAsync(_host.PathOf("argv"), TestContext.Current.CancellationToken));
        Assert.True(File.Exists(_host.PathOf("backup/incr/2026-01-31_01-00-00/2026-02-01_01-00-00/manifest.json")));
    }

    [Fact]
    public async Task What_a_killed_run_left_is_removed_by_the_next_and_what_is_being_written_is_not()
    {
        foreach (var name in new[] { "base_2026-01-01_01-00-00", "incr_2026-01-01_01-00-00_2026-01-02_01-00-00", "base_2026-01-03_01-00-00", "mine" })
        {
            Directory.CreateDirectory(_host.PathOf($"backup/.partial/{name}"));
            await File.WriteAllTextAsync(_host.PathOf($"backup/.partial/{name}/backup.stream.gz"), "half", TestContext.Current.CancellationToken);
        }

        Directory.CreateDirectory(_host.PathOf("backup/.locks"));
        await using (new FileStream(_host.PathOf("backup/.locks/base_2026-01-03_01-00-00"), FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            await _host.RunAsync(expectedExitCode: 0);
        }

        Assert.Equal(["base_2026-01-03_01-00-00", "mine"], _host.Unfinished.Order(StringComparer.Ordinal));
        Assert.Equal(["base_2026-01-03_01-00-00"], Directory.EnumerateFiles(_host.PathOf("backup/.locks")).Select(Path.GetFileName));
        Assert.Equal(["2026-01-31_01-00-00"], _host.Published);
    }

    private static ManifestFile Described(FileInfo file) => new()
    {
        Name = file.Name,
        Size = file.Length,
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file.FullName))),
    };

    [Fact]
    public async Task A_good_run_says_what_it_does_in_order()
    {
        var events = await _host.RunAsync(expectedExitCode: 0);

        Assert.Equal(
            [typeof(SpaceEvent), typeof(ReadyEvent), typeof(CopyingEvent), typeof(CopiedEvent), typeof(ResultEvent)],
            events.Where(step => step is not (LogEvent or ProgressEvent)).Select(step => step.GetType()));
        Assert.Equal(0, events.OfType<CopiedEvent>().Single().Status);
        Assert.Equal(
            ["[00] 2026-01-31 01:00:00 Connecting to MariaDB server host: 10.0.0.12", RunnerHost.CompletedOk],
            events.OfType<LogEvent>().Select(log => log.Message));
    }

    [Fact]
    public async Task The_tool_is_asked_for_a_backup_of_this_server_and_its_data()
    {
        await _host.RunAsync(expectedExitCode: 0);

        var arguments = (await File.ReadAllLinesAsync(_host.PathOf("argv"), TestContext.Current.CancellationToken)).ToList();
        Assert.Equal("--defaults-extra-file=/run/galera-backup/login.cnf", arguments[0]); // or the tool ignores it
        Assert.Contains("--backup", arguments);
        Assert.Contains("--stream=xbstream", arguments);
        Assert.Contains("--galera-info", arguments);
        Assert.Contains("--host=10.0.0.12", arguments);
        Assert.Contains($"--datadir={_host.PathOf("data")}", arguments);
        Assert.DoesNotContain("--safe-slave-backup", arguments);
    }

    [Theory]
    [InlineData("xtrabackup_galera_info")]
    [InlineData("mariadb_backup_galera_info")]
    public async Task The_Galera_position_is_found_under_either_name(string name)
    {
        await File.WriteAllBytesAsync(
            _host.PathOf("stream"),
            XbStream.Of((name, Encoding.ASCII.GetBytes($"{Make.Uuid}:123456789012")), ("backup-my.cnf", new byte[5000])),
            TestContext.Current.CancellationToken);

        var result = (await _host.RunAsync(expectedExitCode: 0)).OfType<ResultEvent>().Single();

        Assert.Equal((Make.Uuid, 123456789012L), (result.Manifest.Cluster.Uuid, result.Manifest.Position.Seqno));
    }

    [Fact]
    public async Task A_backup_without_a_Galera_position_is_a_backup()
    {
        await File.WriteAllBytesAsync(_host.PathOf("stream"), XbStream.Of(("ibdata1", new byte[1000])), TestContext.Current.CancellationToken);

        var result = (await _host.RunAsync(expectedExitCode: 0)).OfType<ResultEvent>().Single();

        Assert.Equal((null, null), (result.Manifest.Cluster.Uuid, result.Manifest.Position.Seqno));
    }

    [Fact]
    public async Task Any_log_becomes_valid_events()
    {
        var log = AwkwardLog();
        await File.WriteAllBytesAsync(_host.PathOf("log"), log, TestContext.Current.CancellationToken);

        var messages = (await _host.RunAsync(expectedExitCode: 0)).OfType<LogEvent>().Select(line => line.Message).ToList();

        Assert.Equal("say \"hi\" \\ and \\n and \\\\\" & && \\& {\"event\":\"result\"}", messages[0]);
        Assert.Equal("tab\there, bell, escape [31m, return", messages[1]);
        Assert.Equal("x", messages[2]);
        Assert.Matches("^\ufffd+y\ufffd+$", messages[3]);
        Assert.Equal("Grüße €", messages[4]);
        Assert.Equal("", messages[5]);
        Assert.Equal(new string('"', 50_000) + new string('z', 50_000), messages[6]);
        var kept = await ReadAsync($"backup/{RunnerHost.Id}/mariabackup.log");
        Assert.Equal([.. log, .. Encoding.ASCII.GetBytes(RunnerHost.CompletedOk + "\n")], kept);
    }

    [Fact]
    public async Task A_log_that_ends_without_a_newline_is_read_to_its_end()
    {
        _host.Behave($"cat \"$STUB/stream\"; printf %s '{RunnerHost.CompletedOk}' >&2");

        Assert.Equal(RunnerHost.CompletedOk, (await _host.RunAsync(expectedExitCode: 0)).OfType<LogEvent>().Last().Message);
    }

    [Fact]
    public async Task Any_password_reaches_the_option_file_and_nothing_else()
    {
        foreach (var row in Passwords)
        {
            var password = row.Data;
            using var host = new RunnerHost();
            await File.WriteAllTextAsync(host.PathOf("secrets/password"), password, TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(host.PathOf("secrets/username"), $"u-{password}", TestContext.Current.CancellationToken);
            using var script = host.Start();
            await host.SayGoAsync(script);
            await host.EndAsync(script, expectedExitCode: 0);

            var options = OptionFile.Read(await File.ReadAllTextAsync(host.PathOf("login.cnf"), TestContext.Current.CancellationToken));
            Assert.Equal((password, $"u-{password}"), (options["password"], options["user"]));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(host.PathOf("login.cnf")));
            Assert.False(File.Exists(host.PathOf("run/login.cnf")));
            if (password.Length > 4)
            {
                var said = string.Join('\n', script.Lines) + script.Errors + await File.ReadAllTextAsync(host.PathOf("argv"), TestContext.Current.CancellationToken);
                Assert.DoesNotContain(password, said, StringComparison.Ordinal);
            }
        }

        Assert.False(File.Exists("/tmp/owned"));
    }

    [Fact]
    public async Task A_literal_user_name_comes_from_the_environment()
    {
        File.Delete(_host.PathOf("secrets/username"));
        _host.Settings["GALERA_BACKUP_USER"] = "literal \"user\"";

        await _host.RunAsync(expectedExitCode: 0);

        Assert.Equal("literal \"user\"", OptionFile.Read(await File.ReadAllTextAsync(_host.PathOf("login.cnf"), TestContext.Current.CancellationToken))["user"]);
    }

    [Theory]
    [MemberData(nameof(FailingTools))]
    public async Task A_tool_that_fails_leaves_no_backup(string name, string behaviour, string message)
    {
        _ = name;
        _host.Behave(behaviour);

        var events = await _host.RunAsync(expectedExitCode: 1);

        var error = Assert.Single(events.OfType<ErrorEvent>());
        Assert.Equal("BackupToolFailed", error.ErrorId);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Single(events.OfType<CopiedEvent>()); // the replica is free all the same
        _host.AssertNoBackup();
    }

    [Theory]
    [InlineData("cat >/dev/null; exit 1")] // at its end
    [InlineData("head -c 10 >/dev/null; echo 'gzip: stdout: No space left on device' >&2; exit 1")] // and the tool's stream breaks with it
    public async Task A_stream_that_is_not_stored_whole_is_no_backup_and_not_the_tools_fault(string gzip)
    {
        _host.AddTool("pigz", $"#!/bin/bash\n{gzip}\n");
        await File.WriteAllBytesAsync(_host.PathOf("stream"), XbStream.Of(("ibdata1", new byte[2_000_000])), TestContext.Current.CancellationToken);
        _host.Behave($"cat \"$STUB/stream\" || exit 1; echo '{RunnerHost.CompletedOk}' >&2");

        var events = await _host.RunAsync(expectedExitCode: 1);

        Assert.Equal("StreamFailed", Assert.Single(events.OfType<ErrorEvent>()).ErrorId);
        _host.AssertNoBackup();
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_while_it_waits_for_the_word_ends_it_clean(string signal)
    {
        using var script = _host.Start();
        await script.ExpectAsync("\"ready\"");

        await script.SignalAsync(signal);

        await _host.EndAsync(script, expectedExitCode: 143);
        _host.AssertNoBackup();
        Assert.False(File.Exists(_host.PathOf("argv")));
    }

    [Fact]
    public async Task A_signal_while_it_copies_ends_it_and_the_tool_at_once()
    {
        _host.Behave("cat \"$STUB/stream\"; echo 'copying now' >&2; sleep 300; echo 'never' >&2");
        using var script = _host.Start();
        await _host.SayGoAsync(script);
        await script.ExpectAsync("copying now");

        await script.SignalAsync("TERM");

        var events = await _host.EndAsync(script, expectedExitCode: 143);
        Assert.DoesNotContain(events, step => step is ResultEvent);
        _host.AssertNoBackup();
    }

    [Fact]
    public async Task Progress_is_counted_from_the_stream()
    {
        _host.Behave($"while [[ ! -e $STUB/enough ]]; do head -c 50000 /dev/zero; sleep 0.1; done; echo '{RunnerHost.CompletedOk}' >&2");
        using var script = _host.Start();
        await _host.SayGoAsync(script);
        await script.ExpectAsync("\"progress\"");
        await File.WriteAllTextAsync(_host.PathOf("enough"), "", TestContext.Current.CancellationToken);

        var events = await _host.EndAsync(script, expectedExitCode: 0);
        var progress = events.OfType<ProgressEvent>().First();
        Assert.InRange(progress.Bytes, 50_000, events.OfType<ResultEvent>().Single().Manifest.StreamedBytes);
        Assert.True(progress.TotalBytes >= 100_000);
    }

    [Theory]
    [InlineData(0, 1200, 1200, false)] // exactly what is required is not more than it
    [InlineData(0, 1200, 1201, true)]
    [InlineData(0, 1200, 5, false)]
    [InlineData(999, 1200, 1201, true)] // earlier backups can only ask for more
    [InlineData(1500, 1800, 1800, false)]
    [InlineData(1500, 1800, 1801, true)]
    public async Task Available_space_must_be_more_than_the_data_or_an_earlier_backup_times_the_ratio(int expectedKiB, int requiredKiB, int availableKiB, bool enough)
    {
        _host.Settings["GALERA_BACKUP_EXPECTED_KIB"] = $"{expectedKiB}";
        _host.AddTool("du", "#!/bin/bash\nprintf '1000\\t/data\\n'\n");
        _host.AddTool("df", $"#!/bin/bash\nprintf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\nnfs:/x   9999   1   {availableKiB}  1%% /var/backup\\n'\n");
        using var script = _host.Start();
        if (enough)
        {
            await _host.SayGoAsync(script);
        }

        var events = await _host.EndAsync(script, expectedExitCode: enough ? 0 : 1);

        Assert.Equal(new SpaceEvent(1000, availableKiB, requiredKiB), events[0]);
        Assert.Equal(enough ? [] : ["NotEnoughSpace"], events.OfType<ErrorEvent>().Select(error => error.ErrorId));
        Assert.Equal(enough, events.Any(step => step is ReadyEvent));
    }

    [Fact]
    public async Task A_huge_ratio_is_refused_on_a_real_file_system()
    {
        _host.Settings["GALERA_BACKUP_SPACE_RATIO_PERMILLE"] = "1000000000000";

        Assert.Equal("NotEnoughSpace", (await _host.RunRefusedAsync()).ErrorId);
        _host.AssertNoBackup();
    }

    [Fact]
    public async Task A_volume_that_cannot_be_written_is_refused()
    {
        _host.Before = """
            mount --bind "$GALERA_BACKUP_ROOT" "$GALERA_BACKUP_ROOT"
            mount -o remount,bind,ro "$GALERA_BACKUP_ROOT"
            """;

        Assert.Equal("BackupPathNotWritable", (await _host.RunRefusedAsync()).ErrorId);
    }

    [Fact]
    public async Task A_folder_that_is_not_there_is_refused()
    {
        _host.Settings["GALERA_BACKUP_ROOT"] = _host.PathOf("backup/no-such-folder");

        Assert.Equal("BackupPathMissing", (await _host.RunRefusedAsync()).ErrorId);
    }

    [Fact]
    public async Task A_backup_that_is_there_is_never_overwritten()
    {
        Directory.CreateDirectory(_host.PathOf($"backup/{RunnerHost.Id}"));
        await File.WriteAllTextAsync(_host.PathOf($"backup/{RunnerHost.Id}/backup.stream.gz"), "good", TestContext.Current.CancellationToken);

        Assert.Equal("BackupExists", (await _host.RunRefusedAsync()).ErrorId);
        Assert.Equal("good", await File.ReadAllTextAsync(_host.PathOf($"backup/{RunnerHost.Id}/backup.stream.gz"), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_volume_without_a_data_directory_is_refused()
    {
        Directory.CreateDirectory(_host.PathOf("empty"));
        _host.Settings["GALERA_BACKUP_DATADIR"] = _host.PathOf("empty");

        Assert.Equal("WrongDataVolume", (await _host.RunRefusedAsync()).ErrorId);
    }

    [Theory]
    [InlineData("base/../2026-01-31_01-00-00")]
    [InlineData("base/2026-01-31_01-00-00/x")]
    [InlineData("base/$(id)")]
    [InlineData("base/2026-01-31_01-00-00\n")]
    [InlineData("incr/2026-01-31_01-00-00/2026-02-01_01-00-00")]
    public async Task An_id_that_is_no_full_backups_is_refused(string id)
    {
        _host.Settings["GALERA_BACKUP_ID"] = id;

        Assert.Equal("InvalidBackupId", (await _host.RunRefusedAsync()).ErrorId);
        _host.AssertNoBackup();
    }

    [Fact]
    public async Task Without_the_word_it_gives_up()
    {
        _host.Settings["GALERA_BACKUP_GO_TIMEOUT"] = "0.2";
        using var script = _host.Start();

        var events = await _host.EndAsync(script, expectedExitCode: 1);

        Assert.Equal("GoTimedOut", Assert.Single(events.OfType<ErrorEvent>()).ErrorId);
        Assert.False(File.Exists(_host.PathOf("argv")));
        _host.AssertNoBackup();
    }

    [Fact]
    public async Task What_is_kept_outside_of_the_data_directory_counts_once()
    {
        await File.WriteAllBytesAsync(_host.PathOf("data/mysql/big"), new byte[2 << 20], Token);
        Directory.CreateDirectory(_host.PathOf("redo/deep"));
        await File.WriteAllBytesAsync(_host.PathOf("redo/deep/ib_logfile0"), new byte[4 << 20], Token);
        var alone = (await _host.RunAsync(expectedExitCode: 0)).OfType<SpaceEvent>().Single().DatabaseKiB;

        using var host = new RunnerHost();
        await File.WriteAllBytesAsync(host.PathOf("data/mysql/big"), new byte[2 << 20], Token);
        host.Settings["GALERA_BACKUP_DATA_PATHS"] = string.Join('\n', _host.PathOf("redo"), _host.PathOf("redo/deep"), host.PathOf("data/mysql"), _host.PathOf("redo"));
        var together = (await host.RunAsync(expectedExitCode: 0)).OfType<SpaceEvent>().Single().DatabaseKiB;

        Assert.InRange(together - alone, 4096, 4096 + 64);
    }

    [Theory]
    [InlineData("GALERA_BACKUP_DATA_PATHS", "no-such-folder")]
    [InlineData("GALERA_BACKUP_DATA_PATHS", "data/ibdata1")]
    [InlineData("GALERA_BACKUP_KEY_FILES", "no-such-file")]
    [InlineData("GALERA_BACKUP_KEY_FILES", "data")]
    public async Task What_the_server_reads_and_the_runner_cannot_is_refused(string setting, string path)
    {
        _host.Settings[setting] = $"{(setting.EndsWith("FILES", StringComparison.Ordinal) ? _host.PathOf("data/ibdata1") : _host.PathOf("data"))}\n{_host.PathOf(path)}";

        var refusal = await _host.RunRefusedAsync();

        Assert.Equal("UnsupportedLayout", refusal.ErrorId);
        Assert.Contains(_host.PathOf(path), refusal.Message, StringComparison.Ordinal);
        _host.AssertNoBackup();
    }

    [Fact]
    public async Task A_key_file_that_can_be_read_is_no_obstacle()
    {
        await File.WriteAllTextAsync(_host.PathOf("keys.enc"), "1;...", Token);
        _host.Settings["GALERA_BACKUP_KEY_FILES"] = _host.PathOf("keys.enc");

        await _host.RunAsync(expectedExitCode: 0);
    }

    [Fact]
    public async Task A_wrong_password_is_refused_before_the_replica_is_touched()
    {
        _host.Accept("\"other\"");

        using var script = _host.Start();
        var events = await _host.EndAsync(script, expectedExitCode: 1);

        Assert.DoesNotContain(events, step => step is ReadyEvent);
        var refusal = Assert.Single(events.OfType<ErrorEvent>());
        Assert.Equal("SqlAccessDenied", refusal.ErrorId);
        Assert.Contains("'backup'@'10.0.0.3'", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", string.Join('\n', script.Lines) + script.Errors + await File.ReadAllTextAsync(_host.PathOf("client-argv"), Token), StringComparison.Ordinal);
        Assert.False(File.Exists(_host.PathOf("argv")));
        _host.AssertNoBackup();
    }

    [Theory]
    [InlineData("ERROR 2002 (HY000): Can't connect to server on '10.0.0.12' (115)", "SqlUnreachable")]
    [InlineData("ERROR 2013 (HY000): Lost connection to server at 'reading initial communication packet', system error: 104", "SqlUnreachable")]
    [InlineData("ERROR 1040 (08004): Too many connections", "SqlUnreachable")]
    [InlineData("ERROR 1130 (HY000): Host '10.0.0.3' is not allowed to connect to this MariaDB server", "SqlAccessDenied")]
    [InlineData("ERROR 2026 (HY000): TLS/SSL error: certificate verify failed", "SqlTlsFailed")]
    [InlineData("ERROR 2059 (HY000): Authentication plugin 'x' cannot be loaded", "SqlAuthenticationUnsupported")]
    [InlineData("WARNING: something\nERROR 1045 (28000): Access denied", "SqlAccessDenied")]
    [InlineData("mariadb: unknown variable 'x=y'", "SqlFailed")]
    public async Task A_login_that_fails_says_why(string said, string id)
    {
        _host.AnswerError(said);

        var refusal = await _host.RunRefusedAsync();

        Assert.Equal(id, refusal.ErrorId);
        Assert.EndsWith(said.Split('\n')[^1], refusal.Message, StringComparison.Ordinal);
        _host.AssertNoBackup();
    }

    [Theory]
    [InlineData("s3cr3t\n", "s3cr3t")] // nobody meant the newline
    [InlineData("s3cr3t\r\n", "s3cr3t")]
    [InlineData("s3cr3t\n", "s3cr3t\n")] // somebody did
    [InlineData("s3cr3t\r\n", "s3cr3t\r\n")]
    [InlineData("s3cr3t\n\n", "s3cr3t\n")]
    [InlineData("s3cr3t\n\n", "s3cr3t\n\n")]
    [InlineData("s3cr3t\r", "s3cr3t\r")]
    public async Task The_password_that_the_server_takes_is_the_tools(string file, string password)
    {
        await File.WriteAllTextAsync(_host.PathOf("secrets/password"), file, Token);
        _host.Accept($"\"{password.Replace("\r", "\\r", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}\"");

        await _host.RunAsync(expectedExitCode: 0);

        Assert.Equal(password, OptionFile.Read(await File.ReadAllTextAsync(_host.PathOf("login.cnf"), Token))["password"]);
    }

    [Fact]
    public async Task A_password_without_a_newline_is_tried_once()
    {
        _host.Accept("\"other\"");

        await _host.RunRefusedAsync();

        Assert.Single(await File.ReadAllLinesAsync(_host.PathOf("client-argv"), Token), argument => argument.StartsWith("--defaults-extra-file", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_client_the_password_has_no_newline_and_neither_has_the_user()
    {
        await File.WriteAllTextAsync(_host.PathOf("secrets/password"), "s3cr3t\n", Token);
        await File.WriteAllTextAsync(_host.PathOf("secrets/username"), "backup\n", Token);
        _host.RemoveClient();

        await _host.RunAsync(expectedExitCode: 0);

        var login = OptionFile.Read(await File.ReadAllTextAsync(_host.PathOf("login.cnf"), Token));
        Assert.Equal(("backup", "s3cr3t"), (login["user"], login["password"]));
    }

    [Theory]
    [InlineData("mariadb-server-1", null, Make.Uuid)]
    [InlineData("mariadb-server-2", "/var/lib/other/", Make.Uuid)]
    [InlineData("mariadb-server-2", null, "99999999-1111-11ee-8a3c-0242ac110002")]
    public async Task A_server_that_is_not_the_one_of_these_files_is_refused(string hostname, string? dataDirectory, string uuid)
    {
        _host.Answer(hostname, dataDirectory, uuid);

        Assert.Equal("WrongServer", (await _host.RunRefusedAsync()).ErrorId);
        _host.AssertNoBackup();
    }

    [Theory]
    [InlineData("", "uuid:    " + Make.Uuid)]
    [InlineData(Make.Uuid, "uuid:    00000000-0000-0000-0000-000000000000")]
    [InlineData(Make.Uuid, "")]
    public async Task A_cluster_that_is_not_known_is_no_other_one(string live, string stored)
    {
        _host.Answer(uuid: live);
        await File.WriteAllTextAsync(_host.PathOf("data/grastate.dat"), $"# GALERA saved state\n{stored}\n", Token);

        await _host.RunAsync(expectedExitCode: 0);
    }

    [Theory]
    [InlineData("Preferred", "skip-ssl-verify-server-cert")]
    [InlineData("Disabled", "skip-ssl")]
    [InlineData("Required", "skip-ssl-verify-server-cert ssl")]
    [InlineData("VerifyCA", "skip-ssl-verify-server-cert ssl ssl-ca")]
    [InlineData("VerifyFull", "skip-ssl-verify-server-cert ssl ssl-ca")]
    public async Task The_client_and_the_tool_use_TLS_as_they_are_told(string mode, string options)
    {
        _host.Settings["GALERA_BACKUP_SSL_MODE"] = mode;
        _host.Settings["GALERA_BACKUP_SSL_CA"] = "-----BEGIN CERTIFICATE-----\nabc=\n-----END CERTIFICATE-----";
        _host.Answer(cipher: "TLS_AES_256_GCM_SHA384");

        await _host.RunAsync(expectedExitCode: 0);

        var tool = OptionFile.Read(await File.ReadAllTextAsync(_host.PathOf("login.cnf"), Token));
        Assert.Equal(options, string.Join(' ', tool.Keys.Except(["user", "password"]).Order(StringComparer.Ordinal)));
        Assert.Equal(tool, OptionFile.Read(await File.ReadAllTextAsync(_host.PathOf("client.cnf"), Token)));
        if (options.EndsWith("ssl-ca", StringComparison.Ordinal))
        {
            Assert.Equal("/run/galera-backup/ca.pem", tool["ssl-ca"]);
            Assert.Equal(_host.Settings["GALERA_BACKUP_SSL_CA"] + "\n", await File.ReadAllTextAsync(_host.PathOf("run/ca.pem"), Token));
        }
    }

    [Theory]
    [InlineData("Required")]
    [InlineData("VerifyFull")]
    public async Task A_server_without_TLS_is_refused_where_TLS_is_required(string mode)
    {
        _host.Settings["GALERA_BACKUP_SSL_MODE"] = mode;
        _host.Settings["GALERA_BACKUP_SSL_CA"] = "pem";

        Assert.Equal("SqlTlsFailed", (await _host.RunRefusedAsync()).ErrorId);
        _host.AssertNoBackup();
    }

    [Theory]
    [InlineData("prod", "backup/prod")]
    [InlineData("prod/db", "backup/prod")]
    [InlineData("", "backup/.partial")]
    [InlineData("", "backup/base")]
    [InlineData("prod", "backup/prod/base")]
    public async Task A_link_in_the_way_is_not_followed(string path, string link)
    {
        Directory.CreateDirectory(_host.PathOf("elsewhere/db"));
        Directory.CreateDirectory(Path.GetDirectoryName(_host.PathOf(link))!);
        Directory.CreateSymbolicLink(_host.PathOf(link), _host.PathOf("elsewhere"));
        _host.Settings["GALERA_BACKUP_ROOT"] = _host.PathOf($"backup/{path}").TrimEnd('/');

        var refusal = await _host.RunRefusedAsync();

        Assert.Equal("BackupPathUnsafe", refusal.ErrorId);
        Assert.Contains(_host.PathOf(link), refusal.Message, StringComparison.Ordinal);
        Assert.Equal([_host.PathOf("elsewhere/db")], Directory.EnumerateFileSystemEntries(_host.PathOf("elsewhere"), "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_link_where_the_backup_would_be_is_a_backup_that_is_there()
    {
        Directory.CreateDirectory(_host.PathOf("backup/base"));
        Directory.CreateSymbolicLink(_host.PathOf($"backup/{RunnerHost.Id}"), _host.PathOf("nowhere"));

        Assert.Equal("BackupExists", (await _host.RunRefusedAsync()).ErrorId);
    }

    public void Dispose() => _host.Dispose();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static byte[] AwkwardLog() =>
    [
        .. "say \"hi\" \\ and \\n and \\\\\" & && \\& {\"event\":\"result\"}\n"u8,
        .. "tab\there, bell\a, escape \e[31m, return\r\n"u8,
        0x7f, 0x01, 0x1f, (byte)'x', (byte)'\n',
        0xff, 0xfe, 0xc3, (byte)'y', 0xed, 0xa0, 0x80, (byte)'\n',
        .. "Grüße €\n"u8,
        .. "\n"u8,
        .. Encoding.ASCII.GetBytes(new string('"', 50_000) + new string('z', 50_000) + "\n"),
    ];

    private Task<byte[]> ReadAsync(string name) => File.ReadAllBytesAsync(_host.PathOf(name), TestContext.Current.CancellationToken);

    private static async Task<byte[]> UnpackAsync(string codec, string path)
    {
        using var unpack = Process.Start(new ProcessStartInfo(codec == "zstd" ? "zstd" : "cat", codec == "zstd" ? ["-dqc", path] : [path]) { RedirectStandardOutput = true })!;
        using var unpacked = new MemoryStream();
        await unpack.StandardOutput.BaseStream.CopyToAsync(unpacked, TestContext.Current.CancellationToken);
        return unpacked.ToArray();
    }
}
