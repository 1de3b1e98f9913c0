namespace GaleraBackup.Policy;

/// <summary>Chooses the replica that a backup is taken from: the highest ordinal, numerically, as the workflow asks.</summary>
public static class ReplicaSelection
{
    /// <exception cref="GaleraBackupException">
    /// <c>ClusterUnsafe</c> unless <paramref name="allowUnsafe"/>; <c>NoReplica</c> if no node can be backed up at all.
    /// </exception>
    public static BackupReplica Select(GaleraCluster cluster, bool allowUnsafe)
    {
        if (!cluster.IsSafe && !allowUnsafe)
        {
            throw Unsafe(cluster);
        }

        var reasons = cluster.Nodes.ToDictionary(node => node.Pod, WhyNot);
        var selected = cluster.Nodes.Where(node => reasons[node.Pod] is null).MaxBy(node => node.Ordinal)
            ?? throw new GaleraBackupException(
                "NoReplica", FailureKind.Refused,
                $"{cluster} has no node that a backup can be taken from: {string.Join(" ", reasons.Select(reason => $"{reason.Key}: {reason.Value}"))}",
                "A backup needs one node that runs, answers SQL and belongs to the Primary component.",
                cluster);

        return new BackupReplica
        {
            Cluster = cluster,
            Node = selected,
            Unsafe = !cluster.IsSafe,
            Candidates =
            [
                .. cluster.Nodes.OrderByDescending(node => node.Ordinal).Select(node => new ReplicaCandidate(
                    node.Pod, node.Ordinal, node == selected,
                    node == selected ? "Highest ordinal." : reasons[node.Pod] ?? $"Ordinal {node.Ordinal} is lower than {selected.Ordinal}.")),
            ],
        };
    }

    /// <summary>The node that the user names, for a step that is typed by itself.</summary>
    /// <exception cref="GaleraBackupException"><c>PodNotFound</c>; <c>NoReplica</c> if the node cannot be worked on at all.</exception>
    public static BackupReplica ByName(GaleraCluster cluster, string pod, bool allowUnsafe)
    {
        var node = cluster.Nodes.FirstOrDefault(node => node.Pod == pod) ?? throw new GaleraBackupException(
            "PodNotFound", FailureKind.NotFound, $"{cluster} has no pod '{pod}'.", $"It has: {string.Join(", ", cluster.Nodes)}.", pod);
        if (node.Layout is null || node.Wsrep is null)
        {
            throw new GaleraBackupException(
                "NoReplica", FailureKind.Refused, $"{cluster}: pod {pod} cannot be worked on. {node.Problem?.Message ?? $"It is {node.Phase}."}",
                "See the findings of Test-GaleraCluster.", pod);
        }

        return new BackupReplica { Cluster = cluster, Node = node, Candidates = [], Unsafe = allowUnsafe && !cluster.IsSafe };
    }

    internal static GaleraBackupException Unsafe(GaleraCluster cluster)
    {
        var errors = cluster.Findings.Where(finding => finding.Severity == FindingSeverity.Error);
        return new GaleraBackupException(
            "ClusterUnsafe", FailureKind.Refused,
            $"{cluster} cannot spare a node for a backup:{string.Concat(errors.Select(error => $"{Environment.NewLine}  {error}"))}",
            "Mend what Test-GaleraCluster reports. To go on all the same, use -AllowUnsafeBackup, or with Set-WsrepDesync On -Pod, -Force.",
            cluster);
    }

    // Even an unsafe backup needs a node that answers and holds the cluster's data.
    private static string? WhyNot(GaleraNode node) => node switch
    {
        { Layout: null } => "No container of the pod looks like MariaDB on a claim.",
        { KubernetesNode: null } => "The pod is not scheduled.",
        { Wsrep: null } => node.Problem?.Message ?? "The server could not be asked.",
        { Wsrep.ClusterStatus: not "Primary" } => $"Its component is '{node.Wsrep.ClusterStatus}', not Primary.",
        { Wsrep.LocalState: not (WsrepStatus.Synced or WsrepStatus.DonorDesynced) } => $"It is '{node.Wsrep.LocalStateComment}'.",
        _ => null,
    };
}
