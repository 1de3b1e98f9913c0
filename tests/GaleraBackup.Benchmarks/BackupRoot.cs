namespace GaleraBackup.Benchmarks;

/// <summary>A backup root of a benchmark's own on the lab's backup volume. Disposing it removes it.</summary>
internal sealed class BackupRoot : IDisposable
{
    public BackupRoot(Lab.Lab lab)
    {
        Name = $"{Lab.Lab.TestFolderPrefix}{Guid.NewGuid():N}";
        Folder = Directory.CreateDirectory(Path.Combine(lab.Paths.BackupVolume, Name)).FullName;

        // The runner is not root on this machine either.
        File.SetUnixFileMode(Folder, (UnixFileMode)0b111_111_111);
    }

    /// <summary>As -BackupPath wants it.</summary>
    public string Name { get; }

    /// <summary>As this machine sees it.</summary>
    public string Folder { get; }

    /// <summary>Removes the backups in it.</summary>
    public void Clear()
    {
        foreach (var folder in Directory.EnumerateDirectories(Folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
