namespace GaleraBackup.Benchmarks;

/// <summary>How long the replica is desynced beyond mariadb-backup's own run: what the backup system itself costs the cluster.</summary>
internal static class DesyncBenchmark
{
    private const int Runs = 5;
    private const long LoadBytes = 200L << 20;
    private const double LongestSeconds = 3;

    public static async Task<bool> RunAsync(Lab.Lab lab, SeededDatabase database, CancellationToken cancellationToken)
    {
        using var root = new BackupRoot(lab);
        await database.ResizeAsync(LoadBytes, cancellationToken);

        Console.WriteLine("The replica's absence:");
        Console.WriteLine("run  desynced s  copying s  beyond s  whole run s");
        var beyond = new Figures();
        for (var run = 1; run <= Runs; run++)
        {
            var backup = await HostBackup.TakeAsync(lab, root, cancellationToken);
            root.Clear();
            var desynced = backup.Seconds("DesyncedDuration");
            var copying = backup.Seconds("CopyDuration");
            beyond.Add(desynced - copying);
            Console.WriteLine($"{run,3}  {desynced,10:0.00}  {copying,9:0.00}  {desynced - copying,8:0.00}  {backup.Seconds("Duration"),11:0.00}");
        }

        var bounds = new Bounds();
        bounds.Require(
            beyond.Max <= LongestSeconds,
            $"Desynced beyond mariadb-backup's own run: min {beyond.Min:0.00} s, median {beyond.Median:0.00} s, max {beyond.Max:0.00} s (bound: {LongestSeconds} s).");
        return bounds.Held;
    }
}
