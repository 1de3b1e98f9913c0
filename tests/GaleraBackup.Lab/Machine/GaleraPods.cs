using System.Net;
using System.Net.WebSockets;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab.Machine;

/// <summary>Brings the StatefulSet's pods up and down, and back from a crash.</summary>
internal sealed class GaleraPods(IKubernetes client, LabPaths paths, Narrator narrator)
{
    private const uint MysqlUser = 999;
    private const int Replicas = 3;

    // Longer than a member takes to start on two cores: an empty database 15 s, a state transfer 10 s.
    private static readonly TimeSpan Stuck = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan MuchTooLong = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan NobodyRuns = TimeSpan.FromSeconds(40);

    /// <summary>Makes the folders behind the claims, which belong to the database's user.</summary>
    public static void MakeVolumes(LabPaths paths)
    {
        foreach (var volume in Enumerable.Range(0, Replicas).Select(paths.DataVolume).Append(paths.BackupVolume))
        {
            if (!Directory.Exists(volume))
            {
                Directory.CreateDirectory(volume);
                Native.ChangeOwner(volume, MysqlUser, MysqlUser);
            }
        }
    }

    /// <summary>How many members are Ready, which means Synced; 0 where there is no StatefulSet.</summary>
    public async Task<int> ReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            var set = await client.AppsV1.ReadNamespacedStatefulSetAsync(
                Lab.StatefulSet, Lab.Namespace, cancellationToken: cancellationToken);
            var status = set.Status;
            var rolledOut = set.Spec.Replicas == Replicas && status.ObservedGeneration >= set.Metadata.Generation
                && status.UpdateRevision == status.CurrentRevision;
            return Math.Min(status.ReadyReplicas ?? 0, rolledOut ? Replicas : Replicas - 1);
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.NotFound)
        {
            return 0;
        }
    }

    /// <summary>
    /// For a lab whose containers are all gone though nobody took it down: forgets the pods, which point at containers that no longer are,
    /// and sees to it that pod 0 may start the cluster again.
    /// </summary>
    public async Task RecoverFromCrashAsync(CancellationToken cancellationToken)
    {
        await ScaleAsync(0, cancellationToken);
        if (await DeletePodsAsync(grace: 0, cancellationToken) > 0)
        {
            narrator.Say("The lab was not taken down the last time: its pods are made anew");
        }

        AllowBootstrap();
    }

    /// <summary>Waits until all members are Ready, and helps where nothing moves.</summary>
    /// <param name="settle">How long they have to stay so.</param>
    public async Task WaitUntilReadyAsync(TimeSpan settle, CancellationToken cancellationToken)
    {
        // The mildest first. What empties a volume comes last, and what empties all of them only where no member is left to copy from.
        var ifSomeAreReady = new Queue<Func<CancellationToken, Task>>([RestartLaggardsAsync, RefillLaggardsAsync]);
        var ifNoneIsReady = new Queue<Func<CancellationToken, Task>>([RestartAllAsync, RecreateAsync]);
        TimeSpan? readySince = null;
        var said = "";
        var seen = "";
        var changed = narrator.Elapsed;
        var moved = narrator.Elapsed;
        var ran = narrator.Elapsed;
        while (true)
        {
            var ready = await ReadyAsync(cancellationToken);
            readySince = ready < Replicas ? null : readySince ?? narrator.Elapsed;
            if (narrator.Elapsed - readySince >= settle)
            {
                narrator.Say($"All {Replicas} members are Ready and Synced");
                return;
            }

            var pods = await MembersAsync(cancellationToken);
            var now = string.Join(", ", pods.OrderBy(pod => pod.Metadata.Name).Select(Describe));
            if (now != said)
            {
                narrator.Say($"  {(now.Length == 0 ? "no pods yet" : now)}");
                said = now;
                changed = narrator.Elapsed;
            }

            // A member that takes its data from another one is busy while its files grow; but so they do while somebody writes.
            var current = now + VolumesState();
            if (current != seen)
            {
                seen = current;
                moved = narrator.Elapsed;
            }

            if (ready > 0 || Containers.DatabaseRuns())
            {
                ran = narrator.Elapsed;
            }

            var elapsed = narrator.Elapsed;
            if (elapsed - moved > Stuck || elapsed - changed > MuchTooLong || elapsed - ran > NobodyRuns)
            {
                if (!await ResyncAsync(cancellationToken))
                {
                    if (!(ready > 0 ? ifSomeAreReady : ifNoneIsReady).TryDequeue(out var remedy))
                    {
                        throw new LabException($"the database does not come up: {now}. Its output is in {paths.Logs}/pods");
                    }

                    await remedy(cancellationToken);
                }

                changed = moved = ran = narrator.Elapsed;
            }

            await Task.Delay(300, cancellationToken);
        }
    }

    /// <summary>Ends all pods; the database's pod 0 after the others, so that it may start the cluster again.</summary>
    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        var pods = await client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellationToken);
        foreach (var pod in pods.Items.Where(pod => !IsMember(pod)))
        {
            await DeletePodAsync(pod, pod.Spec.NodeName == Lab.Node ? 10 : 0, cancellationToken);
        }

        await EndMembersAsync(cancellationToken);
        await DeletePodsAsync(grace: 0, cancellationToken);
    }

    private static bool IsMember(V1Pod pod) =>
        pod.Metadata.NamespaceProperty == Lab.Namespace
        && pod.Metadata.OwnerReferences?.Any(owner => owner is { Kind: "StatefulSet", Name: Lab.StatefulSet }) == true;

    private static string Describe(V1Pod pod)
    {
        var container = pod.Status.ContainerStatuses?.FirstOrDefault();
        var state = pod.Metadata.DeletionTimestamp is not null ? "ending"
            : container?.Ready == true ? "Ready"
            : container?.State.Waiting is { } waiting ? waiting.Reason
            : container?.State.Terminated is { } ended ? $"ended with {ended.ExitCode}"
            : container?.State.Running is not null ? "not ready"
            : pod.Status.Phase;
        var restarts = container?.RestartCount > 0 ? $" ({container.RestartCount} restarts)" : "";
        return $"{pod.Metadata.Name} {state}{restarts}";
    }

    private async Task<IList<V1Pod>> MembersAsync(CancellationToken cancellationToken) =>
        (await client.CoreV1.ListNamespacedPodAsync(
            Lab.Namespace, labelSelector: ClusterNames.PodSelector, cancellationToken: cancellationToken)).Items;

    // A test that was killed leaves its replica desynced, which is not Ready and otherwise well. True where there was one.
    private async Task<bool> ResyncAsync(CancellationToken cancellationToken)
    {
        var found = false;
        var pods = await MembersAsync(cancellationToken);
        foreach (var pod in pods.Where(pod => pod.Status.ContainerStatuses?.FirstOrDefault() is { Ready: false, State.Running: not null }))
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(TimeSpan.FromSeconds(10));
            try
            {
                var desynced = await MariaDbAsync(pod, "SELECT @@GLOBAL.wsrep_desync", limit.Token);
                if (desynced.Trim() == "1")
                {
                    narrator.Say($"{pod.Metadata.Name} is desynced, and stays so: syncing it");
                    await MariaDbAsync(pod, "SET GLOBAL wsrep_desync = OFF", limit.Token);
                    found = true;
                }
            }
            catch (Exception exception) when (
                exception is HttpOperationException or HttpRequestException or WebSocketException or IOException
                || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // It does not even answer: another remedy is for that.
            }
        }

        return found;
    }

    private async Task<string> MariaDbAsync(V1Pod pod, string statement, CancellationToken cancellationToken)
    {
        string[] command = ["mariadb", "-NBe", statement];
        var result = await PodExec.RunAsync(
            client, Lab.Namespace, pod.Metadata.Name, ClusterNames.Container, command, cancellationToken);
        return result.Output;
    }

    private async Task RestartLaggardsAsync(CancellationToken cancellationToken)
    {
        var pods = await MembersAsync(cancellationToken);
        foreach (var pod in pods.Where(pod => pod.Status.ContainerStatuses?.FirstOrDefault()?.Ready != true))
        {
            narrator.Say($"{pod.Metadata.Name} does not get Ready: restarting it");
            await DeletePodAsync(pod, 30, cancellationToken);
        }
    }

    private async Task RefillLaggardsAsync(CancellationToken cancellationToken)
    {
        var pods = await MembersAsync(cancellationToken);
        foreach (var pod in pods.Where(pod => pod.Status.ContainerStatuses?.FirstOrDefault()?.Ready != true))
        {
            narrator.Say($"{pod.Metadata.Name} does not get Ready: it takes all its data from the others again");
            // Without this file it does, when it starts the next time.
            File.Delete(Path.Combine(paths.Volumes, $"mysql-data-{pod.Metadata.Name}", "grastate.dat"));
            await DeletePodAsync(pod, 0, cancellationToken);
        }
    }

    private async Task RestartAllAsync(CancellationToken cancellationToken)
    {
        narrator.Say("Nothing moves: restarting the whole cluster, with pod 0's copy of the data");
        await EndMembersAsync(cancellationToken);
        AllowBootstrap();
        await ScaleAsync(Replicas, cancellationToken);
    }

    private async Task RecreateAsync(CancellationToken cancellationToken)
    {
        narrator.Say("The databases do not come back: making them anew, empty. Backups stay");
        await EndMembersAsync(cancellationToken);
        foreach (var volume in Enumerable.Range(0, Replicas).Select(paths.DataVolume))
        {
            Cache.Discard(volume);
        }

        MakeVolumes(paths);
        await ScaleAsync(Replicas, cancellationToken);
    }

    // kubelet looks for pods to forget every ten seconds only; that the servers have ended is seen at once.
    private async Task EndMembersAsync(CancellationToken cancellationToken)
    {
        await ScaleAsync(0, cancellationToken);
        var members = await MembersAsync(cancellationToken);
        await EndAsync(members.Where(pod => pod.Metadata.Name != ClusterNames.Pod(0)), left: [ClusterNames.Pod(0)]);
        await EndAsync(members.Where(pod => pod.Metadata.Name == ClusterNames.Pod(0)), left: []);
        foreach (var pod in await MembersAsync(cancellationToken))
        {
            await DeletePodAsync(pod, 0, cancellationToken);
        }

        async Task EndAsync(IEnumerable<V1Pod> pods, string[] left)
        {
            foreach (var pod in pods)
            {
                await DeletePodAsync(pod, 30, cancellationToken);
            }

            for (var deadline = DateTime.UtcNow.AddSeconds(45); Containers.DatabaseMembers().Except(left).Any();)
            {
                if (DateTime.UtcNow > deadline)
                {
                    narrator.Say("Some members do not end in 45 s");
                    break;
                }

                await Task.Delay(200, cancellationToken);
            }
        }
    }

    // After all members were killed, none of them is known to have the last write-set, and Galera starts from none. Pod 0's copy is
    // taken; what another had beyond it is lost, so the others forget their position and take everything from pod 0.
    private void AllowBootstrap()
    {
        const string Forbidden = "safe_to_bootstrap: 0";
        var state = Path.Combine(paths.DataVolume(0), "grastate.dat");
        if (!File.Exists(state) || !File.ReadAllText(state).Contains(Forbidden, StringComparison.Ordinal))
        {
            return;
        }

        narrator.Say("The database was not shut down in order: starting it from pod 0's copy");
        File.WriteAllText(state, File.ReadAllText(state).Replace(Forbidden, "safe_to_bootstrap: 1", StringComparison.Ordinal));
        for (var ordinal = 0; ordinal < Replicas; ordinal++)
        {
            File.Delete(Path.Combine(paths.DataVolume(ordinal), "gvwstate.dat"));
            if (ordinal > 0)
            {
                File.Delete(Path.Combine(paths.DataVolume(ordinal), "grastate.dat"));
            }
        }
    }

    // How much is in the volumes: files that come and go while it is counted do not matter.
    private string VolumesState()
    {
        var bytes = 0L;
        foreach (var volume in Enumerable.Range(0, Replicas).Select(paths.DataVolume).Where(Directory.Exists))
        {
            try
            {
                bytes += new DirectoryInfo(volume).EnumerateFiles("*", SearchOption.AllDirectories)
                    .Sum(file => file.Exists ? file.Length : 0);
            }
            catch (IOException)
            {
            }
        }

        return $" {bytes}";
    }

    private async Task ScaleAsync(int replicas, CancellationToken cancellationToken)
    {
        try
        {
            var patch = new V1Patch(new { spec = new { replicas } }, V1Patch.PatchType.MergePatch);
            await client.AppsV1.PatchNamespacedStatefulSetScaleAsync(
                patch, Lab.StatefulSet, Lab.Namespace, cancellationToken: cancellationToken);
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.NotFound)
        {
            // The first start: there is none yet.
        }
    }

    private async Task<int> DeletePodsAsync(int grace, CancellationToken cancellationToken)
    {
        var pods = await client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellationToken);
        foreach (var pod in pods.Items)
        {
            await DeletePodAsync(pod, grace, cancellationToken);
        }

        return pods.Items.Count;
    }

    private async Task DeletePodAsync(V1Pod pod, int grace, CancellationToken cancellationToken)
    {
        try
        {
            await client.CoreV1.DeleteNamespacedPodAsync(
                pod.Metadata.Name, pod.Metadata.NamespaceProperty, gracePeriodSeconds: grace, cancellationToken: cancellationToken);
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.NotFound)
        {
            // Gone by itself.
        }
    }
}
