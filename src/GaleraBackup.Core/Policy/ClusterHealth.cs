namespace GaleraBackup.Policy;

/// <summary>
/// Decides whether a Galera cluster can spare a node for a backup. Equal size is not enough: the two halves of a split can agree on
/// it, and count on from the same membership number, so the state UUID, that number and the members must be equal on all nodes too.
/// </summary>
public static class ClusterHealth
{
    /// <summary>A container that was restarted within this time may do it again in the middle of a backup.</summary>
    private static readonly TimeSpan RecentRestart = TimeSpan.FromHours(1);

    /// <summary>
    /// All findings, the worst first, then by pod. What ails one node is one Error finding, its most basic cause: a node that is cut off
    /// is also not ready, not Synced and in no Service, and saying so four times helps nobody.
    /// </summary>
    /// <param name="rollingOut">Pods of an older revision are being replaced.</param>
    public static IReadOnlyList<HealthFinding> Evaluate(int replicas, IReadOnlyList<GaleraNode> nodes, DateTimeOffset now, bool rollingOut = false)
    {
        var findings = new List<HealthFinding>();
        if (nodes.Count != replicas)
        {
            findings.Add(Error("ReplicasMissing", null, $"The StatefulSet asks for {replicas} pods and has {nodes.Count}. Wait until it is complete."));
        }

        if (rollingOut)
        {
            findings.Add(Warning("RolloutInProgress", null, "The StatefulSet is being rolled out: the replica may be restarted in the middle of a backup."));
        }

        foreach (var node in nodes)
        {
            findings.AddRange(Ailment(node) is { } ailment ? [ailment] : []);
            findings.AddRange(Restart(node, now) is { } restart ? [restart] : []);
        }

        // A node outside any Primary component has its own finding; what it sees of the others says nothing about them.
        var members = nodes.Where(node => node.Wsrep is { On: true, ClusterStatus: "Primary" }).ToList();
        AddIfSizeDiffers(findings, members, replicas);
        AddIfSplit(findings, members, FindingSeverity.Error, "ClusterUuidDiffers", "wsrep_cluster_state_uuid", wsrep => wsrep.ClusterStateUuid, "Resolve the split first.");
        AddIfSplit(
            findings, members, FindingSeverity.Error, "MembershipDiffers", "the membership (wsrep_cluster_conf_id, wsrep_incoming_addresses)",
            wsrep => $"{wsrep.ClusterConfId.ToString(null, null)} ({string.Join(", ", wsrep.Members.Order(StringComparer.Ordinal))})", "Resolve the split first.");
        AddIfSplit(findings, members, FindingSeverity.Warning, "VersionsDiffer", "version", wsrep => wsrep.Version, "Finish the upgrade: a backup restores to the version of its own node.");
        AddIfQuorumIsShort(findings, replicas);
        return [.. findings.OrderByDescending(finding => finding.Severity).ThenBy(finding => finding.Pod, StringComparer.Ordinal)];
    }

    // In this order: each cause has those below it as its consequences.
    private static HealthFinding? Ailment(GaleraNode node)
    {
        var pod = node.Pod;
        if (node.PodSnapshot.Terminating)
        {
            return Error("PodTerminating", pod, "The pod is being deleted: a rolling update or an eviction is under way. Wait until it is over.");
        }

        if (node.Phase != "Running")
        {
            return Error("PodNotRunning", pod, $"The pod is {node.Phase}{Because(node.PodSnapshot.Reason, node.PodSnapshot.Message)}. See: kubectl describe pod {pod}");
        }

        if (Server(node) is { Running: false, Reason: { } reason } container)
        {
            return Error("PodNotRunning", pod, $"Its container '{container.Name}' does not run{Because(reason, container.Message)}. See: kubectl logs {pod} -c {container.Name} --previous");
        }

        return node.Problem ?? (node.Wsrep is { } wsrep ? Ailment(pod, wsrep) : null) ?? (node.Ready
            ? null
            : Error("PodNotReady", pod, $"The pod is not Ready, though its server is well: its readiness probe fails. See: kubectl describe pod {pod}"));
    }

    private static HealthFinding? Ailment(string pod, WsrepStatus wsrep)
    {
        if (!wsrep.On)
        {
            return Error("NotGalera", pod, "wsrep_on is OFF: the server is no member of a Galera cluster. Is this the right StatefulSet?");
        }

        if (wsrep.ClusterStatus != "Primary")
        {
            return Error("NotPrimary", pod, $"wsrep_cluster_status is '{wsrep.ClusterStatus}', not Primary: the node is cut off from the cluster.");
        }

        if (!wsrep.Connected)
        {
            return Error("NotConnected", pod, "wsrep_connected is OFF: the node has lost the cluster.");
        }

        if (!wsrep.Ready)
        {
            return Error("NotReadyForQueries", pod, $"wsrep_ready is OFF: the node is '{wsrep.LocalStateComment}' and refuses queries.");
        }

        if (wsrep.LocalState != WsrepStatus.Synced)
        {
            var cause = wsrep.Desync
                ? "somebody set wsrep_desync=ON on it, or a backup is running"
                : "it joins, or it feeds a joiner";
            return Error("NodeNotSynced", pod, $"The node is '{wsrep.LocalStateComment}', not Synced: {cause}.");
        }

        return null;
    }

    private static HealthFinding? Restart(GaleraNode node, DateTimeOffset now) =>
        Server(node)?.RestartedAt is { } at && now - at < RecentRestart
            ? Warning("PodRestarted", node.Pod, $"Its server was restarted at {at:u} ({node.Restarts} restarts). See: kubectl logs {node.Pod} --previous")
            : null;

    private static void AddIfSizeDiffers(List<HealthFinding> findings, List<GaleraNode> members, int replicas)
    {
        var wrong = members.Where(node => node.Wsrep!.ClusterSize != replicas).ToList();
        if (wrong.Count > 0)
        {
            var views = string.Join("; ", wrong.GroupBy(node => node.Wsrep!.ClusterSize).Select(group => $"{group.Key} on {Names(group)}"));
            var quorum = replicas > 2 && members.Min(node => node.Wsrep!.ClusterSize) < 3 ? " With one more node away, the loss of another stops the database." : "";
            findings.Add(Error("ClusterSizeDiffers", null, $"wsrep_cluster_size is {views}, the StatefulSet asks for {replicas}.{quorum}"));
        }
    }

    private static void AddIfQuorumIsShort(List<HealthFinding> findings, int replicas)
    {
        if (replicas == 1)
        {
            findings.Add(Error("NoOtherNode", null, "The cluster has one node: while it is desynced nobody serves the database's clients."));
        }
        else if (replicas == 2)
        {
            findings.Add(Warning("NoQuorumReserve", null, "A cluster of 2 has no redundancy left while one node is desynced. Run three nodes or more."));
        }
    }

    private static void AddIfSplit(
        List<HealthFinding> findings, List<GaleraNode> nodes, FindingSeverity severity, string id, string variable, Func<WsrepStatus, string> value, string cure)
    {
        var groups = nodes.GroupBy(node => value(node.Wsrep!)).ToList();
        if (groups.Count > 1)
        {
            var views = string.Join("; ", groups.Select(group => $"{group.Key} on {Names(group)}"));
            findings.Add(new HealthFinding(id, severity, null, $"The nodes do not see the same: {variable} is {views}. {cure}"));
        }
    }

    private static ContainerSnapshot? Server(GaleraNode node) =>
        node.PodSnapshot.Containers.FirstOrDefault(container => container.Name == node.Layout?.Container);

    private static string Names(IEnumerable<GaleraNode> nodes) => string.Join(", ", nodes.Select(node => node.Pod));

    private static string Because(string? reason, string? message) => (reason, message) switch
    {
        (null, null) => "",
        (_, null) => $" ({reason})",
        (null, _) => $" ({message})",
        _ => $" ({reason}: {message})",
    };

    private static HealthFinding Error(string id, string? pod, string message) => new(id, FindingSeverity.Error, pod, message);

    private static HealthFinding Warning(string id, string? pod, string message) => new(id, FindingSeverity.Warning, pod, message);
}
