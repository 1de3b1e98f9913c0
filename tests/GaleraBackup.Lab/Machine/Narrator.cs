using System.Diagnostics;
using System.Globalization;

namespace GaleraBackup.Lab.Machine;

/// <summary>Says what the lab is doing, each line with the seconds since the command began.</summary>
internal sealed class Narrator(TextWriter output)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly Lock _gate = new();

    public TimeSpan Elapsed => _clock.Elapsed;

    public void Say(string message)
    {
        lock (_gate)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"[{_clock.Elapsed.TotalSeconds,7:0.0} s] {message}"));
            output.Flush();
        }
    }

    /// <summary>Runs what takes long, and says every half minute that it is still at it.</summary>
    public async Task<T> DuringAsync<T>(string what, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        Say(what);
        var began = _clock.Elapsed;
        var task = work(cancellationToken);
        while (await Task.WhenAny(task, Task.Delay(TimeSpan.FromSeconds(30), cancellationToken)) != task)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Say($"... still {char.ToLowerInvariant(what[0])}{what[1..]} ({(_clock.Elapsed - began).TotalSeconds:0} s)");
        }

        return await task;
    }
}
