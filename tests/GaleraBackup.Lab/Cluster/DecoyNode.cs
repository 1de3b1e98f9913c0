using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>
/// Stands in for the kubelet of a node that has none. Without a heart beat the node would be tainted as unreachable, and the scheduler
/// would leave it alone; with one, and with more room and the same images as the real node has, it is where an unpinned pod goes.
/// </summary>
internal static class DecoyNode
{
    /// <summary>The node's lease is good for 40 s.</summary>
    private static readonly TimeSpan HeartBeat = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    internal static async Task KeepReadyAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            var pause = HeartBeat;
            try
            {
                await BeatAsync(client, cancellationToken);
            }
            catch (Exception exception) when (exception is HttpOperationException or HttpRequestException or IOException
                or OperationCanceledException && !cancellationToken.IsCancellationRequested)
            {
                Console.Error.WriteLine($"decoy node: {exception.Message}");
                pause = RetryDelay;
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await Task.Delay(pause, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task BeatAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        var now = DateTime.UtcNow;
        V1NodeStatus status = new()
        {
            Capacity = Room(),
            Allocatable = Room(),
            Conditions =
            [
                Condition("Ready", "True", "KubeletReady", now),
                Condition("MemoryPressure", "False", "KubeletHasSufficientMemory", now),
                Condition("DiskPressure", "False", "KubeletHasNoDiskPressure", now),
                Condition("PIDPressure", "False", "KubeletHasSufficientPID", now),
            ],
            Images = [new V1ContainerImage { Names = [ClusterNames.Image], SizeBytes = 1L << 30 }],
        };
        await client.CoreV1.PatchNodeStatusAsync(
            new V1Patch(new V1Node { Status = status }, V1Patch.PatchType.StrategicMergePatch), ClusterNames.DecoyNode,
            cancellationToken: cancellationToken);

        var lease = new V1Lease { Spec = new V1LeaseSpec { RenewTime = now } };
        await client.CoordinationV1.PatchNamespacedLeaseAsync(
            new V1Patch(lease, V1Patch.PatchType.MergePatch), ClusterNames.DecoyNode, "kube-node-lease",
            cancellationToken: cancellationToken);
    }

    private static Dictionary<string, ResourceQuantity> Room() => new()
    {
        ["cpu"] = new("64"),
        ["memory"] = new("256Gi"),
        ["ephemeral-storage"] = new("1Ti"),
        ["pods"] = new("110"),
    };

    private static V1NodeCondition Condition(string type, string status, string reason, DateTime now) =>
        new() { Type = type, Status = status, Reason = reason, Message = "a decoy without a kubelet", LastHeartbeatTime = now };
}
