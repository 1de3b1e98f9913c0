namespace GaleraBackup;

/// <summary>One node of the cluster: the pod as Kubernetes sees it, and the server as it sees itself.</summary>
public sealed record GaleraNode
{
    /// <summary>Name of the pod.</summary>
    public required string Pod { get; init; }

    /// <summary>The number at the end of the pod's name.</summary>
    public required int Ordinal { get; init; }

    /// <summary>The Kubernetes node it runs on.</summary>
    public string? KubernetesNode { get; init; }

    /// <summary>The pod's phase: Pending, Running, Succeeded, Failed, Unknown.</summary>
    public required string Phase { get; init; }

    /// <summary>The pod's Ready condition.</summary>
    public required bool Ready { get; init; }

    public required int Restarts { get; init; }

    /// <summary>Label <c>mariadb_role</c>, where a controller keeps one (MOSK): primary or backup.</summary>
    public string? Role { get; init; }

    /// <summary>wsrep_local_state_comment, or null if the server could not be asked.</summary>
    public string? WsrepState => Wsrep?.LocalStateComment;

    /// <summary>Null if the server could not be asked; <see cref="Problem"/> then says why.</summary>
    public WsrepStatus? Wsrep { get; init; }

    /// <summary>Why the server could not be asked, as the finding it becomes; null if all is well.</summary>
    public HealthFinding? Problem { get; init; }

    /// <summary>The pod's image, claims and credentials, as discovered from its spec; null if it does not look like MariaDB.</summary>
    public MariaDbLayout? Layout { get; init; }

    public required PodSnapshot PodSnapshot { get; init; }

    /// <summary>The way to its cluster.</summary>
    public ClusterScope? Scope { get; init; }

    public override string ToString() => Pod;
}
