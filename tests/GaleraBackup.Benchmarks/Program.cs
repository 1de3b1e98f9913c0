using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using GaleraBackup.Lab;

// How long the replica is desynced beyond mariadb-backup's own run: what the backup system itself costs the cluster.
const int Runs = 5;
const long LoadBytes = 200L << 20;
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

var lab = await Lab.UpAsync(Console.Error, CancellationToken.None);
using (var client = lab.CreateClient())
{
    var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal: 0, CancellationToken.None);
    await DataLoader.LoadAsync(endpoint, LoadBytes, seed: 1, progress: null, CancellationToken.None);
}

Console.WriteLine("run  desynced s  copying s  beyond s  whole run s");
var beyond = new List<double>();
for (var run = 1; run <= Runs; run++)
{
    using var result = await BackUpAsync();
    var json = result.RootElement;
    var desynced = Seconds(json, "DesyncedDuration");
    var copying = Seconds(json, "CopyDuration");
    beyond.Add(desynced - copying);
    Console.WriteLine($"{run,3}  {desynced,10:0.00}  {copying,9:0.00}  {beyond[^1],8:0.00}  {Seconds(json, "Duration"),11:0.00}");
}

beyond.Sort();
Console.WriteLine($"Desynced beyond mariadb-backup's own run, {Runs} runs: min {beyond[0]:0.00} s, median {beyond[Runs / 2]:0.00} s, max {beyond[^1]:0.00} s (bound: 3 s).");
return beyond[^1] <= 3 ? 0 : 1;

async Task<JsonDocument> BackUpAsync()
{
    var executable = typeof(Program).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(entry => entry.Key == "HostExecutable").Value!;
    using var process = Process.Start(new ProcessStartInfo(
        executable,
        ["--output", "json", "Invoke-GaleraBackup", "-KubeConfig", lab.KubeConfig, "-Namespace", Lab.Namespace, "-KeepLast", "2"])
    {
        RedirectStandardOutput = true,
    })!;
    var output = await process.StandardOutput.ReadToEndAsync();
    await process.WaitForExitAsync();
    return process.ExitCode == 0 ? JsonDocument.Parse(output) : throw new InvalidOperationException($"The backup ended with {process.ExitCode}: {output}");
}

static double Seconds(JsonElement run, string property) =>
    TimeSpan.Parse(run.EnumerateObject().First(entry => entry.Name.Equals(property, StringComparison.OrdinalIgnoreCase)).Value.GetString()!, CultureInfo.InvariantCulture).TotalSeconds;
