using System.Diagnostics;
using GaleraBackup.Infrastructure;
using GaleraBackup.Policy;
using GaleraBackup.Runner;

namespace GaleraBackup.Benchmarks;

/// <summary>
/// How long it takes to list the backups of a root and to decide which may go: in a mounted folder, and by the script that runs in a pod for a
/// claim, here without the pod and the way to it.
/// </summary>
internal static class CatalogueBenchmark
{
    private const int Rounds = 5;
    private const double LongestSeconds = 2;

    // Of the time for one backup, among 10 000 and among 1 000.
    private const double LargestGrowth = 1.3;

    // The largest first: what a process that has compiled nothing yet takes longer, is in its figures and not in those of the smaller ones.
    private static readonly int[] Sizes = [10_000, 1_000, 100];

    private static readonly RetentionPolicy Policy = new() { KeepLast = 2, KeepDaily = 7, KeepWeekly = 5, KeepMonthly = 12 };

    public static async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        var stores = new List<SampleStore>();
        try
        {
            foreach (var size in Sizes)
            {
                stores.Add(SampleStore.Create(size));
            }

            return await MeasureAsync(stores, cancellationToken);
        }
        finally
        {
            stores.ForEach(store => store.Dispose());
        }
    }

    private static async Task<bool> MeasureAsync(List<SampleStore> stores, CancellationToken cancellationToken)
    {
        (string Name, Func<SampleStore, Task<IReadOnlyList<BackupSet>>> List)[] readers = [("folder", ListFolderAsync), ("script", ListByScriptAsync)];
        var seconds = new Dictionary<(string, int), Figures>();
        for (var round = 0; round < Rounds; round++)
        {
            foreach (var (name, list) in readers)
            {
                for (var turn = 0; turn < stores.Count; turn++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    var store = stores[(round + turn) % stores.Count];
                    var began = Stopwatch.GetTimestamp();
                    var catalogue = await list(store);
                    var decisions = Retention.Decide(catalogue, Policy, store.Now);
                    var took = Stopwatch.GetElapsedTime(began).TotalSeconds;
                    RequireRight(store, catalogue, decisions);
                    seconds.TryAdd((name, store.Backups), new Figures());
                    seconds[(name, store.Backups)].Add(took);
                }
            }
        }

        Console.WriteLine($"Listing a backup root and deciding what may go, {Rounds} runs, files in the page cache:");
        Console.WriteLine("reader  backups   min s  median s   max s  median of one, µs");
        foreach (var (name, _) in readers)
        {
            foreach (var size in Sizes.Order())
            {
                var figures = seconds[(name, size)];
                Console.WriteLine($"{name,-6}  {size,7}  {figures.Min,6:0.000}  {figures.Median,8:0.000}  {figures.Max,6:0.000}  {figures.Median / size * 1e6,18:0}");
            }
        }

        var bounds = new Bounds();
        foreach (var (name, _) in readers)
        {
            var (most, many) = (seconds[(name, 10_000)], seconds[(name, 1_000)]);
            bounds.Require(most.Median < LongestSeconds, $"{name}: 10 000 backups take {most.Median:0.00} s (bound: {LongestSeconds} s).");
            var growth = most.Median / 10 / many.Median;
            bounds.Require(growth <= LargestGrowth, $"{name}: one of 10 000 takes {growth:0.00} times one of 1 000 (bound: {LargestGrowth}).");
        }

        return bounds.Held;
    }

    private static async Task<IReadOnlyList<BackupSet>> ListFolderAsync(SampleStore store)
    {
        await using var folder = BackupFolder.Open(store.Root);
        return await folder.ListAsync(CancellationToken.None);
    }

    private static async Task<IReadOnlyList<BackupSet>> ListByScriptAsync(SampleStore store)
    {
        var start = new ProcessStartInfo("/bin/bash", ["-c", Scripts.BackupStore, "backup-store", "list"]) { RedirectStandardOutput = true };
        start.Environment["GALERA_BACKUP_MOUNT"] = store.Root;
        start.Environment["GALERA_BACKUP_ROOT"] = store.Root;
        using var script = Process.Start(start)!;
        var listing = await script.StandardOutput.ReadToEndAsync();
        await script.WaitForExitAsync();
        return Catalogue.ReadListing(listing, store.Root);
    }

    // A reader that misses some would be fast.
    private static void RequireRight(SampleStore store, IReadOnlyList<BackupSet> catalogue, IReadOnlyList<RetentionDecision> decisions)
    {
        var chains = BackupChains.Of(catalogue);
        if (catalogue.Count != store.Backups || decisions.Count != store.Backups || chains.Count != store.Chains || !chains.All(chain => chain.IsComplete)
            || decisions.Select(decision => decision.Keep).Distinct().Count() != 2)
        {
            throw new InvalidOperationException($"The {store.Backups} backups were not read as they are: {catalogue.Count} in {chains.Count} chains, {catalogue.FirstOrDefault(backup => backup.Problem is not null)?.Problem}.");
        }
    }
}
