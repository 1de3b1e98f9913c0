using System.Diagnostics;
using System.Text;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>
/// What the runner's pod is to its script: the fixed paths below /run in a mount namespace of its own, a data directory, a backup volume, a
/// login, and a <c>mariadb-backup</c> first on the PATH that does as it is told.
/// </summary>
internal sealed class RunnerHost : IDisposable
{
    public const string Id = "base/2026-01-31_01-00-00";
    public const string CompletedOk = "[00] 2026-01-31 01:00:07 completed OK!";

    private const string Prepare =
        """
        mount -t tmpfs tmpfs /run
        mkdir -p /run/galera-backup /run/secrets/galera-backup
        mount --bind "$STUB/run" /run/galera-backup
        mount --bind "$STUB/secrets" /run/secrets/galera-backup
        """;

    private const string Tool =
        """
        #!/bin/bash
        printf '%s\n' "$@" >"$STUB/argv"
        for argument in "$@"; do
          case $argument in
            --defaults-extra-file=*) cp -p "${argument#*=}" "$STUB/login.cnf" ;;
            --extra-lsndir=*) lsn=${argument#*=} ;;
            --incremental-lsn=*) from=${argument#*=} ;;
          esac
        done
        printf 'backup_type = full-backuped\nfrom_lsn = %s\nto_lsn = 56789\nlast_lsn = 56790\n' "${from:-0}" >"$lsn/xtrabackup_checkpoints" || exit 1
        printf 'tool_name = mariadb-backup\ntool_version = 10.11.19-MariaDB\nserver_version = 10.11.19-MariaDB-log\nbinlog_pos = filename '"'binlog.000007', position '331', GTID of the last change '0-1-99'"'\n' >"$lsn/xtrabackup_info" || exit 1
        cat "$STUB/log" >&2
        . "$STUB/behaviour"

        """;

    private const string Client =
        """
        #!/bin/bash
        for argument in "$@"; do
          [[ $argument == --defaults-extra-file=* ]] && cp "${argument#*=}" "$STUB/client.cnf"
        done
        printf '%s\n' "$@" >>"$STUB/client-argv"
        if [[ -e $STUB/accepted ]] && ! grep -qxF "password=$(<"$STUB/accepted")" "$STUB/client.cnf"; then
          echo "ERROR 1045 (28000): Access denied for user 'backup'@'10.0.0.3' (using password: YES)" >&2
          exit 1
        fi
        . "$STUB/answers"

        """;

    private static readonly Lazy<string?> WhyNot = new(() =>
    {
        if (Environment.UserName != "root")
        {
            return "The runner's script has fixed paths below /run: this test gives it a mount namespace of its own, which only root can make.";
        }

        using var unshare = Process.Start("unshare", ["--mount", "true"]);
        unshare.WaitForExit();
        return unshare.ExitCode == 0 ? null : "This machine makes no mount namespaces (unshare --mount fails).";
    });

    private readonly string _folder = Directory.CreateTempSubdirectory("galera-backup-").FullName;

    public RunnerHost()
    {
        foreach (var name in new[] { "run", "secrets", "bin", "backup", "data/mysql" })
        {
            Directory.CreateDirectory(PathOf(name));
        }

        File.WriteAllText(PathOf("data/ibdata1"), new string('x', 100_000));
        File.WriteAllText(PathOf("data/grastate.dat"), $"# GALERA saved state\nversion: 2.1\nuuid:    {Make.Uuid}\nseqno:   -1\nsafe_to_bootstrap: 0\n");
        File.WriteAllText(PathOf("secrets/username"), "backup");
        File.WriteAllText(PathOf("secrets/password"), "s3cr3t");
        File.WriteAllText(PathOf("log"), "[00] 2026-01-31 01:00:00 Connecting to MariaDB server host: 10.0.0.12\n");
        File.WriteAllBytes(PathOf("stream"), XbStream.Of(
            ("ibdata1", new byte[200_000]),
            ("xtrabackup_galera_info", Encoding.ASCII.GetBytes($"{Make.Uuid}:4711 0-1-5")),
            ("backup-my.cnf", new byte[700]),
            ("xtrabackup_info", "uuid = 11111111-2222-3333-4444-555555555555\ntool_command = --backup --galera-info\n"u8.ToArray())));
        AddTool("mariadb-backup", Tool);
        AddTool("mariadb", Client);
        Answer();
        Behave($"cat \"$STUB/stream\"; echo '{CompletedOk}' >&2");
        Settings = new Dictionary<string, string>
        {
            ["STUB"] = _folder,
            ["PATH"] = $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}",
            ["GALERA_BACKUP_MOUNT"] = PathOf("backup"),
            ["GALERA_BACKUP_ROOT"] = PathOf("backup"),
            ["GALERA_BACKUP_ID"] = Id,
            ["GALERA_BACKUP_HOST"] = "10.0.0.12",
            ["GALERA_BACKUP_PORT"] = "3306",
            ["GALERA_BACKUP_HOSTNAME"] = "mariadb-server-2",
            ["GALERA_BACKUP_DATADIR"] = PathOf("data"),
            ["GALERA_BACKUP_SPACE_RATIO_PERMILLE"] = "1200",
            ["GALERA_BACKUP_GO_TIMEOUT"] = "20",
            ["GALERA_BACKUP_COMPRESSION"] = "Gzip",
            ["GALERA_BACKUP_COMPRESSOR"] = GaleraBackup.Runner.Scripts.BackupCompressor,
            ["GALERA_BACKUP_FACTS"] = """
                cluster="name":"openstack/mariadb-server","namespace":"openstack","statefulSet":"mariadb-server"
                server="pod":"mariadb-server-2","node":"worker-2"
                run="unsafe":false,"options":{"parallel":"2"}
                """,
        };
    }

    public Dictionary<string, string> Settings { get; }

    /// <summary>Shell text that is run before the script, in its mount namespace.</summary>
    public string Before { get; set; } = "";

    /// <summary>Shell text that is run after it, there too.</summary>
    public string? After { get; set; }

    /// <summary>
    /// Shell text in front of the script, which then has its own processes' namespace, as a container has: if its shell dies, all die. The
    /// word comes by itself.
    /// </summary>
    public string? Harness { get; set; }

    /// <summary>Ids of what was published, partial or not.</summary>
    public IReadOnlyList<string> Published => Children("backup/base");

    /// <summary>What was not finished and is still there.</summary>
    public IReadOnlyList<string> Unfinished => Children("backup/.partial");

    public static void SkipUnlessPossible() => Assert.SkipWhen(WhyNot.Value is not null, WhyNot.Value ?? "");

    public string PathOf(string name) => Path.Combine(_folder, name);

    public void AddTool(string name, string text)
    {
        File.WriteAllText(PathOf($"bin/{name}"), text);
        File.SetUnixFileMode(PathOf($"bin/{name}"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The next run is an incremental one of the first.</summary>
    public void Continue(string id, long fromLsn)
    {
        Settings["GALERA_BACKUP_PARENT"] = Id;
        Settings["GALERA_BACKUP_FROM_LSN"] = $"{fromLsn}";
        Renew(id);
    }

    /// <summary>The next run, in a pod of its own, has this id.</summary>
    public void Renew(string id)
    {
        Settings["GALERA_BACKUP_ID"] = id;
        Directory.Delete(PathOf("run"), recursive: true);
        Directory.CreateDirectory(PathOf("run"));
    }

    /// <summary>What mariadb-backup does once it has written its log.</summary>
    public void Behave(string shell) => File.WriteAllText(PathOf("behaviour"), shell + "\n");

    /// <summary>What the database client is told by the server.</summary>
    public void Answer(string hostname = "mariadb-server-2", string? dataDirectory = null, string uuid = Make.Uuid, string cipher = "") => File.WriteAllText(
        PathOf("answers"),
        $"printf '%s\\t%s\\n' hostname '{hostname}' datadir '{dataDirectory ?? PathOf("data/")}' wsrep_cluster_state_uuid '{uuid}' Ssl_cipher '{cipher}'\n");

    /// <summary>The database client fails.</summary>
    public void AnswerError(string error) => File.WriteAllText(PathOf("answers"), $"cat >&2 <<'END'\n{error}\nEND\nexit 1\n");

    /// <summary>The only password that the server takes, as it is written in an option file.</summary>
    public void Accept(string quotedPassword) => File.WriteAllText(PathOf("accepted"), quotedPassword);

    /// <summary>An image without a database client: the PATH has all of this machine's tools but that.</summary>
    public void RemoveClient()
    {
        File.Delete(PathOf("bin/mariadb"));
        Directory.CreateDirectory(PathOf("tools"));
        foreach (var tool in new[] { "/usr/bin", "/usr/sbin" }.SelectMany(Directory.EnumerateFiles).DistinctBy(Path.GetFileName))
        {
            if (Path.GetFileName(tool) is not ("mariadb" or "mysql"))
            {
                File.CreateSymbolicLink(PathOf($"tools/{Path.GetFileName(tool)}"), tool);
            }
        }

        Settings["PATH"] = $"{PathOf("bin")}:{PathOf("tools")}";
    }

    // .NET's children ignore SIGPIPE, a container's do not.
    public ScriptProcess Start()
    {
        const string Run = "env --default-signal=PIPE,INT,TERM,HUP /bin/bash -c \"$1\"";
        const string SayGo = "(until [[ -p $STUB/run/go ]]; do sleep 0.02; done; echo go >\"$STUB/run/go\") &";
        return Harness is null
            ? Unshare(["--mount"], After is null ? $"exec {Run}" : $"status=0\n{Run} || status=$?\n{After}\nexit $status")
            : Unshare(["--mount", "--pid", "--fork", "--kill-child"], $"{SayGo}\n{Run} &\nwait $!");

        ScriptProcess Unshare(string[] namespaces, string run) => new(
            "unshare",
            [.. namespaces, "/bin/bash", "-c", $"set -e\n{Prepare}\n{Before}\n{run}", "prepare", $"{Harness}\n{GaleraBackup.Runner.Scripts.BackupRunner}"],
            Settings);
    }

    /// <summary>The second container. The runner is to be started after it.</summary>
    public ScriptProcess StartCompressor(string compression, string? path = null)
    {
        Directory.CreateDirectory(PathOf("pipes"));
        Settings["GALERA_BACKUP_PIPES"] = PathOf("pipes");
        return new ScriptProcess(
            "setsid",
            ["--wait", "env", "--default-signal=PIPE,INT,TERM,HUP", "/bin/sh", "-c", GaleraBackup.Runner.Scripts.BackupCompressor, "backup-compressor", "serve"],
            new Dictionary<string, string>(Settings) { ["GALERA_BACKUP_COMPRESSION"] = compression, ["PATH"] = path ?? Settings["PATH"] });
    }

    public async Task SayGoAsync(ScriptProcess script)
    {
        await script.ExpectAsync("\"ready\"");
        await File.AppendAllTextAsync(PathOf("run/go"), "go\n", TestContext.Current.CancellationToken);
    }

    /// <summary>From its start to its end, with the word as soon as it is asked for.</summary>
    public async Task<IReadOnlyList<RunnerEvent>> RunAsync(int expectedExitCode)
    {
        using var script = Start();
        await SayGoAsync(script);
        return await EndAsync(script, expectedExitCode);
    }

    /// <summary>The same for a run that ends before it asks.</summary>
    public async Task<ErrorEvent> RunRefusedAsync()
    {
        using var script = Start();
        var events = await EndAsync(script, expectedExitCode: 1);
        Assert.DoesNotContain(events, step => step is ReadyEvent);
        return Assert.Single(events.OfType<ErrorEvent>());
    }

    /// <summary>Everything the script said; every line must be an event, and nothing of it may be left running.</summary>
    public async Task<IReadOnlyList<RunnerEvent>> EndAsync(ScriptProcess script, int expectedExitCode)
    {
        var exitCode = await script.WaitAsync();
        Assert.True(exitCode == expectedExitCode, $"It ended with {exitCode}.\n{string.Join('\n', script.Lines)}\n{script.Errors}");
        await AssertNoProcessIsLeftAsync();
        return [.. script.Lines.Select(line =>
        {
            var step = RunnerEvent.Parse(line);
            Assert.True(step is not null, $"No event: {line}");
            return step;
        })];
    }

    /// <summary>Waits until a stub has written the file.</summary>
    public async Task UntilThereIsAsync(string name)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!File.Exists(PathOf(name)))
        {
            await Task.Delay(20, limit.Token);
        }
    }

    public void AssertNoBackup()
    {
        Assert.Empty(Published);
        Assert.Empty(Unfinished);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IReadOnlyList<string> Children(string name) =>
        Directory.Exists(PathOf(name)) ? [.. Directory.EnumerateFileSystemEntries(PathOf(name)).Select(path => Path.GetFileName(path)!)] : [];

    // Whatever the script starts has our folder in its environment.
    private async Task AssertNoProcessIsLeftAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        IReadOnlyList<string> left;
        while ((left = [.. Directory.EnumerateDirectories("/proc").Where(IsOurs)]).Count > 0)
        {
            Assert.False(limit.IsCancellationRequested, $"Left running: {string.Join(", ", left.Select(path => TryRead($"{path}/cmdline")))}");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        bool IsOurs(string path) =>
            int.TryParse(Path.GetFileName(path), out _) && TryRead($"{path}/environ").Contains(_folder, StringComparison.Ordinal);
    }

    private static string TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return ""; // It ended meanwhile.
        }
    }
}
