using System.Globalization;
using System.Runtime.InteropServices;
using GaleraBackup.Benchmarks;
using GaleraBackup.Lab;

// What is measured, apart from the tests: each verb alone, without one all. Exit status 1 if a bound is broken.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
using var stop = new CancellationTokenSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
SeededDatabase? database = null;
(string Verb, Func<Task<bool>> Run)[] benchmarks =
[
    ("catalogue", () => CatalogueBenchmark.RunAsync(stop.Token)),
    ("datapath", () => OnLabAsync(DataPathBenchmark.RunAsync)),
    ("memory", () => OnLabAsync(MemoryBenchmark.RunAsync)),
    ("desync", () => OnLabAsync(DesyncBenchmark.RunAsync)),
];
var wanted = benchmarks.Where(benchmark => args.Length == 0 || args.Contains(benchmark.Verb)).ToList();
if (wanted.Count < args.Length)
{
    Console.Error.WriteLine($"usage: GaleraBackup.Benchmarks [{string.Join('|', benchmarks.Select(benchmark => benchmark.Verb))}]...");
    return 2;
}

var held = true;
try
{
    foreach (var (_, run) in wanted)
    {
        held &= await run();
        Console.WriteLine();
    }
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    return 130;
}
finally
{
    if (database is not null)
    {
        await database.DisposeAsync();
    }
}

return held ? 0 : 1;

// Seeding takes longer than most measurements: what one has loaded, the next finds.
async Task<bool> OnLabAsync(Func<Lab, SeededDatabase, CancellationToken, Task<bool>> run)
{
    var lab = await Lab.UpAsync(Console.Error, stop.Token);
    database ??= await SeededDatabase.OpenAsync(lab.CreateClient(), stop.Token);
    return await run(lab, database, stop.Token);
}

// What a benchmark changed on the lab is put back first.
void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
