namespace GaleraBackup.Policy;

/// <summary>
/// Which backups somebody wants. A chain that one rule wants is kept whole; what no rule wants goes, unless a floor forbids it.
/// </summary>
public sealed record RetentionPolicy
{
    /// <summary>The newest complete chains.</summary>
    public int? KeepLast { get; init; }

    /// <summary>Chains with a backup that is younger.</summary>
    public TimeSpan? KeepFor { get; init; }

    /// <summary>The newest complete chain of each of the last days (UTC) that have one; likewise of ISO weeks and of months.</summary>
    public int? KeepDaily { get; init; }
    public int? KeepWeekly { get; init; }
    public int? KeepMonthly { get; init; }

    /// <summary>A floor: so many complete chains stay, whatever the rules say.</summary>
    public int MinimumRedundancy { get; init; } = 2;

    /// <summary>The cluster whose history it is; null for the only one on the volume.</summary>
    public string? ClusterName { get; init; }

    /// <summary>True to let the vendor's backups, which name no cluster, count and go with the others.</summary>
    public bool AdoptLegacy { get; init; }

    /// <summary>As the parameters of a cmdlet say it: a floor that nobody named does not overrule a -KeepLast below it.</summary>
    public static RetentionPolicy Of(
        int? keepLast, TimeSpan? keepFor, int? keepDaily, int? keepWeekly, int? keepMonthly, int? minimumRedundancy, bool adoptLegacy)
    {
        var policy = new RetentionPolicy
        {
            KeepLast = keepLast,
            KeepFor = keepFor,
            KeepDaily = keepDaily,
            KeepWeekly = keepWeekly,
            KeepMonthly = keepMonthly,
            AdoptLegacy = adoptLegacy,
        };
        return policy with { MinimumRedundancy = minimumRedundancy ?? Math.Min(policy.MinimumRedundancy, keepLast ?? policy.MinimumRedundancy) };
    }

    /// <summary>True if there is a rule at all.</summary>
    public bool HasRule => (KeepLast, KeepFor, KeepDaily, KeepWeekly, KeepMonthly) is not (null, null, null, null, null);
}

/// <summary>What becomes of one backup, and why.</summary>
/// <param name="Reason">For a person: the rule that wants it, or that none does.</param>
public sealed record RetentionDecision(BackupSet Backup, bool Keep, string Reason)
{
    public string BackupId => Backup.BackupId;
    public BackupType Type => Backup.Type;
    public long SizeBytes => Backup.SizeBytes;
    public string Location => Backup.Location;

    public override string ToString() => $"{Backup}: {(Keep ? "kept" : "removed")}, {Reason}";
}
