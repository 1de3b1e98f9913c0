namespace GaleraBackup.Benchmarks;

/// <summary>The figures of one thing that was measured several times. Machines are noisy: the median is compared, the others say how noisy.</summary>
internal sealed class Figures
{
    private readonly List<double> _values = [];

    public double Min => _values.Min();

    public double Max => _values.Max();

    public double Median => _values.Order().ElementAt(_values.Count / 2);

    public void Add(double value) => _values.Add(value);
}
