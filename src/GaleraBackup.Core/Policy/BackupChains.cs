namespace GaleraBackup.Policy;

/// <summary>Puts the backups of a volume together to the chains that they restore as.</summary>
public static class BackupChains
{
    /// <summary>Chains by their age, the oldest first. A chain whose full backup is missing or not finished is one that is not complete.</summary>
    /// <param name="withPartial">True to show partial backups with the chain that they would have belonged to.</param>
    public static IReadOnlyList<BackupChain> Of(IEnumerable<BackupSet> catalogue, bool withPartial = false) =>
    [
        .. catalogue
            .Where(backup => withPartial || backup.State != BackupState.Partial)
            .GroupBy(backup => backup.Base, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => Chain(group.Key, [.. group.OrderBy(backup => backup.Type).ThenBy(backup => backup.CreatedAt).ThenBy(backup => backup.BackupId, StringComparer.Ordinal)])),
    ];

    private static BackupChain Chain(string baseStamp, IReadOnlyList<BackupSet> backups)
    {
        var restorable = new HashSet<string>(StringComparer.Ordinal);
        foreach (var backup in backups)
        {
            // The vendor's incrementals say nothing of their parent: each continues the full backup.
            var parent = backup.Type == BackupType.Full ? null : backup.Parent ?? $"base/{baseStamp}";
            if (backup.State == BackupState.Complete && (parent is null || restorable.Contains(parent)))
            {
                restorable.Add(backup.BackupId);
            }
        }

        return new BackupChain { Base = baseStamp, Backups = backups, Restorable = [.. backups.Where(backup => restorable.Contains(backup.BackupId))] };
    }
}
