using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Policy;

namespace GaleraBackup.Commands;

/// <summary>
/// Removes the backups that no rule wants, a chain as a whole, and emits each with the reason. What one rule wants stays; the floors hold
/// whatever the rules say.
/// </summary>
[Cmdlet(VerbsCommon.Remove, "OldBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ByName)]
[OutputType(typeof(RetentionDecision))]
public sealed class RemoveOldBackupCommand : BackupStoreCmdlet
{
    private const string ByRun = nameof(ByRun);

    /// <summary>The run of Start-BackupRunner; a failed or an unsafe one prunes nothing.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ByRun)]
    public BackupRun BackupRun { get; set; } = null!;

    /// <summary>Keeps the newest chains of a full backup with its incrementals.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepLast { get; set; }

    /// <summary>Keeps chains with a backup that is younger.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan? KeepFor { get; set; }

    /// <summary>Keeps the newest chain of each of the last days (UTC) that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepDaily { get; set; }

    /// <summary>Keeps the newest chain of each of the last ISO weeks that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepWeekly { get; set; }

    /// <summary>Keeps the newest chain of each of the last months that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepMonthly { get; set; }

    /// <summary>Keeps so many chains in any case. With fewer asked for by -KeepLast alone, that number.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int MinimumRedundancy { get; set; } = new RetentionPolicy().MinimumRedundancy;

    /// <summary>Lets the vendor's own backups, which name no cluster, count and go with the others.</summary>
    [Parameter]
    public SwitchParameter AdoptLegacy { get; set; }

    private RetentionPolicy Policy => RetentionPolicy.Of(
        KeepLast, KeepFor, KeepDaily, KeepWeekly, KeepMonthly, IsGiven(nameof(MinimumRedundancy)) ? MinimumRedundancy : null, AdoptLegacy) with
    {
        ClusterName = ClusterName ?? (ParameterSetName == ByRun ? BackupRun.Manifest?.Cluster.Name : null),
    };

    protected override void ProcessRecord()
    {
        if (!Policy.HasRule)
        {
            ThrowTerminatingError(new GaleraBackupException(
                "NoRetentionRule", FailureKind.Refused, "Nothing says which backups are to be kept.",
                "Give at least one of -KeepLast, -KeepFor, -KeepDaily, -KeepWeekly, -KeepMonthly.").ToErrorRecord());
        }

        if (ParameterSetName == ByRun && (BackupRun.Backup != Outcome.Succeeded || BackupRun.Unsafe))
        {
            WriteVerbose($"{BackupRun} is {(BackupRun.Unsafe ? "unsafe" : "not a good backup")}: nothing is removed after it.");
            return;
        }

        UseStore(ParameterSetName == ByRun ? BackupRun : null, IsWhatIf, store =>
        {
            foreach (var decision in Decide(store.List()))
            {
                if (decision.Keep)
                {
                    WriteVerbose(decision.ToString());
                }
                else if (ShouldProcess($"{decision.Backup} on {decision.Backup.Location} ({ByteSize.Format(decision.SizeBytes)}), {decision.Reason}", "Remove backup")
                    && store.Try((backups, token) => backups.RemoveAsync(decision.Backup, token)))
                {
                    WriteObject(decision);
                }
            }
        });
    }

    private IReadOnlyList<RetentionDecision> Decide(IReadOnlyList<BackupSet> catalogue)
    {
        try
        {
            return Retention.Decide(catalogue, Policy, DateTimeOffset.UtcNow);
        }
        catch (GaleraBackupException exception)
        {
            ThrowTerminatingError(exception.ToErrorRecord());
            throw;
        }
    }
}
