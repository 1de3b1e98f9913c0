using System.Globalization;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <content>Faults of one member of the database.</content>
public sealed partial class Faults
{
    /// <summary>Files in a pod's /run/mysqld that the lab's readiness script looks at.</summary>
    internal const string NotReadyFlag = "lab-not-ready";

    /// <summary>As <see cref="NotReadyFlag"/>.</summary>
    internal const string IgnoreDesyncFlag = "lab-readiness-ignores-desync";

    /// <summary>
    /// Stops the server's process, which then takes connections and never answers. After about 40 s the liveness probe has the container
    /// restarted; the fault is mended by going on, or by that restart.
    /// </summary>
    public Task<Fault> StopServerAsync(int ordinal, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var server = ServerOf(ordinal);
        Native.Signal(server.Pid, Native.SigStop);
        return Task.FromResult(new Fault($"the stopped server {ClusterNames.Pod(ordinal)}", async token =>
        {
            // Not another process that has got the number since.
            if (ProcessTable.Read(server.Pid)?.StartTime == server.StartTime)
            {
                Native.Signal(server.Pid, Native.SigCont);
            }

            await UntilWholeAsync(token);
        }));
    }

    /// <summary>
    /// Takes a member's network away: its pod's interface goes down on this machine's side. Returns when the other two have noticed and
    /// the member has, too. A port-forward and a command in the pod still reach it: both come in through the pod's own namespace.
    /// </summary>
    public async Task<Fault> CutOffAsync(int ordinal, CancellationToken cancellationToken)
    {
        var link = await LinkOfAsync(ordinal, cancellationToken);
        await Tool.RunAsync("ip", ["link", "set", link, "down"], cancellationToken);
        var fault = new Fault($"the network of {ClusterNames.Pod(ordinal)}", async token =>
        {
            // Where the pod was made anew, its link is gone with it.
            await Tool.TryRunAsync("ip", ["link", "set", link, "up"], token);
            await UntilWholeAsync(token);
        });
        return await Fault.OrHealAsync(fault, async () =>
        {
            await Fault.UntilAsync(
                async () => await StatusInPodAsync(ordinal, "wsrep_cluster_status", cancellationToken) is { } status and not "Primary",
                cancellationToken);
            foreach (var other in Enumerable.Range(0, ClusterNames.Replicas).Where(other => other != ordinal))
            {
                await Fault.UntilAsync(
                    async () => await StatusInPodAsync(other, "wsrep_cluster_size", cancellationToken) is "2", cancellationToken);
            }
        });
    }

    /// <summary>
    /// Cuts a member off and has it form a Primary component by itself, beside the one of the other two. It is mended by making the pod
    /// anew with all its data taken from the others: what it may have written meanwhile is no part of the cluster's history.
    /// </summary>
    public async Task<Fault> SplitAsync(int ordinal, CancellationToken cancellationToken)
    {
        var cutOff = await CutOffAsync(ordinal, cancellationToken);
        var fault = new Fault($"the split of {ClusterNames.Pod(ordinal)}", async token =>
        {
            var name = ClusterNames.Pod(ordinal);
            // Without it the next server takes all data from the others. This one has it open, so it does not come back.
            File.Delete(Path.Combine(lab.Paths.DataVolume(ordinal), "grastate.dat"));
            await Fault.UnlessGoneAsync(() => client.CoreV1.DeleteNamespacedPodAsync(name, Namespace, gracePeriodSeconds: 1, cancellationToken: token));
            await cutOff.DisposeAsync();
        });
        return await Fault.OrHealAsync(fault, async () =>
        {
            await InPodAsync(ordinal, "SET GLOBAL wsrep_provider_options='pc.bootstrap=YES'", cancellationToken);
            await Fault.UntilAsync(
                async () => await StatusInPodAsync(ordinal, "wsrep_cluster_status", cancellationToken) is "Primary", cancellationToken);
        });
    }

    /// <summary>A readiness probe that fails, though the database is well.</summary>
    public async Task<Fault> BreakReadinessAsync(int ordinal, CancellationToken cancellationToken)
    {
        var fault = await RaiseFlagAsync(ordinal, NotReadyFlag, cancellationToken);
        return await Fault.OrHealAsync(fault, () =>
            PodWatch.WaitAsync(
                client, Namespace, ClusterNames.Pod(ordinal), pod => pod is not null && !IsReady(pod), TimeSpan.FromSeconds(30), cancellationToken));
    }

    /// <summary>A readiness probe that only asks whether the server answers, as other operators have it: a desynced member stays Ready.</summary>
    public Task<Fault> IgnoreDesyncInReadinessAsync(int ordinal, CancellationToken cancellationToken) =>
        RaiseFlagAsync(ordinal, IgnoreDesyncFlag, cancellationToken);

    /// <summary>A member whose pod cannot be scheduled: deleted while its node is cordoned.</summary>
    public async Task<Fault> HoldPendingAsync(int ordinal, CancellationToken cancellationToken)
    {
        var cordon = await CordonAsync(cancellationToken);
        var fault = new Fault($"the pending {ClusterNames.Pod(ordinal)}", async token =>
        {
            await cordon.DisposeAsync();
            await UntilWholeAsync(token);
        });
        return await Fault.OrHealAsync(fault, async () =>
        {
            await DeleteMemberAsync(ordinal, cancellationToken);
            await PodWatch.WaitAsync(
                client, Namespace, ClusterNames.Pod(ordinal),
                pod => pod?.Status?.Conditions?.Any(condition => condition is { Type: "PodScheduled", Status: "False" }) == true,
                TimeSpan.FromSeconds(60), cancellationToken);
        });
    }

    /// <summary>A member whose pod is gone and is not made again: a quota of no pods is in the way.</summary>
    public async Task<Fault> RemoveMemberAsync(int ordinal, CancellationToken cancellationToken)
    {
        const string Quota = "lab-no-more-pods";
        var quota = new V1ResourceQuota
        {
            Metadata = new V1ObjectMeta { Name = Quota, Labels = Fault.Labels },
            Spec = new V1ResourceQuotaSpec { Hard = new Dictionary<string, ResourceQuantity> { ["pods"] = new("0") } },
        };
        await client.CoreV1.CreateNamespacedResourceQuotaAsync(quota, Namespace, cancellationToken: cancellationToken);
        var fault = new Fault($"the missing {ClusterNames.Pod(ordinal)}", async token =>
        {
            await Fault.UnlessGoneAsync(() => client.CoreV1.DeleteNamespacedResourceQuotaAsync(Quota, Namespace, cancellationToken: token));

            // The StatefulSet's controller tries less and less often; a change to the set has it look at once.
            var patch = new { metadata = new { annotations = new Dictionary<string, string> { ["lab.local/looked-at"] = $"{DateTime.UtcNow:O}" } } };
            await client.AppsV1.PatchNamespacedStatefulSetAsync(
                new V1Patch(patch, V1Patch.PatchType.MergePatch), ClusterNames.StatefulSet, Namespace, cancellationToken: token);
            await UntilWholeAsync(token);
        });
        return await Fault.OrHealAsync(fault, async () =>
        {
            await DeleteMemberAsync(ordinal, cancellationToken);
            await Fault.UntilAsync(
                async () => !(await client.CoreV1.ListNamespacedPodAsync(
                    Namespace, fieldSelector: $"metadata.name={ClusterNames.Pod(ordinal)}", cancellationToken: cancellationToken)).Items.Any(),
                cancellationToken);
        });
    }

    private static bool IsReady(V1Pod pod) => pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    private static ProcessEntry ServerOf(int ordinal) =>
        Containers.DatabaseServer(ClusterNames.Pod(ordinal)) ?? throw new LabException($"{ClusterNames.Pod(ordinal)} has no server that runs");

    private async Task DeleteMemberAsync(int ordinal, CancellationToken cancellationToken)
    {
        var old = await client.CoreV1.ReadNamespacedPodAsync(ClusterNames.Pod(ordinal), Namespace, cancellationToken: cancellationToken);
        await client.CoreV1.DeleteNamespacedPodAsync(ClusterNames.Pod(ordinal), Namespace, cancellationToken: cancellationToken);
        await PodWatch.WaitAsync(
            client, Namespace, ClusterNames.Pod(ordinal), pod => pod?.Metadata.Uid != old.Metadata.Uid, TimeSpan.FromSeconds(60), cancellationToken);
    }

    // The name of the interface on this machine whose other end is the pod's eth0.
    private static async Task<string> LinkOfAsync(int ordinal, CancellationToken cancellationToken)
    {
        var network = $"/proc/{ServerOf(ordinal).Pid}/ns/net";
        var line = await Tool.RunAsync("nsenter", [$"--net={network}", "ip", "-o", "link", "show", "eth0"], cancellationToken);
        var peer = line.Split("eth0@if")[1].Split(':')[0];
        return Path.GetFileName(
            Directory.EnumerateDirectories("/sys/class/net").Single(link => File.ReadAllText(Path.Combine(link, "ifindex")).Trim() == peer));
    }

    private async Task<Fault> RaiseFlagAsync(int ordinal, string flag, CancellationToken cancellationToken)
    {
        var pod = await client.CoreV1.ReadNamespacedPodAsync(ClusterNames.Pod(ordinal), Namespace, cancellationToken: cancellationToken);
        var path = Path.Combine(lab.Paths.RunVolume(pod.Metadata.Uid), flag);
        await File.WriteAllTextAsync(path, "", cancellationToken);
        return new Fault($"the readiness of {ClusterNames.Pod(ordinal)}", async token =>
        {
            File.Delete(path);
            await UntilWholeAsync(token);
        });
    }

    private async Task<string> InPodAsync(int ordinal, string sql, CancellationToken cancellationToken)
    {
        var result = await PodExec.RunAsync(
            client, Namespace, ClusterNames.Pod(ordinal), ClusterNames.Container, ["mariadb", "-NBe", sql], cancellationToken);
        return result.ExitCode == 0 ? result.Output.Trim() : throw new LabException($"{ClusterNames.Pod(ordinal)}: {result.Error.Trim()}");
    }

    private Task<string> StatusInPodAsync(int ordinal, string variable, CancellationToken cancellationToken) => InPodAsync(
        ordinal,
        string.Create(CultureInfo.InvariantCulture, $"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = '{variable}'"),
        cancellationToken);
}
