using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>Mends what a test that was killed left broken, so far as waiting for the members does not.</summary>
internal static class FaultRepair
{
    private const string OfTheModule = "app.kubernetes.io/name=galera-backup";
    private static readonly TimeSpan GoneDeadline = TimeSpan.FromSeconds(60);

    /// <summary>On this machine: links that are down, stopped servers, readiness flags, small volumes.</summary>
    public static async Task OnMachineAsync(LabPaths paths, Narrator narrator, CancellationToken cancellationToken)
    {
        foreach (var link in LabNetwork.Links.Where(link => !LabNetwork.IsUp(link)))
        {
            narrator.Say($"The link {link} is down: setting it up");
            await Tool.TryRunAsync("ip", ["link", "set", link, "up"], cancellationToken);
        }

        foreach (var server in Containers.StoppedServers())
        {
            narrator.Say($"The server with pid {server.Pid} is stopped: letting it go on");
            Native.Signal(server.Pid, Native.SigCont);
        }

        foreach (var flag in paths.RunVolumes().SelectMany(folder => Directory.EnumerateFiles(folder, "lab-*")).ToList())
        {
            narrator.Say($"Removing {flag}");
            File.Delete(flag);
        }
    }

    /// <summary>In the cluster: the cordoned node, and objects of faults and of dead runs. Then what these left on volumes.</summary>
    public static async Task InClusterAsync(IKubernetes client, LabPaths paths, Narrator narrator, CancellationToken token)
    {
        const string Ns = ClusterNames.Namespace;
        var node = await client.CoreV1.ListNodeAsync(fieldSelector: $"metadata.name={ClusterNames.Node}", cancellationToken: token);
        if (node.Items.Any(node => node.Spec.Unschedulable == true))
        {
            narrator.Say("The node is cordoned: uncordoning it");
            await Faults.SetUnschedulableAsync(client, false, token);
        }

        var namespaces = await client.CoreV1.ListNamespaceAsync(labelSelector: Fault.Selector, cancellationToken: token);
        if (namespaces.Items.Any())
        {
            narrator.Say("Removing the second database, which a test left");
            await SingleNodeDatabase.RemoveAsync(client, Path.Combine(paths.Faults, SingleNodeDatabase.Namespace), token);
        }

        var core = client.CoreV1;
        var rbac = client.RbacAuthorizationV1;
        var pods = await core.ListNamespacedPodAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        var left = pods.Items.Select(pod => pod.Metadata.Name).ToList();
        var isRunAlive = await IsRunAliveAsync(client, token);
        if (!isRunAlive)
        {
            left.AddRange(await RemoveDeadRunsAsync(client, token));
        }

        foreach (var name in left)
        {
            narrator.Say($"Removing the pod {name}, which a test left");
            await Fault.UnlessGoneAsync(() => core.DeleteNamespacedPodAsync(name, Ns, gracePeriodSeconds: 0, cancellationToken: token));
        }

        foreach (var name in left)
        {
            await PodWatch.WaitAsync(client, Ns, name, pod => pod is null, GoneDeadline, token);
        }

        if (!isRunAlive)
        {
            CleanBackupVolume(paths, narrator);
        }

        await core.DeleteCollectionNamespacedResourceQuotaAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        await core.DeleteCollectionNamespacedSecretAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        await rbac.DeleteCollectionNamespacedRoleBindingAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        await rbac.DeleteCollectionNamespacedRoleAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        await core.DeleteCollectionNamespacedServiceAccountAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        await core.DeleteCollectionNamespacedPersistentVolumeClaimAsync(Ns, labelSelector: Fault.Selector, cancellationToken: token);
        await core.DeleteCollectionPersistentVolumeAsync(labelSelector: Fault.Selector, cancellationToken: token);
        if (Directory.Exists(paths.Faults) && await Mounts.UnmountBelowAsync(paths.Faults, token))
        {
            Cache.Discard(paths.Faults);
        }
    }

    // A run that lives renews its lease: it may be somebody's who works in the lab while it is brought up once more.
    private static async Task<bool> IsRunAliveAsync(IKubernetes client, CancellationToken token) => (await LeasesAsync(client, token)).Any(IsAlive);

    private static async Task<IEnumerable<string>> RemoveDeadRunsAsync(IKubernetes client, CancellationToken token)
    {
        const string Ns = ClusterNames.Namespace;
        foreach (var lease in await LeasesAsync(client, token))
        {
            await Fault.UnlessGoneAsync(() => client.CoordinationV1.DeleteNamespacedLeaseAsync(lease.Metadata.Name, Ns, cancellationToken: token));
        }

        await client.CoreV1.DeleteCollectionNamespacedSecretAsync(Ns, labelSelector: OfTheModule, cancellationToken: token);
        var pods = await client.CoreV1.ListNamespacedPodAsync(Ns, labelSelector: OfTheModule, cancellationToken: token);
        return pods.Items.Select(pod => pod.Metadata.Name);
    }

    private static async Task<IReadOnlyList<V1Lease>> LeasesAsync(IKubernetes client, CancellationToken token) =>
        [.. (await client.CoordinationV1.ListNamespacedLeaseAsync(ClusterNames.Namespace, cancellationToken: token)).Items
            .Where(lease => lease.Metadata.Name.StartsWith("galera-backup-", StringComparison.Ordinal))];

    private static bool IsAlive(V1Lease lease) =>
        lease.Spec.RenewTime is { } renewed && DateTime.UtcNow - renewed < TimeSpan.FromSeconds(lease.Spec.LeaseDurationSeconds ?? 30);

    // Tests' own backup roots, and what was not finished in any other.
    private static void CleanBackupVolume(LabPaths paths, Narrator narrator)
    {
        var volume = new DirectoryInfo(paths.BackupVolume);
        var ofTests = volume.EnumerateDirectories($"{Lab.TestFolderPrefix}*");
        var ofDeadRuns = volume.EnumerateDirectories(".partial", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 3, AttributesToSkip = FileAttributes.ReparsePoint })
            .SelectMany(partial => partial.EnumerateDirectories());
        foreach (var folder in ofTests.ToList().Concat(ofDeadRuns.ToList()).Where(folder => Directory.Exists(folder.FullName)))
        {
            narrator.Say($"Removing {folder.FullName}, which a test left");
            folder.Delete(recursive: true);
        }
    }
}
