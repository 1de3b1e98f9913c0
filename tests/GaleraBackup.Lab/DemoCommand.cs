using System.Diagnostics;
using System.Reflection;

namespace GaleraBackup.Lab;

/// <summary>What the README's first command shows: the lab, data in it, a backup with its progress, and the backup on its volume.</summary>
internal static class DemoCommand
{
    private const long LoadBytes = 200L << 20;

    public static async Task<int> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var lab = await Lab.UpAsync(output, cancellationToken);
        var narrator = new Machine.Narrator(output);
        using (var client = lab.CreateClient())
        {
            narrator.Say($"Loading {LoadBytes >> 20} MiB of data.");
            var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal: 0, cancellationToken);
            await DataLoader.LoadAsync(endpoint, LoadBytes, seed: 1, progress: null, cancellationToken);
        }

        string[] cluster = ["-KubeConfig", lab.KubeConfig, "-Namespace", Lab.Namespace];
        foreach (string[] command in new string[][] { ["Test-GaleraCluster", .. cluster], ["Invoke-GaleraBackup", .. cluster, "-KeepLast", "3"] })
        {
            await output.WriteLineAsync($"{Environment.NewLine}> {string.Join(' ', command)}");
            if (await RunHostAsync(command, cancellationToken) is var status and not 0)
            {
                return status;
            }
        }

        await output.WriteLineAsync($"The backups on claim {Lab.BackupClaim}, which is {lab.Paths.BackupVolume} on this machine:");
        foreach (var file in Directory.EnumerateFiles(Path.Combine(lab.Paths.BackupVolume, "base"), "*", SearchOption.AllDirectories).Order())
        {
            await output.WriteLineAsync($"{new FileInfo(file).Length,12}  {Path.GetRelativePath(lab.Paths.BackupVolume, file)}");
        }

        return 0;
    }

    // A process of its own on this terminal: its progress, its tables and its exit status are what a user gets.
    private static async Task<int> RunHostAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var executable = typeof(DemoCommand).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "HostExecutable").Value!;
        using var process = Process.Start(executable, arguments);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode;
    }
}
