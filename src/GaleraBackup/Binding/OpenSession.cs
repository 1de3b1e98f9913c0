using GaleraBackup.Infrastructure;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup.Binding;

/// <summary>A desync with the connections it lives on. Its messages go to the cmdlet that works on it now.</summary>
internal sealed class OpenSession : IAsyncDisposable
{
    private readonly ClusterGateway _gateway;
    private readonly Lazy<Task> _closing;

    private OpenSession(DesyncSession desync, ClusterGateway gateway, RelaySink sink)
    {
        (Desync, _gateway, Sink) = (desync, gateway, sink);
        _closing = new Lazy<Task>(CloseAsync);
        OpenSessions.Add(this);
    }

    public DesyncSession Desync { get; }

    /// <param name="open">Takes the lease: <see cref="DesyncSession.OpenAsync"/>, or <see cref="DesyncSession.AdoptAsync"/> for another's desync.</param>
    /// <exception cref="GaleraBackupException">As <paramref name="open"/>.</exception>
    public static async Task<OpenSession> OpenAsync(
        BackupReplica replica, DesyncOptions options, IProgressSink sink,
        Func<BackupContext, BackupReplica, DesyncOptions, CancellationToken, Task<DesyncSession>> open, CancellationToken cancellationToken)
    {
        // The connections stay open until Off: they are not the cmdlet's but the session's.
        var relay = new RelaySink { Target = sink };
        var gateway = await ClusterGateway.OpenAsync(replica.Scope, cancellationToken).ConfigureAwait(false);
        try
        {
            var desync = await open(GaleraCmdlet.ContextOf(gateway, relay), replica, options, cancellationToken).ConfigureAwait(false);
            return new OpenSession(desync, gateway, relay);
        }
        catch
        {
            gateway.Dispose();
            throw;
        }
    }

    public RelaySink Sink { get; }

    /// <summary>Whoever closes it, and however many: all wait for the same end.</summary>
    public ValueTask DisposeAsync() => new(_closing.Value);

    /// <summary>The same, waited for on this thread.</summary>
    /// <returns>Why the replica is still desynced; null if it is not.</returns>
    public GaleraBackupException? Close()
    {
        DisposeAsync().AsTask().GetAwaiter().GetResult();
        return Desync.Unmended;
    }

    private async Task CloseAsync()
    {
        await Desync.DisposeAsync().ConfigureAwait(false);
        _gateway.Dispose();
        OpenSessions.Remove(this);
    }
}
