namespace GaleraBackup;

/// <summary>The replica that a backup is taken from: what Select-BackupReplica emits and the rest of a pipeline works on.</summary>
public sealed record BackupReplica
{
    public string Namespace => Cluster.Namespace;
    public string StatefulSet => Cluster.StatefulSet;

    /// <summary>Name of the pod.</summary>
    public string Pod => Node.Pod;

    public int Ordinal => Node.Ordinal;
    public string? KubernetesNode => Node.KubernetesNode;
    public required GaleraNode Node { get; init; }
    public required GaleraCluster Cluster { get; init; }

    /// <summary>All nodes with the reason for which each was or was not taken.</summary>
    public required IReadOnlyList<ReplicaCandidate> Candidates { get; init; }

    /// <summary>True if the cluster was unsafe and -AllowUnsafeBackup was given.</summary>
    public bool Unsafe { get; init; }

    /// <summary>Our desync of it: null unless this object comes from Set-WsrepDesync On.</summary>
    public DesyncRecord? Desync { get; init; }

    public ClusterScope Scope => Cluster.Scope;

    public override string ToString() => $"{Namespace}/{Pod}";
}

public sealed record ReplicaCandidate(string Pod, int Ordinal, bool Selected, string Reason);

/// <summary>One desync of a replica that this module made.</summary>
public sealed record DesyncRecord
{
    /// <summary>The run that made it; the lease carries the same id.</summary>
    public required string RunId { get; init; }

    /// <summary>When the server was Donor/Desynced (UTC).</summary>
    public required DateTimeOffset DesyncedAt { get; init; }

    /// <summary>wsrep_desync_count before it.</summary>
    public required int CountBefore { get; init; }

    /// <summary>From wsrep_desync=ON until it was out of its Services.</summary>
    public TimeSpan LeavingDuration { get; init; }

    /// <summary>When the server was Synced again (UTC); null while it is desynced.</summary>
    public DateTimeOffset? SyncedAt { get; init; }

    /// <summary>What was found while it was taken out of its Services: <c>ReadinessIgnoresDesync</c>.</summary>
    public IReadOnlyList<HealthFinding> Findings { get; init; } = [];

    /// <summary>When the pod was Ready again (UTC).</summary>
    public DateTimeOffset? ReadyAt { get; init; }
}
