namespace GaleraBackup.Policy;

/// <summary>
/// The last look before SET GLOBAL wsrep_desync=ON. Minutes may have passed since the replica was chosen: a peer may be gone, or
/// somebody may have desynced another node; two of three out of the game is one too many.
/// </summary>
public static class DesyncGuard
{
    /// <summary>Why the replica must not be desynced now; null if it may.</summary>
    /// <param name="now">The cluster as it is at this moment.</param>
    /// <returns>
    /// <c>WrongServer</c>, <c>ReplicaAlreadyDesynced</c>: never to be overruled. <c>ReplicaNotSynced</c>, <c>OtherNodeDesynced</c>,
    /// <c>QuorumAtRisk</c>, <c>ClusterUnsafe</c>: a user who accepted an unsafe cluster accepts these too.
    /// </returns>
    public static GaleraBackupException? WhyNot(BackupReplica replica, GaleraCluster now)
    {
        if (now.Nodes.FirstOrDefault(node => node.Pod == replica.Pod) is not { Wsrep: { } wsrep } target
            || target.PodSnapshot.Uid != replica.Node.PodSnapshot.Uid)
        {
            return Refuse(
                "WrongServer", replica, $"{replica} is not the pod any more that was chosen, or its server does not answer.",
                "The pod was replaced or stopped meanwhile: run Test-GaleraCluster again.");
        }

        if (wsrep.Desync)
        {
            return AlreadyDesynced(replica, wsrep.DesyncCount);
        }

        if (wsrep.LocalState != WsrepStatus.Synced)
        {
            return Refuse(
                "ReplicaNotSynced", replica, $"{replica} is '{wsrep.LocalStateComment}', not Synced.",
                "It joins, or it feeds a joiner: wait until it is Synced.");
        }

        var others = now.Nodes.Where(node => node != target).ToList();
        var desynced = others.Where(node => node.Wsrep is { Desync: true } or { LocalState: WsrepStatus.DonorDesynced }).ToList();
        if (desynced.Count > 0)
        {
            return Refuse(
                "OtherNodeDesynced", replica, $"{string.Join(", ", desynced)} of the same cluster is desynced already: {replica} would be one more.",
                "Somebody desynced it on purpose, or it feeds a joiner: wait until it is Synced again.");
        }

        // The loss of the replica must leave the rest a majority of the component; a cluster of two never has that, which is its owner's choice.
        var serving = others.Count(node => node is { Ready: true, Wsrep: { ClusterStatus: "Primary", LocalState: WsrepStatus.Synced } });
        if (serving == 0 || (now.Replicas > 2 && (wsrep.ClusterSize < 3 || serving * 2 < wsrep.ClusterSize)))
        {
            return Refuse(
                "QuorumAtRisk", replica,
                $"With {replica} desynced {serving} of {now.Replicas} nodes are left that are Primary, Synced and Ready; its component has {wsrep.ClusterSize} members.",
                "Mend the other nodes first: see Test-GaleraCluster.");
        }

        return now.IsSafe ? null : ReplicaSelection.Unsafe(now);
    }

    /// <summary>True for what holds whatever the user accepted.</summary>
    public static bool IsAbsolute(GaleraBackupException refusal) => refusal.ErrorId is "WrongServer" or "ReplicaAlreadyDesynced";

    /// <summary><c>ReplicaAlreadyDesynced</c></summary>
    public static GaleraBackupException AlreadyDesynced(BackupReplica replica, int count) => Refuse(
        "ReplicaAlreadyDesynced", replica,
        $"wsrep_desync is already ON on {replica} (wsrep_desync_count {count}), and not by this run.",
        "Somebody keeps it desynced on purpose, or an earlier run died: find out, then Set-WsrepDesync -State Off -Force.");

    private static GaleraBackupException Refuse(string id, BackupReplica replica, string message, string recommendation) =>
        new(id, FailureKind.Refused, message, recommendation, replica);
}
