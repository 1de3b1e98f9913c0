using System.Globalization;
using GaleraBackup.Lab.Machine;

namespace GaleraBackup.Lab;

/// <summary>Fills the lab's database up to a size.</summary>
internal static class LoadCommand
{
    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1), ("", 1),
    ];

    /// <param name="bytes">How much is to be there in the end; what is there already counts.</param>
    public static async Task RunAsync(long bytes, TextWriter output, CancellationToken cancellationToken)
    {
        var lab = Lab.Locate();
        if (!await lab.WriteStatusAsync(TextWriter.Null, cancellationToken))
        {
            throw new LabException("the lab is not up: bring it up first");
        }

        using var client = lab.CreateClient();
        var narrator = new Narrator(output);
        narrator.Say($"Loading {bytes / 1e6:0} MB");
        var told = narrator.Elapsed;
        var progress = new Reporter(done =>
        {
            if (narrator.Elapsed - told > TimeSpan.FromSeconds(5))
            {
                told = narrator.Elapsed;
                narrator.Say($"  {done / 1e6:0} MB");
            }
        });
        var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal: 0, cancellationToken);
        await DataLoader.LoadAsync(endpoint, bytes, seed: 1, progress, cancellationToken);
        narrator.Say("Loaded");
    }

    /// <summary>A number with a unit, such as 200MB or 1.5GiB; null where it is none.</summary>
    public static long? ParseSize(string text)
    {
        foreach (var (unit, bytes) in Units)
        {
            const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowTrailingWhite;
            if (text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)
                && double.TryParse(text[..^unit.Length], Style, CultureInfo.InvariantCulture, out var number)
                && number > 0)
            {
                return (long)(number * bytes);
            }
        }

        return null;
    }

    // Progress<T> would report on another thread, in any order.
    private sealed class Reporter(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
