using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using GaleraBackup.Infrastructure;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup.Binding;

/// <summary>
/// The desyncs that this process has open: between Set-WsrepDesync On and Off the module keeps the session to the server and renews the
/// lease. A session is here from before its replica is touched until it is closed.
/// </summary>
internal static class OpenSessions
{
    private static readonly TimeSpan ExitTimeout = TimeSpan.FromSeconds(25);
    private static readonly ConcurrentDictionary<string, OpenSession> Sessions = new(StringComparer.Ordinal);
    private static readonly object Gate = new();
    private static PosixSignalRegistration[] s_signals = [];

    public static void Add(OpenSession session)
    {
        lock (Gate)
        {
            Sessions[session.Desync.RunId] = session;
            if (s_signals.Length == 0)
            {
                s_signals = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];
            }
        }
    }

    public static void Remove(OpenSession session)
    {
        lock (Gate)
        {
            Sessions.TryRemove(session.Desync.RunId, out _);
            if (Sessions.IsEmpty)
            {
                Array.ForEach(s_signals, signal => signal.Dispose());
                s_signals = [];
            }
        }
    }

    /// <summary>The session that keeps a replica desynced, from whatever object it is asked for; null if this process has none.</summary>
    public static OpenSession? Find(BackupReplica replica) => Sessions.Values.FirstOrDefault(
        session => session.Desync.RunId == replica.Desync?.RunId || session.Desync.Replica.Node.PodSnapshot.Uid == replica.Node.PodSnapshot.Uid);

    /// <summary>Puts every replica back that is still desynced. Waits no longer than a process may take to end.</summary>
    public static void CloseAll() => Task.WaitAll([.. Sessions.Values.Select(session => session.DisposeAsync().AsTask())], ExitTimeout);

    // Between two steps, or while a step that is not ours runs, nothing else stands between the signal and a replica left desynced: from .NET 10
    // on it does not even raise ProcessExit. Where work of ours runs, or our own host, that one cleans up and ends the process.
    private static void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!GaleraCmdlet.EndsOnSignal)
        {
            CloseAll();
            Environment.Exit(GaleraCmdlet.ExitCodeOf(context.Signal));
        }
    }
}

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

    private async Task CloseAsync()
    {
        await Desync.DisposeAsync().ConfigureAwait(false);
        _gateway.Dispose();
        OpenSessions.Remove(this);
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
