using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;

namespace GaleraBackup.Lab.Machine;

/// <summary>
/// Makes the lab's images, from Debian's packages only: MariaDB with zstd and pigz, the same without them, and the container that holds
/// a pod's network. The two MariaDB images share their root filesystem; the compressors are a layer of their own on it. A newer MariaDB comes from
/// the next release of Debian.
/// </summary>
internal sealed class ImageBuilder(Debian debian, Narrator narrator)
{
    private const string MariaDbPackages =
        "mariadb-server,mariadb-backup,galera-4,socat,lsof,rsync,iproute2,procps,ca-certificates,openssl";

    private const string NewerSuite = "trixie";
    private const string NewerPackages = MariaDbPackages + ",zstd";

    // The uid is fixed before the server's package can pick one: the volumes on the host are given to it.
    private const string MysqlUser = """
        echo "mysql:x:999:" >> "$1/etc/group"
        echo "mysql:x:999:999:MariaDB Server,,,:/nonexistent:/bin/false" >> "$1/etc/passwd"
        """;

    private const string Tidy = """
        set -eu
        rm -rf "$1"/var/lib/mysql "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*.log "$1"/var/cache/debconf/*-old
        mkdir -p "$1"/var/lib/mysql "$1"/run/mysqld "$1"/var/backup
        chroot "$1" chown mysql:mysql /var/lib/mysql /run/mysqld /var/backup
        test "$(chroot "$1" id -u mysql):$(chroot "$1" id -g mysql)" = 999:999
        """;

    private const string SplitCompressors = Tidy + "\n" + """
        chroot "$1" sh -c 'dpkg -L zstd pigz; ls -d /var/lib/dpkg/info/zstd.* /var/lib/dpkg/info/pigz.* /var/lib/dpkg/status' | sort -u |
          while read -r path; do
            if { [ -e "$1$path" ] || [ -L "$1$path" ]; } && [ ! -d "$1$path" ]; then echo ".$path"; fi
          done > "$LAB_OUT/compressors.list"
        tar -C "$1" --numeric-owner --no-recursion -cf "$LAB_OUT/compressors.tar" -T "$LAB_OUT/compressors.list"
        chroot "$1" dpkg --purge zstd pigz
        """;

    // Holds the pod's namespaces, reaps what is reparented to it, and ends when told to.
    private const string PauseSource = """
        package main

        import (
            "os"
            "os/signal"
            "syscall"
        )

        func main() {
            signals := make(chan os.Signal, 16)
            signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
            for received := range signals {
                if received != syscall.SIGCHLD {
                    return
                }
                for {
                    if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != nil || pid <= 0 {
                        break
                    }
                }
            }
        }
        """;

    /// <summary>The packages that making the images needs on the host.</summary>
    public static IReadOnlyList<string> Packages { get; } = ["mmdebstrap", "golang-go"];

    /// <summary>The cache's name for what this recipe makes. A newer package in the archive is no new recipe.</summary>
    public static string CacheName { get; } = "images-" + Cache.Key("1", MariaDbPackages, MysqlUser, SplitCompressors, PauseSource);

    /// <summary>The same for the newer MariaDB.</summary>
    public static string NewerCacheName { get; } = "newer-image-" + Cache.Key("1", NewerSuite, NewerPackages, MysqlUser, Tidy);

    /// <summary>The images, each with its archive in the cache.</summary>
    public static IReadOnlyDictionary<string, string> Images { get; } = new Dictionary<string, string>
    {
        ["lab.local/pause:1"] = $"{CacheName}/pause.tar",
        ["lab.local/mariadb-galera:10.11"] = $"{CacheName}/mariadb-galera.tar",
        ["lab.local/mariadb-galera:10.11-plain"] = $"{CacheName}/mariadb-galera-plain.tar",
        [Lab.NewerImage] = $"{NewerCacheName}/mariadb-galera-newer.tar",
    };

    public async Task BuildNewerAsync(string folder, CancellationToken cancellationToken)
    {
        var work = Directory.CreateDirectory(Path.Combine(folder, ".work")).FullName;
        var root = await MakeRootAsync(NewerSuite, NewerPackages, Tidy, work, cancellationToken);
        await WriteArchiveAsync(folder, Lab.NewerImage, ["mariadbd"], [root], cancellationToken);
        Directory.Delete(work, recursive: true);
    }

    public async Task BuildAsync(string folder, CancellationToken cancellationToken)
    {
        var work = Directory.CreateDirectory(Path.Combine(folder, ".work")).FullName;
        var root = await MakeRootAsync("bookworm", $"{MariaDbPackages},zstd,pigz", SplitCompressors, work, cancellationToken);
        narrator.Say("Making the pause image");
        await File.WriteAllTextAsync(Path.Combine(work, "pause.go"), PauseSource, cancellationToken);
        var pauseRoot = Directory.CreateDirectory(Path.Combine(work, "pause")).FullName;
        var goEnvironment = new Dictionary<string, string?>
        {
            ["CGO_ENABLED"] = "0",
            ["GO111MODULE"] = "off",
            ["GOFLAGS"] = null,
            ["GOCACHE"] = Path.Combine(work, "go-cache"),
            ["GOPATH"] = work,
        };
        await Tool.RunAsync("go", ["build", "-ldflags=-s -w", "-o", Path.Combine(pauseRoot, "pause"), "pause.go"], cancellationToken, work,
            goEnvironment);
        var pause = Path.Combine(work, "pause.tar");
        await TarFile.CreateFromDirectoryAsync(pauseRoot, pause, includeBaseDirectory: false, cancellationToken);

        await WriteArchiveAsync(folder, "lab.local/pause:1", ["/pause"], [pause], cancellationToken);
        await WriteArchiveAsync(folder, "lab.local/mariadb-galera:10.11-plain", ["mariadbd"], [root], cancellationToken);
        string[] layers = [root, Path.Combine(work, "compressors.tar")];
        await WriteArchiveAsync(folder, "lab.local/mariadb-galera:10.11", ["mariadbd"], layers, cancellationToken);
        Directory.Delete(work, recursive: true);
    }

    private async Task<string> MakeRootAsync(string suite, string packages, string hook, string work, CancellationToken cancellationToken)
    {
        var sources = Path.Combine(work, "debian.sources");
        await File.WriteAllTextAsync(sources, await debian.SourcesAsync("deb", cancellationToken, suite), cancellationToken);
        var root = Path.Combine(work, "root.tar");
        var proxies = (await Debian.ProxyOptionsAsync(cancellationToken)).Select(option => $"--aptopt={option}");
        await narrator.DuringAsync($"Making a MariaDB image from the packages of Debian {suite}", token => Tool.RunAsync(
            "mmdebstrap",
            [
                "--mode=root", "--variant=minbase", "--format=tar",
                "--aptopt=APT::Install-Recommends \"false\"", .. proxies,
                "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
                "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/mysql/mysql-test/*",
                $"--include={packages}",
                $"--essential-hook={MysqlUser}", $"--customize-hook={hook}",
                suite, root, sources,
            ],
            token, work, new Dictionary<string, string?> { ["LAB_OUT"] = work, ["TMPDIR"] = work },
            line =>
            {
                if (line.StartsWith("I: ", StringComparison.Ordinal) && !line.Contains("hook", StringComparison.Ordinal))
                {
                    narrator.Say($"  {line[3..]}");
                }
            }), cancellationToken);
        return root;
    }

    // The format of docker save, which ctr imports: a list of images, a configuration each, and the layers as tar files.
    private static async Task WriteArchiveAsync(
        string folder, string image, string[] command, string[] layers, CancellationToken cancellationToken)
    {
        const string SearchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        var digests = new List<string>();
        foreach (var layer in layers)
        {
            await using var stream = File.OpenRead(layer);
            digests.Add(Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancellationToken)));
        }

        var configuration = JsonSerializer.SerializeToUtf8Bytes(new
        {
            architecture = "amd64",
            os = "linux",
            created = "2026-01-01T00:00:00Z",
            config = new { Env = (string[])[SearchPath], Cmd = command, WorkingDir = "/" },
            rootfs = new { type = "layers", diff_ids = digests.Select(digest => $"sha256:{digest}") },
            history = layers.Select(_ => new { created = "2026-01-01T00:00:00Z", created_by = "GaleraBackup.Lab" }),
        });
        var configurationName = Convert.ToHexStringLower(SHA256.HashData(configuration)) + ".json";
        var entry = new { Config = configurationName, RepoTags = (string[])[image], Layers = digests.Select(digest => $"{digest}.tar") };

        await using var archive = new TarWriter(File.Create(Path.Combine(folder, Path.GetFileName(Images[image]))), TarEntryFormat.Pax);
        await WriteAsync(configurationName, new MemoryStream(configuration));
        await WriteAsync("manifest.json", new MemoryStream(JsonSerializer.SerializeToUtf8Bytes((object[])[entry])));
        foreach (var (layer, digest) in layers.Zip(digests))
        {
            await using var stream = File.OpenRead(layer);
            await WriteAsync($"{digest}.tar", stream);
        }

        Task WriteAsync(string name, Stream content) =>
            archive.WriteEntryAsync(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = content }, cancellationToken);
    }
}
