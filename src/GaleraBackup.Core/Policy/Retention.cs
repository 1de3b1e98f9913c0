namespace GaleraBackup.Policy;

/// <summary>
/// Which backups may go. Counts complete chains only (a full backup with its increments), so that failures never push a good
/// backup out, and removes a chain as a whole, so that no increment loses its base.
/// </summary>
public static class Retention
{
    /// <summary>The backups to remove so that the newest <paramref name="keepLast"/> complete chains remain, increments before their base.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="keepLast"/> is less than 1: the last backup is never removed.</exception>
    public static IReadOnlyList<BackupSet> Victims(IReadOnlyList<BackupSet> catalogue, int keepLast)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keepLast, 1);
        var expired = catalogue
            .Where(backup => backup is { Type: BackupType.Full, State: BackupState.Complete })
            .OrderByDescending(backup => backup.CreatedAt)
            .ThenByDescending(backup => backup.BackupId, StringComparer.Ordinal)
            .Skip(keepLast)
            .Select(backup => backup.Base)
            .ToHashSet(StringComparer.Ordinal);

        // Oldest chain first, and within it the newest increment first: whatever is interrupted leaves whole chains.
        return
        [
            .. catalogue
                .Where(backup => backup.State == BackupState.Complete && expired.Contains(backup.Base))
                .OrderBy(backup => backup.Base, StringComparer.Ordinal)
                .ThenByDescending(backup => backup.Type)
                .ThenByDescending(backup => backup.CreatedAt),
        ];
    }
}
