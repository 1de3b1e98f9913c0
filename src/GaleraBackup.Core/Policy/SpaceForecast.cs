namespace GaleraBackup.Policy;

/// <summary>What earlier backups took, next to the size of the server's data: pure, and only ever stricter than the data's size alone.</summary>
public static class SpaceForecast
{
    private const int Considered = 5;

    /// <summary>
    /// The greatest share of the data's size that the last five backups of this kind took on the volume; 1 where none took more, or none is known.
    /// </summary>
    public static decimal ShareOf(IEnumerable<BackupSet> catalogue, string clusterName, BackupType type) => catalogue
        .Where(backup => backup.ClusterName == clusterName && backup.Type == type && backup is { State: BackupState.Complete, Manifest.DatabaseBytes: > 0 })
        .OrderByDescending(backup => backup.CreatedAt)
        .Take(Considered)
        .Select(backup => (decimal)backup.Manifest!.StoredBytes / backup.Manifest.DatabaseBytes)
        .Append(1)
        .Max();
}
