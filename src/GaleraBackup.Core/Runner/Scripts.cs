namespace GaleraBackup.Runner;

/// <summary>The scripts that run in pods of ours: embedded, so that an image needs nothing but bash and mariadb-backup.</summary>
public static class Scripts
{
    public static string BackupRunner { get; } = Read("backup-runner.sh");

    public static string BackupCompressor { get; } = Read("backup-compressor.sh");

    public static string BackupStore { get; } = Read("backup-store.sh");

    private static string Read(string name)
    {
        using var stream = typeof(Scripts).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The script {name} is not embedded.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
