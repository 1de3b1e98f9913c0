using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using System.Runtime.InteropServices;

namespace GaleraBackup.Lab.Machine;

/// <summary>
/// What the lab changes on the machine outside its own folders: it refuses where something else is in the way, does it, and undoes it.
/// </summary>
internal sealed class HostChanges(LabPaths paths, HostJournal journal)
{
    /// <summary>Paths that kubelet and the CNI plugins have built in, and where the lab has them point to.</summary>
    private IReadOnlyList<(string Path, string Target)> Links =>
    [
        ("/var/lib/kubelet", Path.Combine(paths.State, "kubelet-var")),
        ("/var/lib/cni", Path.Combine(paths.State, "cni/cache")),
        ("/var/log/pods", Path.Combine(paths.Logs, "pods")),
        ("/var/log/containers", Path.Combine(paths.Logs, "containers")),
    ];

    // kubelet sets the first six; the CNI plugins are told not to touch the last, and it is kept here to be sure.
    private static readonly string[] Sysctls =
    [
        "vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops",
        "kernel.keys.root_maxkeys", "kernel.keys.root_maxbytes", "net.ipv4.ip_forward",
    ];

    // Folders that containerd, its shims and kubelet make outside what they are told to use.
    private static readonly string[] MadePaths =
    [
        "/run/containerd", "/run/netns", "/run/runc", "/usr/libexec/kubernetes", "/etc/cni", "/opt/cni", "/opt/containerd",
        "/var/lib/containerd", "/var/lib/dockershim",
    ];

    /// <summary>Null, or why no lab can be on this machine at all.</summary>
    public static string? WhyNot()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "the lab runs on Linux only";
        }

        if (RuntimeInformation.OSArchitecture != Architecture.X64)
        {
            return $"the lab's images are made for x86-64, and this machine is {RuntimeInformation.OSArchitecture}";
        }

        var release = File.Exists("/etc/os-release") ? File.ReadAllLines("/etc/os-release") : [];
        string? Field(string name) =>
            release.Select(line => line.Split('=', 2)).FirstOrDefault(field => field[0] == name)?[1].Trim('"');

        if (Field("ID") != "debian" || Field("VERSION_ID") != "12")
        {
            return $"the lab needs Debian 12, whose archive has all of Kubernetes' source, and this is {Field("PRETTY_NAME")}";
        }

        return Environment.IsPrivilegedProcess ? null : "the lab needs root: it runs a kubelet and a containerd";
    }

    /// <summary>Null, or what on this machine is in the way of this lab.</summary>
    public async Task<string?> ConflictAsync(CancellationToken cancellationToken)
    {
        foreach (var process in ProcessTable.All())
        {
            var name = Path.GetFileName(process.Arguments[0]);
            if (name is "kubelet" or "containerd" or "dockerd" or "k3s" or "crio"
                && !process.Arguments.Any(argument => argument.Contains(paths.State + "/", StringComparison.Ordinal)))
            {
                return $"a {name} that is not the lab's runs here (pid {process.Pid}: {string.Join(' ', process.Arguments.Take(4))}); "
                    + "the lab cannot share a machine with it: stop it, or use another machine";
            }
        }

        foreach (var (path, target) in Links)
        {
            var entry = Entry(path);
            if (entry is null || entry.LinkTarget == target)
            {
                continue;
            }

            if (entry.LinkTarget is { } elsewhere)
            {
                return $"{path} is a link to {elsewhere}, which is not the lab's";
            }

            if (entry is not DirectoryInfo || Directory.EnumerateFileSystemEntries(path).Any())
            {
                return $"{path} is there already and is not empty; the lab needs a link of its own in its place, "
                    + "and does not replace what it did not make";
            }

            if (IsMountPoint(path))
            {
                return $"{path} is a mount";
            }
        }

        if (LabNetwork.BridgeExists && !journal.Read().Any(change => change.Kind == HostChangeKind.Bridge))
        {
            return $"there is an interface {LabNetwork.Bridge} which the lab has not made";
        }

        return await LabNetwork.ConflictAsync(cancellationToken);
    }

    /// <summary>Null, or the port that something else listens on.</summary>
    /// <param name="running">Names of the lab's processes that run: theirs are taken by them.</param>
    public static string? PortConflict(IReadOnlySet<string> running)
    {
        static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

        var properties = IPGlobalProperties.GetIPGlobalProperties();
        var taken = properties.GetActiveTcpListeners();
        foreach (var (own, process) in LabNetwork.Listeners.Where(listener => !running.Contains(listener.Process)))
        {
            var other = taken.FirstOrDefault(listener =>
                listener.Port == own.Port && (listener.Address.Equals(own.Address) || IsAny(listener.Address)));
            if (other is not null)
            {
                return $"something listens on {other}, which the lab's {process} needs";
            }
        }

        if (running.Contains(ControlPlane.Daemon))
        {
            return null;
        }

        var dns = properties.GetActiveUdpListeners().FirstOrDefault(listener => listener.Port == 53 && IsAny(listener.Address));
        return dns is null
            ? null
            : $"something answers DNS on {dns}, beside which the lab's own on {LabNetwork.HostAddress}:53 cannot stand";
    }

    /// <summary>What <see cref="ApplyAsync"/> would change now, a sentence each.</summary>
    public IEnumerable<string> Plan()
    {
        foreach (var (path, target) in Links.Where(link => Entry(link.Path)?.LinkTarget != link.Target))
        {
            var replaced = Directory.Exists(path) ? " (in place of an empty directory, which down puts back)" : "";
            yield return $"link {path} -> {target}{replaced}";
        }

        if (!LabNetwork.BridgeExists)
        {
            yield return $"add the bridge {LabNetwork.Bridge} with {LabNetwork.HostAddress}/24 and {LabNetwork.ApiAddress}/32; "
                + "pods get addresses in the first, no default route, and nothing is forwarded or masqueraded";
        }

        foreach (var name in Sysctls.Where(name => File.Exists(SysctlFile(name)) && name != "net.ipv4.ip_forward"))
        {
            yield return $"kubelet may set the sysctl {name}, now {File.ReadAllText(SysctlFile(name)).Trim()}; down sets it back";
        }

        if (MadePaths.Where(path => Entry(path) is null).ToList() is { Count: > 0 } made)
        {
            yield return $"containerd, the CNI plugins and kubelet may make {string.Join(", ", made)}; down removes what they made";
        }

        yield return "cgroups below kubepods, network namespaces cni-*, and mounts below the lab's state folder, while it is up";
    }

    public async Task ApplyAsync(CancellationToken cancellationToken)
    {
        foreach (var name in Sysctls.Where(name => File.Exists(SysctlFile(name))))
        {
            var value = await File.ReadAllTextAsync(SysctlFile(name), cancellationToken);
            journal.Record(new HostChange(HostChangeKind.Sysctl, name, value.Trim()));
        }

        foreach (var path in MadePaths.Where(path => Entry(path) is null))
        {
            journal.Record(new HostChange(HostChangeKind.Path, path));
        }

        foreach (var (path, target) in Links)
        {
            Directory.CreateDirectory(target);
            if (Entry(path)?.LinkTarget == target)
            {
                continue;
            }

            string? before = null;
            if (Directory.Exists(path))
            {
                before = (await Tool.RunAsync("stat", ["--format", "%a %u %g", path], cancellationToken)).Trim();
            }

            journal.Record(new HostChange(HostChangeKind.Link, path, before));
            if (before is not null)
            {
                Directory.Delete(path); // fails where it is not empty
            }

            File.CreateSymbolicLink(path, target);
        }

        journal.Record(new HostChange(HostChangeKind.Bridge, LabNetwork.Bridge));
        await LabNetwork.EnsureBridgeAsync(cancellationToken);
    }

    /// <summary>Undoes all that the journal has, the last first. The packages stay.</summary>
    public async Task<IReadOnlyList<HostChange>> UndoAsync(CancellationToken cancellationToken)
    {
        var undone = new List<HostChange>();
        foreach (var change in journal.Read().Reverse())
        {
            switch (change.Kind)
            {
                case HostChangeKind.Link
                    when Entry(change.Target)?.LinkTarget?.StartsWith(paths.State + "/", StringComparison.Ordinal) == true:
                    File.Delete(change.Target);
                    await RestoreDirectoryAsync(change, cancellationToken);
                    break;
                case HostChangeKind.Link when Entry(change.Target) is null:
                    await RestoreDirectoryAsync(change, cancellationToken);
                    break;
                case HostChangeKind.Bridge when LabNetwork.BridgeExists:
                    await Tool.RunAsync("ip", ["link", "delete", change.Target], cancellationToken);
                    break;
                case HostChangeKind.Sysctl when change.Before is not null:
                    var file = SysctlFile(change.Target);
                    if ((await File.ReadAllTextAsync(file, cancellationToken)).Trim() != change.Before)
                    {
                        await File.WriteAllTextAsync(file, change.Before, cancellationToken);
                    }

                    break;
                case HostChangeKind.Path:
                    if (IsMountPoint(change.Target) && !Directory.EnumerateFileSystemEntries(change.Target).Any())
                    {
                        await Tool.TryRunAsync("umount", [change.Target], cancellationToken);
                    }

                    RemoveMade(change.Target);
                    break;
                case HostChangeKind.Package:
                    continue;
            }

            undone.Add(change);
        }

        journal.Forget(undone);
        return undone;
    }

    private static async Task RestoreDirectoryAsync(HostChange change, CancellationToken cancellationToken)
    {
        if (change.Before?.Split(' ') is not [var mode, var user, var group])
        {
            return;
        }

        Directory.CreateDirectory(change.Target);
        Native.ChangeOwner(change.Target, uint.Parse(user, CultureInfo.InvariantCulture), uint.Parse(group, CultureInfo.InvariantCulture));
        await Tool.RunAsync("chmod", [mode, change.Target], cancellationToken);
    }

    // Sockets and pipes in /run are what a killed shim leaves behind; elsewhere only folders that are empty go.
    private static void RemoveMade(string path)
    {
        if (!Directory.Exists(path) || Entry(path)?.LinkTarget is not null)
        {
            return;
        }

        var inRun = path.StartsWith("/run/", StringComparison.Ordinal);
        foreach (var entry in new DirectoryInfo(path).EnumerateFileSystemInfos())
        {
            if (entry is DirectoryInfo && entry.LinkTarget is null)
            {
                RemoveMade(entry.FullName, inRun);
            }
            else if (inRun && !IsMountPoint(entry.FullName))
            {
                entry.Delete();
            }
        }

        if (!Directory.EnumerateFileSystemEntries(path).Any() && !IsMountPoint(path))
        {
            Directory.Delete(path);
        }

        static void RemoveMade(string folder, bool filesToo)
        {
            foreach (var entry in new DirectoryInfo(folder).EnumerateFileSystemInfos())
            {
                if (entry is DirectoryInfo && entry.LinkTarget is null)
                {
                    RemoveMade(entry.FullName, filesToo);
                }
                else if (filesToo)
                {
                    entry.Delete();
                }
            }

            if (!Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }
        }
    }

    private static bool IsMountPoint(string path) => Mounts.All().Contains(path);

    private static string SysctlFile(string name) => "/proc/sys/" + name.Replace('.', '/');

    // What is at the path itself, a dangling link too.
    private static FileSystemInfo? Entry(string path)
    {
        var file = new FileInfo(path);
        if (file.LinkTarget is not null || file.Exists)
        {
            return file;
        }

        var directory = new DirectoryInfo(path);
        return directory.Exists ? directory : null;
    }
}
