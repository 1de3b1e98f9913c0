namespace GaleraBackup.Benchmarks;

/// <summary>What was promised, and whether it held.</summary>
internal sealed class Bounds
{
    public bool Held { get; private set; } = true;

    public void Require(bool holds, string what)
    {
        Console.WriteLine($"{(holds ? "held  " : "BROKEN")}  {what}");
        Held &= holds;
    }
}
