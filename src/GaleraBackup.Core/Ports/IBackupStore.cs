namespace GaleraBackup.Ports;

/// <summary>The backups below one backup root: on a claim through a short pod, or in a mounted folder.</summary>
public interface IBackupStore : IAsyncDisposable
{
    /// <summary>The claim or folder, for people.</summary>
    string Location { get; }

    /// <summary>
    /// Everything that is laid out as a backup, partial ones too; what is not recognised is not listed. Throws
    /// <c>NotABackupRoot</c> if the root does not exist or is no folder.
    /// </summary>
    Task<IReadOnlyList<BackupSet>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Marks a backup to be kept, whatever the rules of retention say, or takes the mark away.</summary>
    Task SetKeepAsync(BackupSet backup, bool keep, CancellationToken cancellationToken);

    /// <summary>Removes one backup: renames it aside first, so that a half-removed one is never listed. Does nothing if it is gone. Throws
    /// <c>BackupInUse</c> if somebody reads or continues its chain.</summary>
    Task RemoveAsync(BackupSet backup, CancellationToken cancellationToken);
}
