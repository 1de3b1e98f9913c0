using k8s;

namespace Acceptance;

/// <summary>A desync that an administrator made. Disposing it undoes it, where it still is, and waits for Synced.</summary>
public sealed class ManualDesync : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly IKubernetes _client;
    private readonly DatabaseEndpoint _endpoint;

    private ManualDesync(IKubernetes client, DatabaseEndpoint endpoint) => (_client, _endpoint) = (client, endpoint);

    public static async Task<ManualDesync> OnAsync(IKubernetes client, int ordinal, CancellationToken cancellationToken)
    {
        var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal, cancellationToken);
        await endpoint.QueryAsync("SET GLOBAL wsrep_desync=ON", cancellationToken);
        return new ManualDesync(client, endpoint);
    }

    public async ValueTask DisposeAsync()
    {
        await _endpoint.QueryAsync("SET GLOBAL wsrep_desync=OFF", CancellationToken.None);
        await WholeCluster.WaitAsync(_client, Deadline, CancellationToken.None);
    }
}
