using System.Runtime.InteropServices;

namespace GaleraBackup.Host;

/// <summary>
/// Ctrl+C, SIGTERM and SIGHUP become a cancelled token, so that cmdlets put the replica back before the process ends. Only the third
/// one ends it at once.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private const int Patience = 3;

    private readonly CancellationTokenSource _stopping = new();
    private readonly TextWriter _error;
    private readonly List<PosixSignalRegistration> _registrations;
    private readonly Lock _lock = new();
    private int _received;

    public StopSignals(TextWriter error)
    {
        _error = error;
        _registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }
            .Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];
    }

    public CancellationToken Token => _stopping.Token;

    /// <summary>128 + the signal's number, as a shell would say; null while there was none.</summary>
    public int? ExitCode { get; private set; }

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _stopping.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        int received;
        lock (_lock)
        {
            received = ++_received;
            ExitCode ??= context.Signal switch
            {
                PosixSignal.SIGINT => 130,
                PosixSignal.SIGHUP => 129,
                _ => 143,
            };
        }

        switch (received)
        {
            case 1:
                // Not on this thread: what is registered on the token may take its time.
                _ = _stopping.CancelAsync();
                break;
            case < Patience:
                _error.WriteLine("galera-backup: still cleaning up; once more ends it at once and leaves the clean-up to the next run.");
                break;
            default:
                Environment.Exit(ExitCode.Value);
                break;
        }
    }
}
