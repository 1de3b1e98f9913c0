using System.Management.Automation;
using GaleraBackup.Policy;

namespace GaleraBackup.Commands;

/// <summary>The catalogue: the backups on a claim or in a mounted folder, the oldest first; the vendor's own, too. Changes nothing.</summary>
[Cmdlet(VerbsCommon.Get, "GaleraBackup", DefaultParameterSetName = ByName)]
[OutputType(typeof(BackupSet), typeof(BackupChain))]
public sealed class GetGaleraBackupCommand : BackupStoreCmdlet
{
    /// <summary>Ids, with wildcards: base/2026-01-*.</summary>
    [Parameter(Position = 0)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Id { get; set; } = ["*"];

    /// <summary>Only those that are not older (by the time at which they began).</summary>
    [Parameter]
    public DateTimeOffset? After { get; set; }

    /// <summary>Only those that are older.</summary>
    [Parameter]
    public DateTimeOffset? Before { get; set; }

    /// <summary>Only the newest that can be restored.</summary>
    [Parameter]
    public SwitchParameter Latest { get; set; }

    /// <summary>Whole chains, each a full backup with its incrementals, that hold one of those asked for.</summary>
    [Parameter]
    public SwitchParameter Chain { get; set; }

    protected override void ProcessRecord() => UseStore(run: null, readOnly: true, store =>
    {
        var chains = BackupChains.Of(store.List().Where(backup => ClusterName is null || backup.ClusterName == ClusterName), withPartial: true);
        var wanted = chains.SelectMany(chain => chain.Backups).Where(IsWanted).ToHashSet();
        if (Latest)
        {
            var restorable = chains.SelectMany(chain => chain.Restorable).Where(wanted.Contains);
            wanted = restorable.OrderBy(backup => backup.CreatedAt).ThenBy(backup => backup.BackupId, StringComparer.Ordinal).TakeLast(1).ToHashSet();
        }

        foreach (var chain in chains.Where(chain => chain.Backups.Any(wanted.Contains)))
        {
            WriteObject(Chain ? (object)chain : chain.Backups.Where(wanted.Contains), enumerateCollection: !Chain);
        }

        RequireFound(wanted);
    });

    private bool IsWanted(BackupSet backup) =>
        Id.Any(id => WildcardPattern.Get(id, WildcardOptions.IgnoreCase).IsMatch(backup.BackupId))
        && (After is not { } after || backup.CreatedAt >= after)
        && (Before is not { } before || backup.CreatedAt < before);

    // A name without wildcards is meant: that it is not there is an error.
    private void RequireFound(HashSet<BackupSet> found)
    {
        foreach (var id in Id.Where(id => !WildcardPattern.ContainsWildcardCharacters(id)))
        {
            if (!found.Any(backup => backup.BackupId.Equals(id, StringComparison.OrdinalIgnoreCase)))
            {
                WriteError(new GaleraBackupException(
                    "BackupNotFound", FailureKind.NotFound, $"There is no backup '{id}'.", "See which there are: Get-GaleraBackup.", id).ToErrorRecord());
            }
        }
    }
}
