using GaleraBackup.Lab;
using k8s;

namespace GaleraBackup.Benchmarks;

/// <summary>The lab's cluster with as much data as a benchmark wants, the same rows for the same size. Disposing it puts back what was there.</summary>
internal sealed class SeededDatabase : IAsyncDisposable
{
    /// <summary>What a large database has; a little more than a gigabyte of files.</summary>
    public const long LargeBytes = 1_000_000_000;

    private const int Seed = 1;
    private readonly IKubernetes _client;
    private readonly long _before;

    private SeededDatabase(IKubernetes client, long before) => (_client, _before) = (client, before);

    public static async Task<SeededDatabase> OpenAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal: 0, cancellationToken);
        return new SeededDatabase(client, await DataLoader.SizeAsync(endpoint, cancellationToken));
    }

    /// <param name="bytes">Of rows; the files take about a fifth more.</param>
    public async Task ResizeAsync(long bytes, CancellationToken cancellationToken)
    {
        var endpoint = await DatabaseEndpoint.OfAdminAsync(_client, ordinal: 0, cancellationToken);
        if (await DataLoader.SizeAsync(endpoint, cancellationToken) > bytes)
        {
            await DataLoader.ClearAsync(endpoint, cancellationToken);
        }

        Console.Error.WriteLine($"Seeding the database with {bytes >> 20} MiB of rows.");
        await DataLoader.LoadAsync(endpoint, bytes, Seed, progress: null, cancellationToken);
        await WholeCluster.WaitAsync(_client, TimeSpan.FromMinutes(2), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await ResizeAsync(_before, CancellationToken.None);
        for (var ordinal = 0; ordinal < ClusterNames.Replicas; ordinal++)
        {
            var endpoint = await DatabaseEndpoint.OfAdminAsync(_client, ordinal, CancellationToken.None);
            await endpoint.QueryAsync("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY", CancellationToken.None);
        }

        _client.Dispose();
    }
}
