namespace GaleraBackup.Lab;

/// <summary>The folders of the lab. There is one lab on a machine, because kubelet's own paths are fixed; so its state has one fixed
/// place.</summary>
public sealed record LabPaths
{
    /// <summary>What takes minutes to make: Kubernetes' binaries and the images. <c>GALERABACKUP_LAB_CACHE</c>, or a folder below the
    /// user's cache.</summary>
    public required string Cache { get; init; }

    /// <summary>What a lab that is up works on; <c>down --wipe</c> deletes it. <c>GALERABACKUP_LAB_STATE</c>, or below
    /// <c>/var/lib</c>.</summary>
    public required string State { get; init; }

    /// <summary>One log file for each process of the lab.</summary>
    public string Logs => Path.Combine(State, "log");

    /// <summary>The admin's kubeconfig.</summary>
    public string KubeConfig => Path.Combine(State, "kubeconfig");

    /// <summary>The host folder behind the claim <see cref="Lab.BackupClaim"/>.</summary>
    public string BackupVolume => Path.Combine(Volumes, Lab.BackupClaim);

    /// <summary>The host folder behind the claim <c>mysql-data-mariadb-server-N</c>.</summary>
    public string DataVolume(int ordinal) => Path.Combine(Volumes, $"mysql-data-{Lab.StatefulSet}-{ordinal}");

    internal string Volumes => Path.Combine(State, "pv");

    /// <summary>What faults keep on this machine.</summary>
    internal string Faults => Path.Combine(State, "faults");

    internal string Run => Path.Combine(State, "run");

    internal string Pki => Path.Combine(State, "pki");

    internal string ContainerdSocket => Path.Combine(State, "containerd", "containerd.sock");

    internal string ContainerdConfig => Path.Combine(Run, "containerd.toml");

    internal string KubeletConfig => Path.Combine(Run, "kubelet.yaml");

    internal string Journal => Path.Combine(State, "journal.jsonl");

    /// <summary>The host folder behind a pod's volume <c>run</c>.</summary>
    internal string RunVolume(string podUid) => Path.Combine(State, "kubelet/pods", podUid, "volumes/kubernetes.io~empty-dir/run");

    /// <summary>The same of all pods that have one.</summary>
    internal IEnumerable<string> RunVolumes()
    {
        var pods = Path.Combine(State, "kubelet/pods");
        return Directory.Exists(pods)
            ? Directory.EnumerateDirectories(pods).Select(pod => RunVolume(Path.GetFileName(pod))).Where(Directory.Exists)
            : [];
    }

    /// <summary>The paths as the environment sets them.</summary>
    public static LabPaths FromEnvironment()
    {
        static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        var userCache = Variable("XDG_CACHE_HOME") ?? Path.Combine(home, ".cache");
        var cache = Variable("GALERABACKUP_LAB_CACHE") ?? Path.Combine(userCache, "galerabackup-lab");
        return new LabPaths
        {
            Cache = Path.GetFullPath(cache),
            State = Path.GetFullPath(Variable("GALERABACKUP_LAB_STATE") ?? "/var/lib/galerabackup-lab"),
        };
    }
}
