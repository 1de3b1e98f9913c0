using System.Net;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>
/// A real Kubernetes, with one node, and a real three-member Galera cluster in it, on this machine. There is at most one on a machine. It
/// outlives the process that brought it up.
/// </summary>
public sealed class Lab
{
    /// <summary>The namespace of all that the lab has in its cluster.</summary>
    public const string Namespace = "openstack";

    /// <summary>The name of the StatefulSet, and the first part of its pods' names.</summary>
    public const string StatefulSet = "mariadb-server";

    /// <summary>The claim for backups.</summary>
    public const string BackupClaim = "mariadb-phy-backup-data";

    /// <summary>The node that has a kubelet.</summary>
    public const string Node = "lab-node";

    /// <summary>The servers' image without zstd and pigz.</summary>
    public const string PlainImage = "lab.local/mariadb-galera:10.11-plain";

    /// <summary>A server of the next long-term series, from the next release of Debian.</summary>
    public const string NewerImage = "lab.local/mariadb-galera:11.8";

    /// <summary>How the names of tests' own backup roots on the backup volume begin; <c>up</c> removes those of tests that were killed.</summary>
    public const string TestFolderPrefix = "test-";

    private Lab(LabPaths paths) => Paths = paths;

    /// <summary>The lab's folders on this machine.</summary>
    public LabPaths Paths { get; }

    /// <summary>The path of the admin's kubeconfig.</summary>
    public string KubeConfig => Paths.KubeConfig;

    /// <summary>The path of the certificate, in PEM, of the authority that has signed the database servers' own.</summary>
    public string DatabaseAuthority => new Certificates(Paths).Authority;

    /// <summary>Null, or why there can be no lab on this machine, as a sentence. Asks nothing of the network and changes nothing.</summary>
    public static string? WhyItCannotRun() =>
        HostChanges.WhyNot() ?? Host(LabPaths.FromEnvironment(), out _).ConflictAsync(CancellationToken.None).GetAwaiter().GetResult();

    /// <summary>The lab as the environment places it, whether it is up or not.</summary>
    public static Lab Locate() => new(LabPaths.FromEnvironment());

    /// <summary>
    /// Brings the lab up, repairs what is half there, and returns when all three members are Ready and Synced. Where it is up already
    /// that takes seconds; where nothing is cached, about ten minutes.
    /// </summary>
    /// <exception cref="LabException">The machine cannot have it, or something on it is in the way; nothing was changed then.</exception>
    public static async Task<Lab> UpAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var narrator = new Narrator(output);
        if (HostChanges.WhyNot() is { } reason)
        {
            throw new LabException(reason);
        }

        using var theOnlyOne = await LabLock.TakeAsync(narrator, cancellationToken);
        var lab = Locate();
        await lab.UpAsync(narrator, cancellationToken);
        return lab;
    }

    /// <summary>What <see cref="UpAsync(TextWriter, CancellationToken)"/> would do to this machine now, a line each. It changes
    /// nothing.</summary>
    /// <exception cref="LabException">The machine cannot have the lab, or something on it is in the way.</exception>
    public static async Task<IReadOnlyList<string>> PlanAsync(CancellationToken cancellationToken)
    {
        var lab = Locate();
        if ((HostChanges.WhyNot() ?? await lab.ConflictAsync(cancellationToken)) is { } reason)
        {
            throw new LabException(reason);
        }

        var narrator = new Narrator(TextWriter.Null);
        var host = Host(lab.Paths, out var journal);
        var plan = new List<string>();
        var missing = new PartsBuilder(new Cache(lab.Paths), new Debian(journal, narrator), narrator).Missing();
        var wanted = missing.SelectMany(part => part.Packages).Concat(HostPackages).Distinct();
        var packages = await Debian.MissingAsync([.. wanted], cancellationToken);
        if (packages.Count > 0)
        {
            plan.Add($"apt-get update, and install {string.Join(", ", packages)} (down leaves them)");
        }

        plan.AddRange(missing.Select(part => part.What));
        plan.Add($"keep what took long to make in {lab.Paths.Cache} (down leaves it)");
        plan.Add($"keep the lab's state in {lab.Paths.State} (down --wipe deletes it)");
        plan.AddRange(host.Plan());
        var plane = new ControlPlane(lab.Paths, PartsBuilder.Find(new Cache(lab.Paths)));
        foreach (var process in lab.AllProcesses(plane).Where(process => process.Pid is null).Select(process => process.Name))
        {
            var ports = LabNetwork.Listeners.Where(listener => listener.Process == process).Select(listener => listener.Address.ToString())
                .Concat(process == ControlPlane.Daemon ? [$"{LabNetwork.HostAddress}:53/udp"] : []);
            plan.Add($"run {process}{(ports.Any() ? $" on {string.Join(", ", ports)}" : "")}");
        }

        return plan;
    }

    /// <summary>
    /// Ends the lab and undoes every change to the machine but for installed packages; also what is left of one that crashed. The
    /// databases and the cluster's objects stay for the next time.
    /// </summary>
    /// <param name="wipe">Delete them, too. The cache stays in any case.</param>
    public async Task DownAsync(TextWriter output, bool wipe, CancellationToken cancellationToken)
    {
        var narrator = new Narrator(output);
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
        {
            throw new LabException("the lab needs Linux and root, to go as to come");
        }

        using var theOnlyOne = await LabLock.TakeAsync(narrator, cancellationToken);
        var host = Host(Paths, out _);
        var parts = PartsBuilder.Find(new Cache(Paths));
        var plane = new ControlPlane(Paths, parts);
        var containers = new Containers(Paths, parts);
        string[] needed = [ControlPlane.ApiServer, ControlPlane.ControllerManager, ControlPlane.Kubelet];
        if (needed.All(name => plane[name].Pid is not null))
        {
            narrator.Say("Ending the pods, pod 0 last");
            await ShutDownPodsAsync(narrator, cancellationToken);
        }

        await LabDaemon.AnyOf(Paths).StopAsync(TimeSpan.FromSeconds(5), cancellationToken);
        if (await plane[ControlPlane.Kubelet].StopAsync(TimeSpan.FromSeconds(10), cancellationToken))
        {
            narrator.Say("Stopped kubelet");
        }

        if (plane[ControlPlane.Containerd].Pid is not null)
        {
            await containers.RemoveAllAsync(cancellationToken);
        }

        foreach (var process in plane.Processes.Values.Reverse())
        {
            if (await process.StopAsync(TimeSpan.FromSeconds(15), cancellationToken))
            {
                narrator.Say($"Stopped {process.Name}");
            }
        }

        await containers.SweepAsync(cancellationToken);
        if (!await Mounts.UnmountBelowAsync(Paths.State, cancellationToken))
        {
            throw new LabException($"something is still mounted below {Paths.State}; nothing was deleted. See findmnt");
        }

        Cache.Discard(Paths.Faults);

        var undone = await host.UndoAsync(cancellationToken);
        if (undone.Count > 0)
        {
            narrator.Say($"Undid {undone.Count} changes to this machine");
        }

        if (wipe && Directory.Exists(Paths.State))
        {
            Cache.Discard(Paths.State);
            narrator.Say($"Deleted {Paths.State}");
        }

        narrator.Say("The lab is down");
    }

    /// <summary>How the lab is, a line each. True where it is wholly up.</summary>
    public async Task<bool> WriteStatusAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var plane = new ControlPlane(Paths, PartsBuilder.Find(new Cache(Paths)));
        var processes = AllProcesses(plane).Select(process => (process.Name, process.Pid)).ToList();
        foreach (var (name, pid) in processes)
        {
            await output.WriteLineAsync($"{name,-24} {(pid is null ? "not running" : $"pid {pid}")}");
        }

        if (plane[ControlPlane.ApiServer].Pid is null)
        {
            await output.WriteLineAsync("The lab is down.");
            return false;
        }

        using var client = CreateClient();
        try
        {
            var nodes = await client.CoreV1.ListNodeAsync(cancellationToken: cancellationToken);
            foreach (var node in nodes.Items)
            {
                var ready = node.Status.Conditions?.FirstOrDefault(condition => condition.Type == "Ready")?.Status == "True";
                var decoy = node.Metadata.Name == Node ? "" : " (a decoy)";
                await output.WriteLineAsync($"{"node " + node.Metadata.Name,-24} {(ready ? "Ready" : "not Ready")}{decoy}");
            }

            var pods = await client.CoreV1.ListNamespacedPodAsync(Namespace, cancellationToken: cancellationToken);
            foreach (var pod in pods.Items)
            {
                var ready = pod.Status.ContainerStatuses?.All(container => container.Ready) == true ? ", Ready" : "";
                var role = pod.Metadata.Labels?.TryGetValue(ClusterNames.RoleLabel, out var value) == true ? value : "";
                await output.WriteLineAsync($"{pod.Metadata.Name,-24} {pod.Status.Phase}{ready} {pod.Status.PodIP} {role}");
            }

            var members = new GaleraPods(client, Paths, new Narrator(TextWriter.Null));
            var up = processes.All(process => process.Pid is not null)
                && await members.ReadyAsync(cancellationToken) == ClusterNames.Replicas;
            await output.WriteLineAsync(up ? $"The lab is up. KUBECONFIG={KubeConfig}" : "The lab is not wholly up.");
            return up;
        }
        catch (HttpRequestException exception)
        {
            await output.WriteLineAsync($"The API server does not answer: {exception.Message}");
            return false;
        }
    }

    /// <summary>A client with all rights.</summary>
    public IKubernetes CreateClient() => new Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(KubeConfig));

    /// <summary>Writes a kubeconfig for another user, who has the rights that RBAC gives to that name and those groups. Returns its
    /// path.</summary>
    public string WriteKubeConfig(string path, string user, params string[] groups)
    {
        new Certificates(Paths).WriteKubeConfig(path, user, groups);
        return path;
    }

    private static string[] HostPackages => ["iproute2", "util-linux", "e2fsprogs", "libfaketime"];

    private static HostChanges Host(LabPaths paths, out HostJournal journal)
    {
        journal = new HostJournal(paths);
        return new HostChanges(paths, journal);
    }

    private async Task<string?> ConflictAsync(CancellationToken cancellationToken)
    {
        if (await Host(Paths, out _).ConflictAsync(cancellationToken) is { } conflict)
        {
            return conflict;
        }

        var plane = new ControlPlane(Paths, PartsBuilder.Find(new Cache(Paths)));
        var running = AllProcesses(plane).Where(process => process.Pid is not null).Select(process => process.Name);
        return HostChanges.PortConflict(running.ToHashSet());
    }

    private IEnumerable<LabProcess> AllProcesses(ControlPlane plane) => plane.Processes.Values.Append(LabDaemon.AnyOf(Paths));

    private async Task UpAsync(Narrator narrator, CancellationToken cancellationToken)
    {
        if (await ConflictAsync(cancellationToken) is { } conflict)
        {
            throw new LabException(conflict);
        }

        Directory.CreateDirectory(Paths.State);
        Directory.CreateDirectory(Paths.Cache);
        var host = Host(Paths, out var journal);
        var debian = new Debian(journal, narrator);
        await debian.InstallAsync(HostPackages, cancellationToken);
        var parts = await new PartsBuilder(new Cache(Paths), debian, narrator).GetAsync(cancellationToken);

        await host.ApplyAsync(cancellationToken);
        GaleraPods.MakeVolumes(Paths);
        var certificates = new Certificates(Paths);
        certificates.Ensure();
        var plane = new ControlPlane(Paths, parts);
        var containers = new Containers(Paths, parts);
        foreach (var outdated in await plane.WriteConfigurationAsync(certificates, cancellationToken))
        {
            await plane[outdated].StopAsync(TimeSpan.FromSeconds(15), cancellationToken);
        }

        await StartAsync(plane[ControlPlane.Etcd], narrator, cancellationToken);
        await StartAsync(plane[ControlPlane.Containerd], narrator, cancellationToken);
        await StartAsync(plane[ControlPlane.ApiServer], narrator, cancellationToken);
        await WaitForAsync(plane[ControlPlane.Containerd], TimeSpan.FromSeconds(60),
            () => containers.AnswersAsync(cancellationToken), cancellationToken);
        var images = containers.ImportAsync(narrator, cancellationToken);

        using var client = CreateClient();
        await WaitForAsync(plane[ControlPlane.ApiServer], TimeSpan.FromSeconds(120),
            () => AnswersAsync(client, cancellationToken), cancellationToken);
        await StartAsync(plane[ControlPlane.ControllerManager], narrator, cancellationToken);
        await StartAsync(plane[ControlPlane.Scheduler], narrator, cancellationToken);
        await images;

        var pods = new GaleraPods(client, Paths, narrator);
        if (plane[ControlPlane.Kubelet].Pid is null && !Containers.DatabaseRuns())
        {
            await pods.RecoverFromCrashAsync(cancellationToken);
        }

        await FaultRepair.OnMachineAsync(Paths, narrator, cancellationToken);
        var before = DateTime.UtcNow;
        var restarted = await StartAsync(plane[ControlPlane.Kubelet], narrator, cancellationToken);
        await ClusterManifests.ApplyAsync(client, Paths, cancellationToken);
        await PublishApiAsync(client, cancellationToken);
        var daemon = LabDaemon.Prepare(Paths);
        await StartAsync(daemon, narrator, cancellationToken);
        LabDaemon.RemoveOthers(Paths, daemon);

        await WaitForAsync(plane[ControlPlane.Kubelet], TimeSpan.FromSeconds(120),
            () => NodeIsReadyAsync(client, since: restarted ? before : DateTime.MinValue, cancellationToken), cancellationToken);
        await FaultRepair.InClusterAsync(client, Paths, narrator, cancellationToken);

        // A kubelet that finds its containers running calls them not Ready until it has probed them again.
        await pods.WaitUntilReadyAsync(settle: restarted ? TimeSpan.FromSeconds(4) : TimeSpan.Zero, cancellationToken);
        narrator.Say($"The lab is up. KUBECONFIG={KubeConfig}");
    }

    private async Task ShutDownPodsAsync(Narrator narrator, CancellationToken cancellationToken)
    {
        using var client = CreateClient();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(120));
        try
        {
            await new GaleraPods(client, Paths, narrator).ShutDownAsync(limit.Token);
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpOperationException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // A control plane that is half dead is no reason to stay up; the containers are killed below.
            narrator.Say($"The cluster does not end its pods ({exception.Message}); killing them");
        }
    }

    private static async Task<bool> StartAsync(LabProcess process, Narrator narrator, CancellationToken cancellationToken)
    {
        var started = await process.EnsureStartedAsync(cancellationToken);
        if (started)
        {
            narrator.Say($"Started {process.Name}");
        }

        return started;
    }

    private static async Task WaitForAsync(
        LabProcess process, TimeSpan limit, Func<Task<bool>> condition, CancellationToken cancellationToken)
    {
        for (var deadline = DateTime.UtcNow + limit; !await condition(); await Task.Delay(100, cancellationToken))
        {
            if (process.Pid is null)
            {
                throw new LabException($"{process.Name} has ended; {process.LogFile} ends with:\n{process.LogTail()}");
            }

            if (DateTime.UtcNow > deadline)
            {
                throw new LabException(
                    $"{process.Name} is not ready after {limit.TotalSeconds:0} s; {process.LogFile} ends with:\n{process.LogTail()}");
            }
        }
    }

    private static async Task<bool> AnswersAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        try
        {
            // Also that its own first objects are there: what comes next needs them.
            await client.CoreV1.ReadNamespaceAsync("default", cancellationToken: cancellationToken);
            await client.CoreV1.ReadNamespacedServiceAsync("kubernetes", "default", cancellationToken: cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is HttpRequestException or HttpOperationException)
        {
            return false;
        }
    }

    // What the API says of a node is what its kubelet said last; the lease says when that was.
    private static async Task<bool> NodeIsReadyAsync(IKubernetes client, DateTime since, CancellationToken cancellationToken)
    {
        var leases = await client.CoordinationV1.ListNamespacedLeaseAsync(
            "kube-node-lease", fieldSelector: $"metadata.name={Node}", cancellationToken: cancellationToken);
        if (!leases.Items.Any(lease => lease.Spec.RenewTime > since))
        {
            return false;
        }

        var nodes = await client.CoreV1.ListNodeAsync(fieldSelector: $"metadata.name={Node}", cancellationToken: cancellationToken);
        return nodes.Items.Any(node => node.Status.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true);
    }

    // The API server would publish its own address and port here; pods reach it at the Service's address, through the lab's relay.
    private static async Task PublishApiAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        var endpoints = new V1Endpoints
        {
            ApiVersion = "v1",
            Kind = "Endpoints",
            Metadata = new V1ObjectMeta { Name = "kubernetes", NamespaceProperty = "default" },
            Subsets =
            [
                new V1EndpointSubset
                {
                    Addresses = [new V1EndpointAddress { Ip = LabNetwork.ApiAddress }],
                    Ports = [new Corev1EndpointPort { Name = "https", Port = 443, Protocol = "TCP" }],
                },
            ],
        };
        await client.CoreV1.PatchNamespacedEndpointsAsync(
            new V1Patch(endpoints, V1Patch.PatchType.ApplyPatch), "kubernetes", "default",
            fieldManager: "galerabackup-lab", force: true, cancellationToken: cancellationToken);
    }
}
