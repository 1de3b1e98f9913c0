using GaleraBackup.Policy;
using GaleraBackup.Ports;

namespace GaleraBackup.Infrastructure;

/// <summary>
/// The backups in a mounted folder. Touches only names of the layout and follows no symbolic link below it. Whatever is gone when it is to be
/// removed, is removed: another run may be at it at the same time.
/// </summary>
public sealed class BackupFolder : IBackupStore
{
    private const long LongestManifest = 1 << 20;
    private const string LeftOver = "removed_";
    private const int Tries = 3;

    // A backup is as large as its own files: what a link leads to is neither measured nor, as Directory.Delete has it, removed.
    private static readonly EnumerationOptions OwnFiles = new()
    {
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
        return root.Exists && new DirectoryInfo(Path.Combine(root.FullName, "base")) is { Exists: true } folder && !IsLink(folder)
            ? new BackupFolder(root)
            : throw NotARoot($"'{root.FullName}' is no backup root: it has no folder 'base'.", path);
    }

    public Task<IReadOnlyList<BackupSet>> ListAsync(CancellationToken cancellationToken) => RunAsync<IReadOnlyList<BackupSet>>(
        "listed",
        () =>
        {
            var folders = Folders(_root, "base").Concat(Folders(_root, "incr").SelectMany(chain => Folders(chain)));
            var files = new List<StoredFile>();
            var manifests = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var folder in folders)
            {
                cancellationToken.ThrowIfCancellationRequested();
                Read(folder, files, manifests);
            }

            return Catalogue.Read(files, manifests, new HashSet<string>(), Location);
        },
        cancellationToken);

    /// <exception cref="GaleraBackupException"><c>NotABackup</c>, <c>NotABackupRoot</c>, <c>StoreFailed</c></exception>
    public Task RemoveAsync(BackupSet backup, CancellationToken cancellationToken) => RunAsync(
        $"removed ({backup})",
        () =>
        {
            Remove(backup);
            return backup;
        },
        cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Remove(BackupSet backup)
    {
        var partial = new DirectoryInfo(Path.Combine(_root.FullName, ".partial"));
        if (IsLink(partial))
        {
            throw NotARoot($"'{partial.FullName}' is a symbolic link.", _root.FullName);
        }

        RemoveLeftOvers(partial);
        if (!BackupName.TryParse(backup.BackupId, out var type, out _, out _))
        {
            throw NotABackup(backup);
        }

        var folder = new DirectoryInfo(Path.Combine(_root.FullName, backup.BackupId));
        if (IsLink(folder.Parent!) || IsLink(folder.Parent!.Parent!) || IsLink(folder))
        {
            throw NotABackup(backup);
        }

        if (!folder.Exists)
        {
            return;
        }

        // Renamed aside first: what is removed by half is never taken for a backup.
        partial.Create();
        var aside = Path.Combine(partial.FullName, $"{LeftOver}{backup.BackupId.Replace('/', '_')}");
        try
        {
            Directory.Move(folder.FullName, aside);
        }
        catch (DirectoryNotFoundException)
        {
            return;
        }

        RemoveFolder(aside);
        if (type == BackupType.Incremental)
        {
            RemoveChain(folder.Parent);
        }
    }

    private static void RemoveLeftOvers(DirectoryInfo partial)
    {
        try
        {
            foreach (var left in partial.EnumerateFileSystemInfos($"{LeftOver}*"))
            {
                RemoveFolder(left.FullName);
            }
        }
        catch (DirectoryNotFoundException)
        {
            // There never was one, or it is gone.
        }
    }

    // Of a link, it removes the link. Another removal may be at the same folder, and each then misses what the other has taken.
    private static void RemoveFolder(string path)
    {
        for (var left = Tries; ; left--)
        {
            try
            {
                if (new FileInfo(path) is { } file && (file.LinkTarget is not null || file.Exists))
                {
                    file.Delete();
                }
                else
                {
                    Directory.Delete(path, recursive: true);
                }

                return;
            }
            catch (DirectoryNotFoundException) when (!Directory.Exists(path))
            {
                return;
            }
            catch (IOException) when (left > 1)
            {
                // Once more, with what is left.
            }
        }
    }

    // The folder of a chain's increments goes with its last one.
    private static void RemoveChain(DirectoryInfo chain)
    {
        try
        {
            chain.Delete(recursive: false);
        }
        catch (IOException)
        {
            // It has others, or is gone.
        }
    }

    private static GaleraBackupException NotARoot(string message, string path) => new(
        "NotABackupRoot", FailureKind.Refused, message, "Name the folder that holds base/ and incr/.", path);

    private static GaleraBackupException NotABackup(BackupSet backup) => new(
        "NotABackup", FailureKind.Refused, $"'{backup.BackupId}' is not a backup of this layout.", "Nothing was removed.", backup);

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

    private void Read(DirectoryInfo folder, List<StoredFile> files, Dictionary<string, string> manifests)
    {
        try
        {
            var id = Path.GetRelativePath(_root.FullName, folder.FullName).Replace(Path.DirectorySeparatorChar, '/');
            foreach (var file in folder.EnumerateFiles("*", OwnFiles))
            {
                files.Add(new StoredFile($"{id}/{file.Name}", file.Length));
                if (file.Name == BackupManifest.FileName && file.Length < LongestManifest)
                {
                    manifests[id] = File.ReadAllText(file.FullName);
                }
            }
        }
        catch (Exception exception) when (exception is DirectoryNotFoundException or FileNotFoundException)
        {
            // Removed between two looks.
        }
    }
}
