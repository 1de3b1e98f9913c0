using Acceptance;
using k8s;

[assembly: AssemblyFixture(typeof(LabFixture))]
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Acceptance;

/// <summary>Brings the lab up once for all tests. It stays up: the next run starts at once.</summary>
public sealed class LabFixture : IAsyncLifetime
{
    /// <summary>Large enough for a copy of some seconds, small enough for a suite of many.</summary>
    private const long LoadBytes = 64L << 20;

    private static readonly TimeSpan SettleDeadline = TimeSpan.FromSeconds(60);

    private string? _whyNot;
    private Lab? _lab;

    /// <summary>The lab, up. Skips the test where there can be none, unless GALERABACKUP_REQUIRE_LAB=1.</summary>
    public Lab Lab
    {
        get
        {
            Assert.SkipWhen(_whyNot is not null, $"The lab cannot run here: {_whyNot}");
            return _lab!;
        }
    }

    public async ValueTask InitializeAsync()
    {
        _whyNot = Lab.WhyItCannotRun();
        if (_whyNot is not null)
        {
            Assert.False(Environment.GetEnvironmentVariable("GALERABACKUP_REQUIRE_LAB") == "1", $"The lab is required and cannot run here: {_whyNot}");
            return;
        }

        _lab = await Lab.UpAsync(Console.Out, CancellationToken.None);

        // Of a run that was killed.
        foreach (var left in Remains.OnVolume(_lab))
        {
            Directory.Delete(left, recursive: true);
        }

        using var client = _lab.CreateClient();
        var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal: 0, CancellationToken.None);
        await DataLoader.LoadAsync(endpoint, LoadBytes, seed: 1, progress: null, CancellationToken.None);
    }

    /// <summary>Nothing may be left after the last test. What throws here makes the run fail.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_lab is null)
        {
            return;
        }

        using var client = _lab.CreateClient();
        await WholeCluster.WaitAsync(client, SettleDeadline, CancellationToken.None);
        IReadOnlyList<string> left = [.. await Remains.InClusterAsync(client), .. Remains.OnVolume(_lab)];
        if (left.Count > 0)
        {
            throw new InvalidOperationException($"The tests left behind: {string.Join("; ", left)}");
        }
    }
}
