namespace GaleraBackup.Workflow;

/// <summary>Notes how each phase of a run ended and how long it took, by a clock that nobody sets.</summary>
internal sealed class PhaseRecorder(TimeProvider clock)
{
    private readonly Dictionary<BackupPhase, PhaseResult> _done = [];

    /// <summary>All phases in their order; one that was not reached is Skipped.</summary>
    public IReadOnlyList<PhaseResult> Results =>
        [.. Enum.GetValues<BackupPhase>().Select(phase => _done.GetValueOrDefault(phase) ?? new PhaseResult(phase, Outcome.Skipped, TimeSpan.Zero))];

    public async Task<T> RunAsync<T>(BackupPhase phase, Func<Task<T>> work)
    {
        var began = clock.GetTimestamp();
        try
        {
            var result = await work().ConfigureAwait(false);
            Note(phase, Outcome.Succeeded, began);
            return result;
        }
        catch (GaleraBackupException exception)
        {
            Note(phase, BackupWorkflow.OutcomeOf(exception), began);
            throw;
        }
    }

    /// <summary>A phase that was done elsewhere.</summary>
    public void Note(BackupPhase phase, Outcome outcome, TimeSpan duration) => _done[phase] = new PhaseResult(phase, outcome, duration);

    private void Note(BackupPhase phase, Outcome outcome, long began) => Note(phase, outcome, clock.GetElapsedTime(began));
}
