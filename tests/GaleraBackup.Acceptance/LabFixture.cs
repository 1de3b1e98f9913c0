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
        using var client = _lab.CreateClient();
        var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal: 0, CancellationToken.None);
        await DataLoader.LoadAsync(endpoint, LoadBytes, seed: 1, progress: null, CancellationToken.None);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
