namespace GaleraBackup;

public enum FindingSeverity
{
    Information,
    Warning,

    /// <summary>Makes the cluster unsafe to back up.</summary>
    Error,
}

/// <summary>One thing that was found: a short stable id, and a sentence that says what is wrong and what to do.</summary>
public sealed record HealthFinding(string Id, FindingSeverity Severity, string? Pod, string Message)
{
    public override string ToString() => Pod is null ? $"{Id}: {Message}" : $"{Id} ({Pod}): {Message}";
}

/// <summary>The report of Test-GaleraCluster: a record for each node, and the findings.</summary>
public sealed record GaleraCluster
{
    public required string Namespace { get; init; }
    public required string StatefulSet { get; init; }

    /// <summary>Replicas that the StatefulSet asks for.</summary>
    public required int Replicas { get; init; }

    /// <summary>True if no finding is an Error: the cluster can spare a node for a backup.</summary>
    public bool IsSafe => Findings.All(finding => finding.Severity != FindingSeverity.Error);

    public required IReadOnlyList<GaleraNode> Nodes { get; init; }
    public required IReadOnlyList<HealthFinding> Findings { get; init; }

    /// <summary>UTC.</summary>
    public required DateTimeOffset CheckedAt { get; init; }

    public required ClusterScope Scope { get; init; }

    public override string ToString() => $"{Namespace}/{StatefulSet}";
}
