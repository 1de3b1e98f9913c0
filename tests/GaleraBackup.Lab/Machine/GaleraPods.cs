using System.Globalization;
using System.Net;
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
            var set = await client.AppsV1.ReadNamespacedStatefulSetAsync(Lab.StatefulSet, Lab.Namespace, cancellationToken: cancellationToken);
            return set.Spec.Replicas == Replicas && set.Status.ObservedGeneration >= set.Metadata.Generation && set.Status.UpdateRevision == set.Status.CurrentRevision
                ? set.Status.ReadyReplicas ?? 0
                : Math.Min(set.Status.ReadyReplicas ?? 0, Replicas - 1);
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
        TimeSpan? readySince = null;
        Func<CancellationToken, Task>[] remedies = [ResyncAsync, RestartLaggardsAsync, RestartAllAsync, RecreateAsync];
        var remedy = 0;
        var seen = "";
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

            var pods = await client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: ClusterNames.PodSelector, cancellationToken: cancellationToken);
            var now = string.Join(", ", pods.Items.OrderBy(pod => pod.Metadata.Name).Select(Describe));
            if (now != seen)
            {
                narrator.Say($"  {(now.Length == 0 ? "no pods yet" : now)}");
                seen = now;
                moved = narrator.Elapsed;
            }

            if (ready > 0 || Containers.DatabaseRuns())
            {
                ran = narrator.Elapsed;
            }

            if (narrator.Elapsed - moved > Stuck || narrator.Elapsed - ran > NobodyRuns)
            {
                if (remedy == remedies.Length)
                {
                    throw new LabException($"the database does not come up: {now}. Its output is in {Path.Combine(paths.Logs, "pods")}");
                }

                // With nobody left to join, one alone has nowhere to go.
                if (remedies[remedy] == RestartLaggardsAsync && ready == 0)
                {
                    remedy++;
                }

                await remedies[remedy++](cancellationToken);
                moved = ran = narrator.Elapsed;
            }

            await Task.Delay(300, cancellationToken);
        }
    }

    /// <summary>Ends all pods; the database's pod 0 after the others, so that it may start the cluster again.</summary>
    public async Task ShutDownAsync(CancellationToken cancellationToken)
    {
        await ScaleAsync(0, cancellationToken);
        var others = await client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellationToken);
        // The StatefulSet ends its pods one by one; but only pod 0 has to wait.
        foreach (var pod in others.Items.Where(pod => IsMember(pod) && pod.Metadata.Name != ClusterNames.Pod(0)))
        {
            await DeletePodAsync(pod, 30, cancellationToken);
        }

        foreach (var pod in others.Items.Where(pod => !IsMember(pod)))
        {
            await DeletePodAsync(pod, pod.Spec.NodeName == Lab.Node ? 10 : 0, cancellationToken);
        }

        for (var deadline = DateTime.UtcNow.AddSeconds(90); DateTime.UtcNow < deadline; await Task.Delay(300, cancellationToken))
        {
            if ((await client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellationToken)).Items.Count == 0)
            {
                return;
            }
        }

        narrator.Say("Some pods did not end in 90 s; killing what is left");
        await DeletePodsAsync(grace: 0, cancellationToken);
    }

    private static bool IsMember(V1Pod pod) =>
        pod.Metadata.NamespaceProperty == Lab.Namespace && pod.Metadata.OwnerReferences?.Any(owner => owner is { Kind: "StatefulSet", Name: Lab.StatefulSet }) == true;

    private static string Describe(V1Pod pod)
    {
        var container = pod.Status.ContainerStatuses?.FirstOrDefault();
        var state = pod.Metadata.DeletionTimestamp is not null ? "ending"
            : container?.Ready == true ? "Ready"
            : container?.State.Waiting?.Reason ?? (container?.State.Terminated is { } ended ? $"ended with {ended.ExitCode}" : container?.State.Running is not null ? "starting" : pod.Status.Phase);
        var restarts = container?.RestartCount > 0 ? string.Create(CultureInfo.InvariantCulture, $" ({container.RestartCount} restarts)") : "";
        return $"{pod.Metadata.Name} {state}{restarts}";
    }

    // A test that was killed leaves its replica desynced, which is not Ready and otherwise well.
    private async Task ResyncAsync(CancellationToken cancellationToken)
    {
        var pods = await client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: ClusterNames.PodSelector, cancellationToken: cancellationToken);
        foreach (var pod in pods.Items.Where(pod => pod.Status.ContainerStatuses?.FirstOrDefault() is { Ready: false, State.Running: not null }))
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
                }
            }
            catch (Exception exception) when (exception is HttpOperationException or HttpRequestException or System.Net.WebSockets.WebSocketException or IOException
                || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                // It does not even answer: the next remedy is for that.
            }
        }
    }

    private async Task<string> MariaDbAsync(V1Pod pod, string statement, CancellationToken cancellationToken) =>
        (await PodExec.RunAsync(client, Lab.Namespace, pod.Metadata.Name, ClusterNames.Container, ["mariadb", "-NBe", statement], cancellationToken)).Output;

    private async Task RestartLaggardsAsync(CancellationToken cancellationToken)
    {
        var pods = await client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: ClusterNames.PodSelector, cancellationToken: cancellationToken);
        foreach (var pod in pods.Items.Where(pod => pod.Status.ContainerStatuses?.FirstOrDefault()?.Ready != true))
        {
            narrator.Say($"{pod.Metadata.Name} does not get Ready: restarting it");
            await DeletePodAsync(pod, 30, cancellationToken);
        }
    }

    private async Task RestartAllAsync(CancellationToken cancellationToken)
    {
        narrator.Say("Nothing moves: restarting the whole cluster, with pod 0's copy of the data");
        await StopAllAsync(cancellationToken);
        AllowBootstrap();
        await ScaleAsync(Replicas, cancellationToken);
    }

    private async Task RecreateAsync(CancellationToken cancellationToken)
    {
        narrator.Say("The databases do not come back: making them anew, empty. Backups stay");
        await StopAllAsync(cancellationToken);
        foreach (var volume in Enumerable.Range(0, Replicas).Select(paths.DataVolume))
        {
            Cache.Discard(volume);
        }

        MakeVolumes(paths);
        await ScaleAsync(Replicas, cancellationToken);
    }

    private async Task StopAllAsync(CancellationToken cancellationToken)
    {
        await ScaleAsync(0, cancellationToken);
        for (var deadline = DateTime.UtcNow.AddSeconds(60); DateTime.UtcNow < deadline; await Task.Delay(300, cancellationToken))
        {
            var pods = await client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: ClusterNames.PodSelector, cancellationToken: cancellationToken);
            if (pods.Items.Count == 0 && !Containers.DatabaseRuns())
            {
                return;
            }
        }

        await DeletePodsAsync(grace: 0, cancellationToken);
    }

    // After all members were killed, none of them is known to have the last write-set, and Galera starts from none. Pod 0's copy is taken; what
    // another had beyond it is lost, so the others forget their position and take everything from pod 0.
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

    private async Task ScaleAsync(int replicas, CancellationToken cancellationToken)
    {
        try
        {
            await client.AppsV1.PatchNamespacedStatefulSetScaleAsync(
                new V1Patch(new { spec = new { replicas } }, V1Patch.PatchType.MergePatch), Lab.StatefulSet, Lab.Namespace, cancellationToken: cancellationToken);
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
