namespace GaleraBackup.Benchmarks;

/// <summary>The memory of the process that orchestrates a backup, which no byte of it passes through: as much for a large database as for a small one.</summary>
internal static class MemoryBenchmark
{
    private const int Runs = 3;
    private const long SmallBytes = 4L << 20;
    private const double LargestDifference = 10;
    private const double Megabyte = 1e6;

    public static async Task<bool> RunAsync(Lab.Lab lab, SeededDatabase database, CancellationToken cancellationToken)
    {
        using var root = new BackupRoot(lab);
        var large = await MeasureAsync(lab, root, database, SeededDatabase.LargeBytes, cancellationToken);
        var small = await MeasureAsync(lab, root, database, SmallBytes, cancellationToken);

        Console.WriteLine($"Peak of the orchestrator's resident memory (VmHWM of galera-backup), {Runs} runs each:");
        Console.WriteLine("backup of MB  min MB  median MB  max MB");
        foreach (var (streamed, peak) in (ReadOnlySpan<(double, Figures)>)[small, large])
        {
            Console.WriteLine($"{streamed,12:0}  {peak.Min,6:0.0}  {peak.Median,9:0.0}  {peak.Max,6:0.0}");
        }

        var difference = large.Peak.Median - small.Peak.Median;
        var bounds = new Bounds();
        bounds.Require(Math.Abs(difference) <= LargestDifference, $"The medians differ by {difference:0.0} MB (bound: {LargestDifference} MB).");
        return bounds.Held;
    }

    private static async Task<(double Streamed, Figures Peak)> MeasureAsync(Lab.Lab lab, BackupRoot root, SeededDatabase database, long rows, CancellationToken cancellationToken)
    {
        await database.ResizeAsync(rows, cancellationToken);
        var peak = new Figures();
        double streamed = 0;
        for (var run = 0; run < Runs; run++)
        {
            var backup = await HostBackup.TakeAsync(lab, root, cancellationToken);
            root.Clear();
            streamed = backup.Bytes("StreamedBytes") / Megabyte;
            peak.Add(backup.PeakBytes / Megabyte);
        }

        return (streamed, peak);
    }
}
