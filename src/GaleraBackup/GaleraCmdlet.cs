using System.Management.Automation;
using System.Runtime.InteropServices;
using GaleraBackup.Binding;
using GaleraBackup.Infrastructure;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup;

/// <summary>What every cmdlet of the module has: a token that Ctrl+C and SIGTERM cancel, and the way to run Core's workflows.</summary>
public abstract class GaleraCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly List<PosixSignalRegistration> _signals = [];
    private static int s_working;
    private static bool s_isOwnHost;
    private PosixSignal? _signal;

    /// <summary>True if somebody else answers a signal with the clean-up and the process's end: a cmdlet at work, or our own host.</summary>
    internal static bool EndsOnSignal => s_isOwnHost || Volatile.Read(ref s_working) > 0;

    internal static int ExitCodeOf(PosixSignal signal) => 128 + (signal == PosixSignal.SIGHUP ? 1 : 15);

    /// <summary>-WhatIf, or a $WhatIfPreference that it does not overrule.</summary>
    private protected bool IsWhatIf => MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
        ? given is SwitchParameter { IsPresent: true }
        : LanguagePrimitives.IsTrue(SessionState.PSVariable.GetValue("WhatIfPreference"));

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected override void StopProcessing() => _stopping.Cancel();

    protected virtual void Dispose(bool disposing)
    {
        StopListening();
        _stopping.Dispose();
    }

    /// <summary>A path as the file system knows it. The process's own current directory is not $PWD, and $PWD may be on another provider.</summary>
    private protected string FileSystemPath(string path)
    {
        var resolved = SessionState.Path.GetUnresolvedProviderPathFromPSPath(path, out var provider, out _);
        if (provider.Name != "FileSystem")
        {
            ThrowTerminatingError(new GaleraBackupException(
                "NotAFileSystemPath", FailureKind.Refused, $"'{path}' is a path of the provider {provider.Name}, not of the file system.",
                "Go to a folder with Set-Location, or give the full path.", path).ToErrorRecord());
        }

        return resolved;
    }

    /// <summary>Runs one piece of a workflow on a cluster, and turns its errors into terminating ones.</summary>
    internal T Run<T>(ClusterScope scope, Func<BackupContext, CancellationToken, Task<T>> work) =>
        Run(async (sink, token) =>
        {
            using var gateway = await ClusterGateway.OpenAsync(scope, token).ConfigureAwait(false);
            return await work(ContextOf(gateway, sink), token).ConfigureAwait(false);
        });

    internal static BackupContext ContextOf(ClusterGateway gateway, IProgressSink sink) =>
        new(gateway.Kubernetes, gateway.Galera, sink, TimeProvider.System);

    internal T Run<T>(Func<IProgressSink, CancellationToken, Task<T>> work)
    {
        try
        {
            return RunOrThrow(work);
        }
        catch (GaleraBackupException exception)
        {
            ThrowTerminatingError(exception.ToErrorRecord());
            throw;
        }
    }

    /// <summary>The same for a cmdlet that still has something to emit after an error.</summary>
    /// <exception cref="GaleraBackupException">What the workflow raises.</exception>
    internal T RunOrThrow<T>(Func<IProgressSink, CancellationToken, Task<T>> work)
    {
        ListenForSignals();
        var pump = new PipelinePump(this);
        Interlocked.Increment(ref s_working);
        try
        {
            return pump.Run(token => work(pump, token), _stopping.Token);
        }
        finally
        {
            // In this order no signal falls between two chairs.
            Interlocked.Decrement(ref s_working);
            StopListening();
            EndIfSignalled();
        }
    }

    // SIGTERM would end pwsh without StopProcessing or finally: hold it back until the work has cleaned up, then end the process ourselves.
    private void ListenForSignals()
    {
        // Our own host stops the pipeline itself, and ends with what the run has to tell.
        s_isOwnHost = Host.Name == "GaleraBackup.Host";
        if (_signals.Count > 0 || s_isOwnHost)
        {
            return;
        }

        foreach (var signal in new[] { PosixSignal.SIGTERM, PosixSignal.SIGHUP })
        {
            _signals.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                _signal = context.Signal;
                _stopping.Cancel();
            }));
        }
    }

    // Only while work of ours runs: at any other moment a signal is the process's own affair, and our clean-up hangs on its exit.
    private void StopListening()
    {
        foreach (var signal in _signals)
        {
            signal.Dispose();
        }

        _signals.Clear();
    }

    private void EndIfSignalled()
    {
        if (_signal is { } signal)
        {
            OpenSessions.CloseAll();
            Environment.Exit(ExitCodeOf(signal));
        }
    }
}
