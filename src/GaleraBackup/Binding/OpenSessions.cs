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

    /// <summary>
    /// Puts one replica back: that of a session of this process; with <paramref name="force"/> another's too; else it only looks.
    /// A replica that is not drained in time keeps its session, so that Off can be called again.
    /// </summary>
    /// <returns>The replica, and Skipped if there was nothing to undo.</returns>
    /// <exception cref="GaleraBackupException"><c>NotOurDesync</c>, <c>DrainTimedOut</c>, <c>ResyncTimedOut</c>, and what the ports raise.</exception>
    public static async Task<(BackupReplica Replica, Outcome Outcome)> PutBackAsync(
        BackupReplica replica, DesyncOptions options, bool force, IProgressSink sink, CancellationToken cancellationToken)
    {
        var session = Find(replica);
        if (session is null && !force)
        {
            using var gateway = await ClusterGateway.OpenAsync(replica.Scope, cancellationToken).ConfigureAwait(false);
            var seen = await UnownedReplica
                .RequireNotDesyncedAsync(GaleraCmdlet.ContextOf(gateway, sink), replica, cancellationToken).ConfigureAwait(false);
            sink.Verbose($"{replica} is '{seen.Node.WsrepState}': there is nothing to undo.");
            return (seen, Outcome.Skipped);
        }

        session ??= await OpenSession.OpenAsync(replica, options, sink, DesyncSession.AdoptAsync, cancellationToken).ConfigureAwait(false);
        (session.Sink.Target, session.Desync.Options) = (sink, options);
        var stays = false;
        try
        {
            await session.Desync.ResyncAsync(cancellationToken).ConfigureAwait(false);
            return (await session.Desync.WaitUntilReadyAsync(cancellationToken).ConfigureAwait(false), Outcome.Succeeded);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "DrainTimedOut")
        {
            (session.Sink.Target, stays) = (null, true);
            throw;
        }
        finally
        {
            if (!stays)
            {
                await session.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

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
