using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace GaleraBackup.Benchmarks;

/// <summary>A full backup by the executable that a CronJob runs.</summary>
/// <param name="PeakBytes">The most memory that it had resident.</param>
internal sealed record HostBackup(JsonElement Run, long PeakBytes)
{
    private const string Peak = "VmHWM:";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public static async Task<HostBackup> TakeAsync(Lab.Lab lab, BackupRoot root, CancellationToken cancellationToken)
    {
        var executable = typeof(HostBackup).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "HostExecutable").Value!;
        using var process = Process.Start(new ProcessStartInfo(
            executable,
            ["--output", "json", "Invoke-GaleraBackup", "-KubeConfig", lab.KubeConfig, "-Namespace", Lab.Lab.Namespace, "-BackupPath", root.Name, "-BackupType", "Full"])
        {
            RedirectStandardOutput = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);

        // The kernel keeps the peak as long as there is the process: what is missed is what it grew by at the very end.
        long peak = 0;
        while (!process.HasExited)
        {
            peak = PeakOf(process.Id) ?? peak;
            await Task.Delay(Look, CancellationToken.None);
        }

        // Ctrl+C reaches it as well as us: it puts the replica back before it ends.
        cancellationToken.ThrowIfCancellationRequested();

        using var json = process.ExitCode == 0 ? JsonDocument.Parse(await output) : throw new InvalidOperationException($"The backup ended with {process.ExitCode}: {await output}");
        return new HostBackup(json.RootElement.Clone(), peak);
    }

    public double Seconds(string property) => TimeSpan.Parse(Value(property).GetString()!, CultureInfo.InvariantCulture).TotalSeconds;

    public long Bytes(string property) => Value(property).GetInt64();

    private JsonElement Value(string property) =>
        Run.EnumerateObject().First(entry => entry.Name.Equals(property, StringComparison.OrdinalIgnoreCase)).Value;

    // Null of a process that has ended.
    private static long? PeakOf(int process)
    {
        try
        {
            var line = File.ReadLines($"/proc/{process.ToString(CultureInfo.InvariantCulture)}/status").FirstOrDefault(line => line.StartsWith(Peak, StringComparison.Ordinal));
            return line is null ? null : long.Parse(line.AsSpan(Peak.Length).Trim(" \tkB"), CultureInfo.InvariantCulture) * 1024;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
