namespace GaleraBackup.Lab.Machine;

/// <summary>The programs and images that the lab is made of, from the cache or made anew.</summary>
/// <param name="Kubernetes">Folder with kube-apiserver, kube-controller-manager, kube-scheduler and kubelet.</param>
/// <param name="Runtime">Folder into which etcd, containerd, runc and the CNI plugins are unpacked, as if it were <c>/</c>.</param>
/// <param name="Images">The images, each with its docker archive.</param>
internal sealed record LabParts(string Kubernetes, string Runtime, IReadOnlyDictionary<string, string> Images)
{
    public string Etcd => Path.Combine(Runtime, "usr/bin/etcd");

    public string Containerd => Path.Combine(Runtime, "usr/bin/containerd");

    public string Ctr => Path.Combine(Runtime, "usr/bin/ctr");

    public string CniPlugins => Path.Combine(Runtime, "usr/lib/cni");

    /// <summary>Where containerd finds runc and its shim.</summary>
    public string RuntimePath => $"{Path.Combine(Runtime, "usr/bin")}:{Path.Combine(Runtime, "usr/sbin")}";
}

/// <summary>Finds the parts in the cache, and makes those that are not there.</summary>
internal sealed class PartsBuilder(Cache cache, Debian debian, Narrator narrator)
{
    private static readonly string[] KubernetesPrograms = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"];
    private static readonly string[] KubernetesTools = ["golang-go", "dpkg-dev", "make", "rsync"];
    private static readonly string[] RuntimePackages = ["etcd-server", "containerd", "runc", "containernetworking-plugins"];
    private static readonly string KubernetesRecipe = "-" + Cache.Key(["2", .. KubernetesPrograms]);
    private static readonly string RuntimeName = "runtime-" + Cache.Key(["1", .. RuntimePackages]);

    /// <summary>The parts as far as they are in the cache; paths that do not exist for the others.</summary>
    public static LabParts Find(Cache cache) => new(
        cache.Find("kubernetes-", KubernetesRecipe) ?? cache.PathOf("kubernetes"),
        cache.PathOf(RuntimeName),
        ArchivesIn(cache));

    /// <summary>What has to be made, and the packages that making it needs.</summary>
    public IReadOnlyList<(string What, IReadOnlyList<string> Packages)> Missing()
    {
        var missing = new List<(string, IReadOnlyList<string>)>();
        if (cache.Find("kubernetes-", KubernetesRecipe) is null)
        {
            missing.Add(("build Kubernetes from Debian's source package (5 to 10 minutes on 2 cores)", KubernetesTools));
        }

        if (cache.Find(RuntimeName, "") is null)
        {
            missing.Add(($"unpack {string.Join(", ", RuntimePackages)} into the cache, without installing them", []));
        }

        if (cache.Find(ImageBuilder.CacheName, "") is null)
        {
            missing.Add(("make the images from Debian's packages (about a minute)", ImageBuilder.Packages));
        }

        if (cache.Find(ImageBuilder.NewerCacheName, "") is null)
        {
            missing.Add(("make the image of a newer MariaDB from the packages of Debian's next release (about a minute)", ImageBuilder.Packages));
        }

        return missing;
    }

    public async Task<LabParts> GetAsync(CancellationToken cancellationToken)
    {
        await debian.InstallAsync([.. Missing().SelectMany(part => part.Packages).Distinct()], cancellationToken);
        var runtime = await cache.GetAsync(RuntimeName, folder => debian.UnpackAsync(RuntimePackages, folder, cancellationToken));
        var builder = new ImageBuilder(debian, narrator);
        await cache.GetAsync(ImageBuilder.CacheName, folder => builder.BuildAsync(folder, cancellationToken));
        await cache.GetAsync(ImageBuilder.NewerCacheName, folder => builder.BuildNewerAsync(folder, cancellationToken));
        return new LabParts(await KubernetesAsync(cancellationToken), runtime, ArchivesIn(cache));
    }

    private static Dictionary<string, string> ArchivesIn(Cache cache) =>
        ImageBuilder.Images.ToDictionary(image => image.Key, image => cache.PathOf(image.Value));

    // The source's version is asked for only where there is none yet: what is there is good until somebody clears the cache.
    private async Task<string> KubernetesAsync(CancellationToken cancellationToken)
    {
        if (cache.Find("kubernetes-", KubernetesRecipe) is { } known)
        {
            return known;
        }

        var scratch = cache.Scratch("kubernetes-source");
        var sources = await debian.OpenSourcesAsync(scratch, cancellationToken);
        var version = await sources.VersionAsync("kubernetes", cancellationToken);
        var entry = await cache.GetAsync($"kubernetes-{version}{KubernetesRecipe}", async folder =>
        {
            narrator.Say($"Fetching the source of kubernetes {version}");
            var tree = await sources.FetchAsync("kubernetes", version, scratch, cancellationToken);
            await UpdateReflectAsync(tree, scratch, cancellationToken);
            // A tree of before Go's modules: it wants to stand in a GOPATH.
            var goPath = Path.Combine(scratch, "go");
            var link = Path.Combine(goPath, "src/k8s.io/kubernetes");
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.CreateSymbolicLink(link, tree);
            await narrator.DuringAsync($"Building kubernetes {version}", token => Tool.RunAsync(
                "make", [$"WHAT={string.Join(' ', KubernetesPrograms.Select(program => $"cmd/{program}"))}"], token, link,
                new Dictionary<string, string?>
                {
                    ["GOPATH"] = goPath,
                    ["GOCACHE"] = Path.Combine(scratch, "go-cache"),
                    ["GO111MODULE"] = "off",
                    ["GOFLAGS"] = null,
                    ["CGO_ENABLED"] = "0",
                    // The scripts cd to what PWD says: the link, not what it points to.
                    ["PWD"] = link,
                },
                line =>
                {
                    if (line.StartsWith("    cmd/", StringComparison.Ordinal) || line.StartsWith("+++", StringComparison.Ordinal))
                    {
                        narrator.Say($"  {line.Trim()}");
                    }
                }), cancellationToken);
            foreach (var program in KubernetesPrograms)
            {
                File.Copy(Path.Combine(tree, "_output/local/bin/linux/amd64", program), Path.Combine(folder, program));
            }
        });
        Cache.Discard(scratch);
        return entry;
    }

    // This Kubernetes brings reflect2 1.0.1, which calls into the runtime of Go 1.18 and later with too few arguments
    // (mapiterinit, mended in reflect2 1.0.2): each map that the API server writes as JSON then overwrites a part of its memory, and it
    // panics sooner or later. Debian has 1.0.2 as a package of its own.
    private async Task UpdateReflectAsync(string tree, string scratch, CancellationToken cancellationToken)
    {
        var unpacked = Directory.CreateDirectory(Path.Combine(scratch, "reflect2")).FullName;
        await debian.UnpackAsync(["golang-github-modern-go-reflect2-dev"], unpacked, cancellationToken);
        var vendored = Path.Combine(tree, "vendor/github.com/modern-go/reflect2");
        Directory.Delete(vendored, recursive: true);
        Directory.Move(Path.Combine(unpacked, "usr/share/gocode/src/github.com/modern-go/reflect2"), vendored);
    }
}
