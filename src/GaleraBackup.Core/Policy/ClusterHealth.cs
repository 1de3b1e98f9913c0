namespace GaleraBackup.Policy;

/// <summary>
/// Decides whether a Galera cluster can spare a node for a backup. Equal size is not enough: the two halves of a split can agree on
/// it, so the state UUID and the membership number must be equal on all nodes too.
/// </summary>
public static class ClusterHealth
{
    /// <summary>All findings, the worst first, then by pod.</summary>
    public static IReadOnlyList<HealthFinding> Evaluate(int replicas, IReadOnlyList<GaleraNode> nodes)
    {
        var findings = new List<HealthFinding>();
        if (nodes.Count != replicas)
        {
            findings.Add(Error("ReplicasMissing", null, $"The StatefulSet asks for {replicas} pods and has {nodes.Count}. Wait until it is complete."));
        }

        if (replicas < 3)
        {
            findings.Add(new HealthFinding(
                "NoQuorumReserve", FindingSeverity.Warning, null,
                $"A cluster of {replicas} has no redundancy left while one node is desynced. Run three nodes or more."));
        }

        foreach (var node in nodes)
        {
            findings.AddRange(EvaluateNode(node, replicas));
        }

        var asked = nodes.Where(node => node.Wsrep is not null).ToList();
        AddIfSplit(findings, asked, "ClusterUuidDiffers", "wsrep_cluster_state_uuid", wsrep => wsrep.ClusterStateUuid);
        AddIfSplit(findings, asked, "MembershipDiffers", "wsrep_cluster_conf_id", wsrep => wsrep.ClusterConfId.ToString(null, null));
        return [.. findings.OrderByDescending(finding => finding.Severity).ThenBy(finding => finding.Pod, StringComparer.Ordinal)];
    }

    private static IEnumerable<HealthFinding> EvaluateNode(GaleraNode node, int replicas)
    {
        if (node.Phase != "Running")
        {
            yield return Error("PodNotRunning", node.Pod, $"The pod is {node.Phase}. See: kubectl describe pod {node.Pod}");
        }
        else if (!node.Ready)
        {
            yield return Error("PodNotReady", node.Pod, $"The pod is not Ready. See: kubectl describe pod {node.Pod}");
        }

        if (node.PodSnapshot.Terminating)
        {
            yield return Error("PodTerminating", node.Pod, "The pod is being deleted: a rolling update or an eviction is under way. Wait until it is over.");
        }

        if (node.Problem is { } problem)
        {
            yield return problem;
        }

        if (node.Wsrep is not { } wsrep)
        {
            yield break;
        }

        if (wsrep.ClusterStatus != "Primary")
        {
            yield return Error("NotPrimary", node.Pod, $"wsrep_cluster_status is '{wsrep.ClusterStatus}', not Primary: the node is cut off from the cluster.");
        }

        if (!wsrep.Connected)
        {
            yield return Error("NotConnected", node.Pod, "wsrep_connected is OFF: the node has lost the cluster.");
        }

        if (!wsrep.Ready)
        {
            yield return Error("NotReadyForQueries", node.Pod, "wsrep_ready is OFF: the node refuses queries.");
        }

        if (wsrep.LocalState != WsrepStatus.Synced)
        {
            var cause = wsrep.Desync
                ? "somebody set wsrep_desync=ON on it, or a backup is running"
                : "it joins, or it feeds a joiner";
            yield return Error("NodeNotSynced", node.Pod, $"The node is '{wsrep.LocalStateComment}', not Synced: {cause}.");
        }

        if (wsrep.ClusterSize != replicas)
        {
            yield return Error("ClusterSizeDiffers", node.Pod, $"The node sees {wsrep.ClusterSize} members (wsrep_cluster_size), the StatefulSet asks for {replicas}.");
        }
    }

    private static void AddIfSplit(
        List<HealthFinding> findings, List<GaleraNode> nodes, string id, string variable, Func<WsrepStatus, string> value)
    {
        var groups = nodes.GroupBy(node => value(node.Wsrep!)).ToList();
        if (groups.Count > 1)
        {
            var views = string.Join("; ", groups.Select(group => $"{group.Key} on {string.Join(", ", group.Select(node => node.Pod))}"));
            findings.Add(Error(id, null, $"The nodes do not see the same cluster: {variable} is {views}. Resolve the split first."));
        }
    }

    private static HealthFinding Error(string id, string? pod, string message) => new(id, FindingSeverity.Error, pod, message);
}
