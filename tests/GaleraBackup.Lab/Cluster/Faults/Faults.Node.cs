using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <content>Faults of the Kubernetes node.</content>
public sealed partial class Faults
{
    /// <summary>Cordons the node: nothing new is scheduled there, and what runs goes on.</summary>
    public async Task<Fault> CordonAsync(CancellationToken cancellationToken)
    {
        await SetUnschedulableAsync(client, true, cancellationToken);
        return new Fault("the cordoned node", token => SetUnschedulableAsync(client, false, token));
    }

    /// <summary>Takes an image's name away, so that a new container with it cannot start; those that run go on. The layers stay.</summary>
    public async Task<Fault> WithholdImageAsync(CancellationToken cancellationToken)
    {
        var containers = new Containers(lab.Paths, PartsBuilder.Find(new Cache(lab.Paths)));
        await containers.WithholdAsync(ClusterNames.Image, cancellationToken);
        var fault = new Fault("the withheld image", token => containers.RestoreWithheldAsync(token));

        // containerd tells its own CRI plugin of it by an event, which takes a moment.
        return await Fault.OrHealAsync(fault, () => Fault.UntilAsync(
            async () => !await NodeHasImageAsync(cancellationToken), cancellationToken));
    }

    /// <summary>Whether a new container with the database's image starts: asked of the kubelet itself.</summary>
    public async Task<bool> NodeHasImageAsync(CancellationToken cancellationToken)
    {
        const string Name = "image-probe";
        var probe = new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = Name, Labels = Fault.Labels },
            Spec = new V1PodSpec
            {
                NodeName = ClusterNames.Node,
                RestartPolicy = "Never",
                AutomountServiceAccountToken = false,
                Containers =
                [
                    new V1Container { Name = "probe", Image = ClusterNames.Image, ImagePullPolicy = "Never", Command = ["true"] },
                ],
            },
        };
        await client.CoreV1.CreateNamespacedPodAsync(probe, Namespace, cancellationToken: cancellationToken);
        try
        {
            var seen = await PodWatch.WaitAsync(
                client, Namespace, Name,
                pod => pod?.Status?.ContainerStatuses?.FirstOrDefault()?.State is { Waiting.Reason: "ErrImageNeverPull" }
                    or { Running: not null } or { Terminated: not null },
                TimeSpan.FromSeconds(30), cancellationToken);
            return seen!.Status.ContainerStatuses[0].State.Waiting is null;
        }
        finally
        {
            await Fault.UnlessGoneAsync(() => client.CoreV1.DeleteNamespacedPodAsync(Name, Namespace, gracePeriodSeconds: 0));
            await PodWatch.WaitAsync(client, Namespace, Name, pod => pod is null, TimeSpan.FromSeconds(30), CancellationToken.None);
        }
    }

    internal static async Task SetUnschedulableAsync(IKubernetes client, bool unschedulable, CancellationToken cancellationToken)
    {
        var patch = new V1Patch(new { spec = new { unschedulable } }, V1Patch.PatchType.MergePatch);
        await client.CoreV1.PatchNodeAsync(patch, ClusterNames.Node, cancellationToken: cancellationToken);
    }
}
