using k8s;

namespace GaleraBackup.Lab;

/// <summary>Breaks the lab on purpose. What each method gives back mends it again when it is disposed.</summary>
public sealed partial class Faults(Lab lab, IKubernetes client)
{
    private const string Namespace = ClusterNames.Namespace;

    // What a fault keeps on this machine. Below the lab's own folder, so that `down` unmounts what is mounted there.
    private string Folder => lab.Paths.Faults;

    private Task UntilWholeAsync(CancellationToken cancellationToken) =>
        Fault.UntilAsync(async () => await WholeCluster.WhyNotAsync(client, cancellationToken) is null, cancellationToken);
}
