namespace GaleraBackup.Lab.Machine;

/// <summary>What the lab takes from Debian's archive, through the machine's own apt.</summary>
internal sealed class Debian(HostJournal journal, Narrator narrator)
{
    private const string Suite = "bookworm";
    private bool _updated;

    /// <summary>Which of these packages are not installed.</summary>
    public static async Task<IReadOnlyList<string>> MissingAsync(IReadOnlyCollection<string> packages, CancellationToken cancellationToken)
    {
        if (packages.Count == 0)
        {
            return [];
        }

        var (_, output, _) = await Tool.TryRunAsync(
            "dpkg-query", ["--show", "--showformat", "${Package} ${db:Status-Status}\n", .. packages], cancellationToken);
        var installed = output.Split('\n').Select(line => line.Split(' ')).Where(line => line is [_, "installed"])
            .Select(line => line[0]).ToHashSet();
        return [.. packages.Where(package => !installed.Contains(package))];
    }

    /// <summary>Installs what is missing. Only tools without a service of their own are ever asked for here.</summary>
    public async Task InstallAsync(IReadOnlyCollection<string> packages, CancellationToken cancellationToken)
    {
        var missing = await MissingAsync(packages, cancellationToken);
        if (missing.Count == 0)
        {
            return;
        }

        await UpdateAsync(cancellationToken);
        foreach (var package in missing)
        {
            journal.Record(new HostChange(HostChangeKind.Package, package));
        }

        var environment = new Dictionary<string, string?> { ["DEBIAN_FRONTEND"] = "noninteractive", ["RUNLEVEL"] = "1" };
        await narrator.DuringAsync($"Installing {string.Join(' ', missing)} with apt-get", token => Tool.RunAsync(
            "apt-get", ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=600", "install", .. missing], token,
            environment: environment), cancellationToken);
    }

    /// <summary>
    /// Unpacks packages into a folder without installing them. So no service of theirs is ever enabled or started on this machine.
    /// </summary>
    public async Task UnpackAsync(IReadOnlyCollection<string> packages, string folder, CancellationToken cancellationToken)
    {
        await UpdateAsync(cancellationToken);
        var downloads = Directory.CreateDirectory(Path.Combine(folder, ".debs")).FullName;
        await Tool.RunAsync("apt-get", ["-q", "-o", "APT::Sandbox::User=root", "download", .. packages], cancellationToken, downloads);
        foreach (var package in Directory.EnumerateFiles(downloads, "*.deb").Order(StringComparer.Ordinal))
        {
            await Tool.RunAsync("dpkg-deb", ["--extract", package, folder], cancellationToken);
            await File.AppendAllTextAsync(Path.Combine(folder, "packages.txt"), Path.GetFileName(package) + "\n", cancellationToken);
        }

        Directory.Delete(downloads, recursive: true);
    }

    /// <summary>
    /// The machine's own sources of Debian's main archive, as an apt sources file of the given type (<c>deb</c> or <c>deb-src</c>).
    /// What others have added to this machine's sources stays out of the lab.
    /// </summary>
    /// <param name="suite">Another release than the machine's own, from the same mirrors.</param>
    public async Task<string> SourcesAsync(string type, CancellationToken cancellationToken, string suite = Suite)
    {
        await UpdateAsync(cancellationToken);
        var targets = await Tool.RunAsync("apt-get",
            ["indextargets", "--format", "$(ORIGIN)|$(RELEASE)|$(COMPONENT)|$(REPO_URI)", "Created-By: Packages"], cancellationToken);
        var known = targets.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('|'))
            .Where(target => target is ["Debian", Suite or $"{Suite}-updates" or $"{Suite}-security", "main", _])
            .Select(target => (Uri: target[3], Release: target[1])).Distinct().ToList();
        if (!known.Any(target => target.Release == Suite))
        {
            throw new LabException($"apt on this machine has no source of Debian's own archive, {Suite} main: add it to /etc/apt/sources.list.d.");
        }

        return string.Join('\n', known.Select(target => $"""
            Types: {type}
            URIs: {target.Uri}
            Suites: {target.Release.Replace(Suite, suite, StringComparison.Ordinal)}
            Components: main
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

            """));
    }

    /// <summary>Opens the archive's source packages, with an apt configuration of the lab's own below <paramref name="folder"/>.</summary>
    public async Task<AptSources> OpenSourcesAsync(string folder, CancellationToken cancellationToken)
    {
        var apt = Directory.CreateDirectory(Path.Combine(folder, "apt")).FullName;
        var sources = Path.Combine(apt, "debian.sources");
        await File.WriteAllTextAsync(sources, await SourcesAsync("deb-src", cancellationToken), cancellationToken);
        string[] options =
        [
            "-q",
            "-o", $"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null",
            "-o", $"Dir::State::Lists={Directory.CreateDirectory(Path.Combine(apt, "lists")).FullName}",
            "-o", $"Dir::Cache={Directory.CreateDirectory(Path.Combine(apt, "cache")).FullName}",
            "-o", "APT::Sandbox::User=root",
        ];
        await Tool.RunAsync("apt-get", [.. options, "update"], cancellationToken);
        return new AptSources(options);
    }

    /// <summary>Proxies that this machine's apt has been told to use, for tools that make an apt configuration of their own.</summary>
    public static async Task<IReadOnlyList<string>> ProxyOptionsAsync(CancellationToken cancellationToken)
    {
        var (_, output, _) = await Tool.TryRunAsync(
            "apt-config", ["dump", "Acquire::http::Proxy", "Acquire::https::Proxy"], cancellationToken);
        return
        [
            .. output.Split('\n').Where(line =>
                line.Contains("::Proxy ", StringComparison.OrdinalIgnoreCase) && !line.Contains("\"\"", StringComparison.Ordinal)),
        ];
    }

    // Once a run, and only before something is fetched. A source of somebody else that does not answer is no reason to stop.
    private async Task UpdateAsync(CancellationToken cancellationToken)
    {
        if (_updated)
        {
            return;
        }

        _updated = true;
        var (code, _, error) = await narrator.DuringAsync("Updating apt's package lists",
            token => Tool.TryRunAsync("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=600", "update"], token), cancellationToken);
        if (code != 0)
        {
            narrator.Say($"apt-get update was not wholly good; going on with the lists there are. It said: {error.Trim().Split('\n')[0]}");
        }
    }
}

/// <summary>apt, as it sees Debian's source packages.</summary>
internal sealed class AptSources(IReadOnlyList<string> options)
{
    /// <summary>The newest version of a source package.</summary>
    public async Task<string> VersionAsync(string package, CancellationToken cancellationToken)
    {
        var output = await Tool.RunAsync("apt-cache", [.. options, "showsrc", "--only-source", package], cancellationToken);
        var versions = output.Split('\n').Where(line => line.StartsWith("Version: ", StringComparison.Ordinal));
        string? newest = null;
        foreach (var version in versions.Select(line => line["Version: ".Length..].Trim()).Distinct())
        {
            string[] isNewer = ["--compare-versions", version, "gt", newest ?? "0~"];
            if ((await Tool.TryRunAsync("dpkg", isNewer, cancellationToken)).Code == 0)
            {
                newest = version;
            }
        }

        return newest ?? throw new LabException($"Debian's archive has no source package {package}");
    }

    /// <summary>Fetches and unpacks a source package; the folder it was unpacked to.</summary>
    public async Task<string> FetchAsync(string package, string version, string folder, CancellationToken cancellationToken)
    {
        await Tool.RunAsync("apt-get", [.. options, "source", "--only-source", $"{package}={version}"], cancellationToken, folder);
        return Directory.EnumerateDirectories(folder, $"{package}-*").Single();
    }
}
