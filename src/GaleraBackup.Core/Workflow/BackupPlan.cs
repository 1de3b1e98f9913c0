using System.Text;
using GaleraBackup.Policy;
using GaleraBackup.Runner;

namespace GaleraBackup.Workflow;

/// <summary>What a run would do: everything that reading alone can tell.</summary>
public sealed record BackupPlan
{
    public required BackupReplica Replica { get; init; }

    /// <summary>Who holds the lease now; null if nobody does.</summary>
    public string? LeaseHolder { get; init; }

    public required RunnerPod RunnerPod { get; init; }

    /// <summary>The runner pod's manifest, in YAML.</summary>
    public required string RunnerManifest { get; init; }

    /// <summary>The Services that the pod has to leave.</summary>
    public required IReadOnlySet<string> Services { get; init; }

    /// <summary>Full or incremental, and why.</summary>
    public required BackupTypeChoice Choice { get; init; }

    /// <summary>True if something would be pruned, should a rule say so.</summary>
    public bool Prunes { get; init; }

    /// <summary>What would become of each backup once the new one is there.</summary>
    public IReadOnlyList<RetentionDecision> Decisions { get; init; } = [];

    /// <summary>What would be pruned.</summary>
    public IEnumerable<RetentionDecision> Victims => Decisions.Where(decision => !decision.Keep);

    /// <summary>The steps in their order, for a person.</summary>
    public override string ToString()
    {
        var pod = Replica.Pod;
        var text = new StringBuilder()
            .AppendLine($"{Replica}, to claim {RunnerPod.BackupClaim}:")
            .AppendLine($"  1. Check the cluster: {(Replica.Cluster.Findings.Count == 0 ? "no findings" : string.Join("; ", Replica.Cluster.Findings))}")
            .AppendLine($"  2. Replica {pod}, the highest ordinal, on node {Replica.KubernetesNode}{(Replica.Unsafe ? ", of an UNSAFE cluster" : "")}")
            .AppendLine($"  3. Take the lease {Replica.Namespace}/{ClusterLease.NameOf(Replica.StatefulSet)}{(LeaseHolder is null ? "" : $" (refused at this moment: {LeaseHolder})")}")
            .AppendLine("  4. Create this pod and wait until it has checked space, rights and login:")
            .AppendLine(Indented(RunnerManifest))
            .AppendLine($"  5. On {pod}: SET GLOBAL wsrep_desync=ON; wait until it is Donor/Desynced, NotReady and out of the endpoints of {(Services.Count == 0 ? "no Service" : string.Join(", ", Services.Order()))}")
            .AppendLine($"  6. Run mariadb-backup to {RunnerPod.BackupClaim}: {RunnerPod.Environment["GALERA_BACKUP_ID"]}, {Choice.Type.ToString().ToLowerInvariant()}: {Choice.Reason}")
            .AppendLine($"  7. Wait until its receive queue is short; SET GLOBAL wsrep_desync=OFF; wait until it is Synced and Ready")
            .Append($"  8. {Prune}");
        foreach (var victim in Victims)
        {
            text.AppendLine().Append($"       {victim.Backup} ({ByteSize.Format(victim.SizeBytes)}), {victim.Reason}");
        }

        return text.ToString();
    }

    private string Prune => !Prunes
        ? "Remove no backup: no rule is given"
        : Replica.Unsafe
            ? "Remove no backup: none is removed after a backup of an unsafe cluster"
            : $"Keep the new backup and {Decisions.Count(decision => decision.Keep) - 1} more; remove {(Victims.Any() ? $"{Victims.Count()} ({ByteSize.Format(Victims.Sum(victim => victim.SizeBytes))}):" : "none")}";

    private static string Indented(string manifest) =>
        string.Join(Environment.NewLine, manifest.TrimEnd().Split('\n').Select(line => $"       {line.TrimEnd('\r')}"));
}
