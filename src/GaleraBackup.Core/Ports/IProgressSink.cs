namespace GaleraBackup.Ports;

/// <summary>Where a workflow says what it is doing. Safe to call from any thread.</summary>
public interface IProgressSink
{
    void Progress(WorkflowProgress progress);

    void Verbose(string message);

    void Warning(string message);
}

/// <summary>A step forward. Bytes are before compression.</summary>
/// <param name="Phase">What is being done, for people: "Copying", "Waiting for the receive queue".</param>
/// <param name="Status">More of it: "312 MiB of 1.0 GiB, 48 MiB/s".</param>
/// <param name="Percent">0 to 100, or -1 if it is not known.</param>
/// <param name="Remaining">Estimate, or null.</param>
/// <param name="Completed">The last record of this phase.</param>
public sealed record WorkflowProgress(string Phase, string Status, int Percent = -1, TimeSpan? Remaining = null, bool Completed = false);
