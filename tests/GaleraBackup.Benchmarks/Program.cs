using System.Globalization;
using System.Runtime.InteropServices;
using GaleraBackup.Benchmarks;
using GaleraBackup.Lab;

// What is measured, apart from the tests: each verb alone, without one all. Exit status 1 if a bound is broken.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
using var stop = new CancellationTokenSource();
using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
(string Verb, Func<Task<bool>> Run)[] benchmarks =
[
    ("catalogue", () => CatalogueBenchmark.RunAsync(stop.Token)),
    ("desync", async () => await DesyncBenchmark.RunAsync(await UpAsync(), stop.Token)),
    ("memory", async () => await MemoryBenchmark.RunAsync(await UpAsync(), stop.Token)),
    ("datapath", async () => await DataPathBenchmark.RunAsync(await UpAsync(), stop.Token)),
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

return held ? 0 : 1;

Task<Lab> UpAsync() => Lab.UpAsync(Console.Error, stop.Token);

// What a benchmark changed on the lab is put back first.
void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
