namespace GaleraBackup.Lab.Machine;

/// <summary>The lab's containerd, through its own command, and what is left of containers when it has been killed.</summary>
internal sealed class Containers(LabPaths paths, LabParts parts)
{
    private const string Withheld = "-withheld";

    private string[] Ctr(params string[] arguments) => ["--address", paths.ContainerdSocket, "--namespace", "k8s.io", .. arguments];

    public async Task<bool> AnswersAsync(CancellationToken cancellationToken) =>
        File.Exists(paths.ContainerdSocket) && (await Tool.TryRunAsync(parts.Ctr, Ctr("version"), cancellationToken)).Code == 0;

    /// <summary>Imports the images that are not there, or not as the cache has them now.</summary>
    public async Task ImportAsync(Narrator narrator, CancellationToken cancellationToken)
    {
        await RestoreWithheldAsync(cancellationToken);

        // The folders' names say what the images are made from.
        var marker = Path.Combine(paths.State, "containerd", "imported");
        var imported = File.Exists(marker) ? await File.ReadAllLinesAsync(marker, cancellationToken) : [];
        var present = (await Tool.RunAsync(parts.Ctr, Ctr("images", "ls", "-q"), cancellationToken)).Split('\n').ToHashSet();
        foreach (var (image, archive) in parts.Images.Where(image => !imported.Contains(image.Value) || !present.Contains(image.Key)))
        {
            await narrator.DuringAsync($"Importing {image}",
                token => Tool.RunAsync(parts.Ctr, Ctr("images", "import", archive), token), cancellationToken);
        }

        await File.WriteAllLinesAsync(marker, parts.Images.Values, cancellationToken);
    }

    /// <summary>Leaves an image without its name; another name keeps its layers from being collected.</summary>
    public async Task WithholdAsync(string image, CancellationToken cancellationToken)
    {
        await Tool.RunAsync(parts.Ctr, Ctr("images", "tag", image, image + Withheld), cancellationToken);
        await Tool.RunAsync(parts.Ctr, Ctr("images", "rm", image), cancellationToken);
    }

    /// <summary>Gives every image its name back.</summary>
    public async Task RestoreWithheldAsync(CancellationToken cancellationToken)
    {
        var present = (await Tool.RunAsync(parts.Ctr, Ctr("images", "ls", "-q"), cancellationToken)).Split('\n');
        foreach (var withheld in present.Where(image => image.EndsWith(Withheld, StringComparison.Ordinal)))
        {
            var image = withheld[..^Withheld.Length];
            if (!present.Contains(image))
            {
                await Tool.RunAsync(parts.Ctr, Ctr("images", "tag", withheld, image), cancellationToken);
            }

            await Tool.RunAsync(parts.Ctr, Ctr("images", "rm", withheld), cancellationToken);
        }
    }

    /// <summary>Removes what containerd runs and knows of, where it answers.</summary>
    public async Task RemoveAllAsync(CancellationToken cancellationToken)
    {
        if (!File.Exists(parts.Ctr))
        {
            return; // somebody has cleared the cache under a lab that is up; SweepAsync ends the containers
        }

        async Task<string[]> List(string kind) =>
            (await Tool.TryRunAsync(parts.Ctr, Ctr(kind, "ls", "-q"), cancellationToken)).Output
                .Split('\n', StringSplitOptions.RemoveEmptyEntries);

        foreach (var task in await List("tasks"))
        {
            await Tool.TryRunAsync(parts.Ctr, Ctr("tasks", "rm", "--force", task), cancellationToken);
        }

        foreach (var container in await List("containers"))
        {
            await Tool.TryRunAsync(parts.Ctr, Ctr("containers", "rm", container), cancellationToken);
        }
    }

    /// <summary>Kills shims and containers that outlived containerd, and removes their cgroups and network namespaces.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        var shims = ProcessTable.All()
            .Where(process => Path.GetFileName(process.Arguments[0]).StartsWith("containerd-shim", StringComparison.Ordinal)
                && process.Arguments.Contains(paths.ContainerdSocket))
            .Select(process => process.Pid);
        foreach (var pid in shims.Concat(ContainerProcesses()).ToList())
        {
            await ProcessTable.EndAsync(pid, TimeSpan.Zero, cancellationToken);
        }

        // Deepest first: a cgroup goes when it has no children.
        foreach (var cgroup in PodCgroups().OrderByDescending(path => path.Length).ToList())
        {
            for (var deadline = DateTime.UtcNow.AddSeconds(5); Directory.Exists(cgroup);)
            {
                try
                {
                    Directory.Delete(cgroup);
                }
                catch (IOException) when (DateTime.UtcNow < deadline)
                {
                    await Task.Delay(50, cancellationToken);
                }
                catch (IOException)
                {
                    break;
                }
            }
        }

        await RemoveNetworksAsync(cancellationToken);
    }

    private static async Task RemoveNetworksAsync(CancellationToken cancellationToken)
    {
        const string Networks = "/run/netns";
        const string Own = "cni-";
        for (var round = 0; round < 8 && Directory.Exists(Networks); round++)
        {
            var entries = Directory.EnumerateFileSystemEntries(Networks)
                .ToLookup(entry => Path.GetFileName(entry).StartsWith(Own, StringComparison.Ordinal));
            foreach (var network in entries[true])
            {
                await Tool.TryRunAsync("umount", ["--lazy", network], cancellationToken);
            }

            if (!Mounts.All().Any(mount => mount.StartsWith($"{Networks}/{Own}", StringComparison.Ordinal)))
            {
                foreach (var network in entries[true])
                {
                    File.Delete(network);
                }

                return;
            }

            // Somebody's first "ip netns add" mounts the folder over itself, and over what was in it.
            if (!entries[false].Any())
            {
                await Tool.TryRunAsync("umount", [Networks], cancellationToken);
            }
        }
    }

    /// <summary>Processes in pods' cgroups.</summary>
    public static IEnumerable<int> ContainerProcesses() =>
        PodCgroups().Select(cgroup => Path.Combine(cgroup, "cgroup.procs")).Where(File.Exists)
            .SelectMany(ReadProcesses).Select(line => int.Parse(line, System.Globalization.CultureInfo.InvariantCulture)).Distinct();

    /// <summary>Whether a database server runs in a pod.</summary>
    public static bool DatabaseRuns() => DatabaseServers().Any();

    /// <summary>The names of the members whose server runs, also while it ends.</summary>
    public static IEnumerable<string> DatabaseMembers()
    {
        const string Name = "--wsrep-node-name=";
        return DatabaseServers().Select(server =>
            server.Arguments.FirstOrDefault(argument => argument.StartsWith(Name, StringComparison.Ordinal))?[Name.Length..] ?? "");
    }

    /// <summary>The server of one member, or null where none runs.</summary>
    public static ProcessEntry? DatabaseServer(string member) =>
        DatabaseServers().FirstOrDefault(server => server.Arguments.Contains($"--wsrep-node-name={member}"));

    /// <summary>Servers that a signal has stopped.</summary>
    public static IReadOnlyList<ProcessEntry> StoppedServers() => [.. DatabaseServers().Where(server => server.State == 'T')];

    /// <summary>A mariadb-backup that runs in a pod, or null.</summary>
    public static ProcessEntry? BackupTool() =>
        ContainerProcesses().Select(ProcessTable.Read).OfType<ProcessEntry>()
            .FirstOrDefault(process => process.Arguments is [var program, ..] && Path.GetFileName(program) is "mariadb-backup" or "mariabackup");

    /// <summary>The first process of a pod of the module's, or null where none runs: if it dies, the kernel ends all others of its container.</summary>
    public static ProcessEntry? FirstOfModulesPod() =>
        ContainerProcesses().Select(ProcessTable.Read).OfType<ProcessEntry>()
            .FirstOrDefault(process => process.Arguments is ["/bin/bash", "-c", _, "backup-runner"] && ProcessTable.IsFirst(process.Pid));

    private static IEnumerable<ProcessEntry> DatabaseServers() =>
        ContainerProcesses().Select(ProcessTable.Read).OfType<ProcessEntry>()
            .Where(process => process.Arguments is [var program, ..] && Path.GetFileName(program) is "mariadbd" or "mysqld");

    private static string[] ReadProcesses(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return []; // went away
        }
    }

    // One tree for each controller, or one for all of them.
    private static IEnumerable<string> PodCgroups() =>
        Directory.EnumerateDirectories("/sys/fs/cgroup").Append("/sys/fs/cgroup")
            .Select(root => Path.Combine(root, "kubepods")).Where(Directory.Exists).Distinct()
            .SelectMany(pods => Directory.EnumerateDirectories(pods, "*", SearchOption.AllDirectories).Append(pods));
}
