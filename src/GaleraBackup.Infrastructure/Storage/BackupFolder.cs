using GaleraBackup.Policy;
using GaleraBackup.Ports;

namespace GaleraBackup.Infrastructure;

/// <summary>The backups in a mounted folder. Touches only names of the layout and follows no symbolic link.</summary>
public sealed class BackupFolder : IBackupStore
{
    private const string SuccessMarker = "backup.successful";

    // A backup is as large as its own files: what a link leads to is neither measured nor, as Directory.Delete has it, removed.
    private static readonly EnumerationOptions OwnFiles = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = FileAttributes.ReparsePoint,
        IgnoreInaccessible = false,
    };

    private readonly DirectoryInfo _root;

    private BackupFolder(DirectoryInfo root)
    {
        _root = root;
    }

    public string Location => _root.FullName;

    /// <exception cref="GaleraBackupException"><c>NotABackupRoot</c></exception>
    public static BackupFolder Open(string path)
    {
        var root = new DirectoryInfo(path);
        return root.Exists && Directory.Exists(Path.Combine(root.FullName, "base"))
            ? new BackupFolder(root)
            : throw new GaleraBackupException(
                "NotABackupRoot", FailureKind.Refused,
                $"'{root.FullName}' is no backup root: it has no folder 'base'.",
                "Name the folder that holds base/ and incr/.", path);
    }

    public Task<IReadOnlyList<BackupSet>> ListAsync(CancellationToken cancellationToken) => RunAsync<IReadOnlyList<BackupSet>>(
        "listed",
        () =>
        {
            var folders = Folders(_root, "base").Concat(Folders(_root, "incr").SelectMany(chain => Folders(chain)));
            return [.. folders.Select(folder => Read(folder, cancellationToken)).OfType<BackupSet>()];
        },
        cancellationToken);

    public Task RemoveAsync(BackupSet backup, CancellationToken cancellationToken) => RunAsync(
        $"removed ({backup})",
        () =>
        {
            if (!BackupName.TryParse(backup.BackupId, out _, out _, out _))
            {
                throw new GaleraBackupException(
                    "NotABackup", FailureKind.Refused, $"'{backup.BackupId}' is not a backup of this layout.", "Nothing was removed.", backup);
            }

            var folder = new DirectoryInfo(Path.Combine(_root.FullName, backup.BackupId));
            if (!folder.Exists || IsLink(folder) || IsLink(folder.Parent!))
            {
                return backup;
            }

            // Renamed aside first: what is removed by half is never taken for a backup.
            var aside = Path.Combine(_root.CreateSubdirectory(".partial").FullName, $"removed_{backup.BackupId.Replace('/', '_')}");
            folder.MoveTo(aside);
            Directory.Delete(aside, recursive: true);
            return backup;
        },
        cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static IEnumerable<DirectoryInfo> Folders(DirectoryInfo parent, string name)
    {
        var folder = new DirectoryInfo(Path.Combine(parent.FullName, name));
        return folder.Exists && !IsLink(folder) ? Folders(folder) : [];
    }

    private static IEnumerable<DirectoryInfo> Folders(DirectoryInfo parent) => parent.EnumerateDirectories().Where(folder => !IsLink(folder));

    private async Task<T> RunAsync<T>(string what, Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(work, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new GaleraBackupException(
                "StoreFailed", FailureKind.Failed, $"The backups in '{Location}' could not be {what}: {exception.Message}",
                "Check that you may read and write there, and that the volume is well.", Location);
        }
    }

    private static bool IsLink(FileSystemInfo entry) => entry.LinkTarget is not null;

    private BackupSet? Read(DirectoryInfo folder, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var id = Path.GetRelativePath(_root.FullName, folder.FullName).Replace(Path.DirectorySeparatorChar, '/');
        return BackupName.ToBackupSet(
            id,
            folder.EnumerateFiles("*", OwnFiles).Sum(file => file.Length),
            File.Exists(Path.Combine(folder.FullName, SuccessMarker)),
            Location);
    }
}
