using System.Collections.Concurrent;
using System.Management.Automation;
using GaleraBackup.Ports;

namespace GaleraBackup.Binding;

/// <summary>
/// Runs asynchronous work for a cmdlet. The work runs on the thread pool; what it says is posted here and written on the pipeline's
/// own thread, the only one that may. However it ends, the work has ended too before control goes back to PowerShell.
/// </summary>
internal sealed class PipelinePump(Cmdlet cmdlet) : IProgressSink
{
    private readonly BlockingCollection<Action<Cmdlet>> _posted = [];
    private readonly ConcurrentDictionary<string, int> _activities = new(StringComparer.Ordinal);

    public void Progress(WorkflowProgress progress) => Post(target =>
    {
        var id = _activities.GetOrAdd(progress.Phase, _ => _activities.Count + 1);
        target.WriteProgress(new ProgressRecord(id, progress.Phase, progress.Status.Length > 0 ? progress.Status : " ")
        {
            PercentComplete = progress.Percent,
            SecondsRemaining = progress.Remaining is { } remaining ? (int)Math.Min(remaining.TotalSeconds, int.MaxValue) : -1,
            RecordType = progress.Completed ? ProgressRecordType.Completed : ProgressRecordType.Processing,
        });
    });

    public void Verbose(string message) => Post(target => target.WriteVerbose(message));

    public void Warning(string message) => Post(target => target.WriteWarning(message));

    /// <summary>Writes what the work posts until it has ended, then hands its result or its exception on.</summary>
    public T Run<T>(Func<CancellationToken, Task<T>> work, CancellationToken stopping)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var running = Task.Run(() => work(cancel.Token), CancellationToken.None);
        running.ContinueWith(_ => _posted.CompleteAdding(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        Exception? refused = null;
        foreach (var write in _posted.GetConsumingEnumerable(CancellationToken.None))
        {
            try
            {
                if (refused is null)
                {
                    write(cmdlet);
                }
            }
            catch (Exception exception)
            {
                // The pipeline is being stopped, or a preference says Stop: the work is cancelled, and cleans up before we leave.
                refused = exception;
                cancel.Cancel();
            }
        }

        try
        {
            var result = running.GetAwaiter().GetResult();
            return refused is null ? result : throw refused;
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw refused ?? new PipelineStoppedException();
        }
    }

    // After the end nobody listens; a renewal that complains later is not worth an exception on a thread of its own.
    private void Post(Action<Cmdlet> write)
    {
        try
        {
            _posted.Add(write);
        }
        catch (InvalidOperationException)
        {
            // Completed between two looks.
        }
    }
}
