using System.Collections.Concurrent;
using GaleraBackup.Infrastructure;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup.Binding;

/// <summary>
/// The desyncs that cmdlets typed one by one left open: between Set-WsrepDesync On and Off the module keeps the session to the
/// server and renews the lease.
/// </summary>
internal static class OpenSessions
{
    private static readonly TimeSpan ExitTimeout = TimeSpan.FromSeconds(25);
    private static readonly ConcurrentDictionary<string, OpenSession> Sessions = new(StringComparer.Ordinal);

    public static void Add(OpenSession session) => Sessions[session.Desync.RunId] = session;

    /// <summary>Hands the session over to the caller, who closes it; null if this process has none of that id.</summary>
    public static OpenSession? Take(string? runId) => runId is not null && Sessions.TryRemove(runId, out var session) ? session : null;

    /// <summary>Puts every replica back that is still desynced. Waits no longer than a process may take to end.</summary>
    public static void CloseAll()
    {
        var closing = Sessions.Keys.Select(Take).OfType<OpenSession>().Select(session => session.DisposeAsync().AsTask()).ToArray();
        Task.WaitAll(closing, ExitTimeout);
    }
}

/// <summary>A desync with the connections it lives on. Its messages go to the cmdlet that works on it now.</summary>
internal sealed class OpenSession(DesyncSession desync, ClusterGateway gateway, RelaySink sink) : IAsyncDisposable
{
    public DesyncSession Desync => desync;

    public RelaySink Sink => sink;

    public async ValueTask DisposeAsync()
    {
        await desync.DisposeAsync().ConfigureAwait(false);
        gateway.Dispose();
    }
}

/// <summary>Passes on to a sink that changes; drops what is said while there is none.</summary>
internal sealed class RelaySink : IProgressSink
{
    public IProgressSink? Target { get; set; }

    public void Progress(WorkflowProgress progress) => Target?.Progress(progress);

    public void Verbose(string message) => Target?.Verbose(message);

    public void Warning(string message) => Target?.Warning(message);
}
