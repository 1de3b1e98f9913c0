using System.Diagnostics;
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
    private static readonly TimeSpan LongestRemoval = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

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

            return Catalogue.Read(files, manifests, ChainsInUse(), Location);
        },
        cancellationToken);

    /// <exception cref="GaleraBackupException"><c>NotABackup</c>, <c>StoreFailed</c></exception>
    public Task SetKeepAsync(BackupSet backup, bool keep, CancellationToken cancellationToken) => RunAsync(
        $"marked ({backup})",
        () =>
        {
            var mark = Path.Combine(FolderOf(backup).FullName, Catalogue.KeepMarker);
            if (keep)
            {
                File.Create(mark).Dispose();
            }
            else
            {
                File.Delete(mark);
            }

            return backup;
        },
        cancellationToken);

    /// <exception cref="GaleraBackupException"><c>NotABackup</c>, <c>NotABackupRoot</c>, <c>BackupInUse</c>, <c>StoreFailed</c></exception>
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
        var folder = FolderOf(backup);
        if (!folder.Exists)
        {
            return;
        }

        using var held = Hold(backup);

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
        if (backup.Type == BackupType.Incremental)
        {
            RemoveChain(folder.Parent!);
        }
        else
        {
            File.Delete(held.Name);
        }
    }

    private DirectoryInfo FolderOf(BackupSet backup)
    {
        var folder = new DirectoryInfo(Path.Combine(_root.FullName, backup.BackupId));
        return BackupName.TryParse(backup.BackupId, out _, out _, out _) && !IsLink(folder.Parent!) && !IsLink(folder.Parent!.Parent!) && !IsLink(folder)
            ? folder
            : throw NotABackup(backup);
    }

    /// <summary>
    /// Whoever reads or continues the chain holds this lock (flock), from a pod or from a mounted folder; the kernel gives it back when they
    /// die.
    /// </summary>
    private FileStream Hold(BackupSet backup)
    {
        var locks = Locks;
        if (IsLink(locks))
        {
            throw NotARoot($"'{locks.FullName}' is a symbolic link.", _root.FullName);
        }

        locks.Create();
        var path = Path.Combine(locks.FullName, backup.Base);
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            if (TryLock(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None) is { } held)
            {
                return held;
            }

            // Readers share it; another removal has it alone, and will be done.
            if (TryLock(path, FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read) is { } shared)
            {
                shared.Dispose();
                throw InUse(backup);
            }

            if (Stopwatch.GetElapsedTime(began) > LongestRemoval)
            {
                throw InUse(backup);
            }

            Thread.Sleep(Pause);
        }
    }

    // .NET takes an flock, exclusive without a share, and does not wait for it.
    private static FileStream? TryLock(string path, FileMode mode, FileAccess access, FileShare share)
    {
        try
        {
            return new FileStream(path, mode, access, share);
        }
        catch (IOException exception) when (exception is not (FileNotFoundException or DirectoryNotFoundException or PathTooLongException))
        {
            return null;
        }
    }

    private static GaleraBackupException InUse(BackupSet backup) => new(
        "BackupInUse", FailureKind.Refused, $"Somebody reads or continues the chain of {backup}.", "Try again once they are done.", backup);

    private DirectoryInfo Locks => new(Path.Combine(_root.FullName, ".locks"));

    private HashSet<string> ChainsInUse()
    {
        var inUse = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in Locks.Exists && !IsLink(Locks) ? Locks.EnumerateFiles().Where(file => !IsLink(file)) : [])
        {
            try
            {
                using var free = TryLock(file.FullName, FileMode.Open, FileAccess.Read, FileShare.None);
                if (free is null)
                {
                    inUse.Add(file.Name);
                }
            }
            catch (FileNotFoundException)
            {
                // Its chain was removed between two looks.
            }
        }

        return inUse;
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
