using System.IO.Compression;
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
            ["backup.stream.gz", "backup.successful", "grastate.dat", "mariabackup.log", "xtrabackup_checkpoints", "xtrabackup_info"],
            Directory.EnumerateFiles(_host.PathOf($"backup/{RunnerHost.Id}")).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal));
        Assert.Equal(await ReadAsync("data/grastate.dat"), await ReadAsync($"backup/{RunnerHost.Id}/grastate.dat"));
        await using var packed = new GZipStream(File.OpenRead(_host.PathOf($"backup/{RunnerHost.Id}/backup.stream.gz")), CompressionMode.Decompress);
        using var unpacked = new MemoryStream();
        await packed.CopyToAsync(unpacked, TestContext.Current.CancellationToken);
        var streamed = await ReadAsync("stream");
        Assert.Equal(streamed, unpacked.ToArray());

        var result = Assert.IsType<ResultEvent>(events[^1]);
        Assert.Equal((RunnerHost.Id, Make.Uuid, 4711L, 56789L), (result.BackupId, result.ClusterUuid, result.Seqno, result.ToLsn));
        Assert.Equal(new FileInfo(_host.PathOf("stream")).Length, result.StreamedBytes);
        Assert.Equal(new FileInfo(_host.PathOf($"backup/{RunnerHost.Id}/backup.stream.gz")).Length, result.StoredBytes);
        Assert.Equal("10.11.19-MariaDB-log", result.ServerVersion);
    }

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

        Assert.Equal((Make.Uuid, 123456789012L), (result.ClusterUuid, result.Seqno));
    }

    [Fact]
    public async Task A_backup_without_a_Galera_position_is_a_backup()
    {
        await File.WriteAllBytesAsync(_host.PathOf("stream"), XbStream.Of(("ibdata1", new byte[1000])), TestContext.Current.CancellationToken);

        var result = (await _host.RunAsync(expectedExitCode: 0)).OfType<ResultEvent>().Single();

        Assert.Equal((null, null), (result.ClusterUuid, result.Seqno));
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
        _host.AddTool("gzip", $"#!/bin/bash\n{gzip}\n");
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
        Assert.InRange(progress.Bytes, 50_000, events.OfType<ResultEvent>().Single().StreamedBytes);
        Assert.True(progress.TotalBytes >= 100_000);
    }

    [Theory]
    [InlineData(1200, false)] // exactly what is required is not more than it
    [InlineData(1201, true)]
    [InlineData(5, false)]
    public async Task Available_space_must_be_more_than_the_data_times_the_ratio(int availableKiB, bool enough)
    {
        _host.AddTool("du", "#!/bin/bash\nprintf '1000\\t/data\\n'\n");
        _host.AddTool("df", $"#!/bin/bash\nprintf 'Filesystem 1024-blocks Used Available Capacity Mounted on\\nnfs:/x   9999   1   {availableKiB}  1%% /var/backup\\n'\n");
        using var script = _host.Start();
        if (enough)
        {
            await _host.SayGoAsync(script);
        }

        var events = await _host.EndAsync(script, expectedExitCode: enough ? 0 : 1);

        Assert.Equal(new SpaceEvent(1000, availableKiB, 1200), events[0]);
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

    public void Dispose() => _host.Dispose();

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
}
