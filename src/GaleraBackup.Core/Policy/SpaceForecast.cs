namespace GaleraBackup.Policy;

/// <summary>What the next backup may take, after what earlier ones took: pure.</summary>
public static class SpaceForecast
{
    private const int Considered = 5;

    /// <summary>The size of the largest of the cluster's last five complete backups of this kind on the volume, in bytes; 0 where there is none.</summary>
    public static long ExpectedBytes(IEnumerable<BackupSet> catalogue, string clusterName, BackupType type) => catalogue
        .Where(backup => backup.ClusterName == clusterName && backup.Type == type && backup.State == BackupState.Complete)
        .OrderByDescending(backup => backup.CreatedAt)
        .Take(Considered)
        .Select(backup => backup.SizeBytes)
        .DefaultIfEmpty(0)
        .Max();
}
