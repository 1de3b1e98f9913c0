using GaleraBackup.Ports;

namespace GaleraBackup.Runner;

/// <summary>Turns the runner's counters into progress with a rate and an estimate of what remains.</summary>
internal sealed class RunnerProgress(TimeProvider clock)
{
    private readonly long _started = clock.GetTimestamp();

    public WorkflowProgress Read(ProgressEvent step)
    {
        var seconds = Math.Max(clock.GetElapsedTime(_started).TotalSeconds, 0.001);
        var rate = step.Bytes / seconds;

        // The total is the size of the files, which the stream only comes near to: never more than 99 before the end is known.
        var percent = step.TotalBytes > 0 ? (int)Math.Min(99, step.Bytes * 100 / step.TotalBytes) : -1;
        TimeSpan? remaining = rate > 0 && step.TotalBytes > step.Bytes ? TimeSpan.FromSeconds((step.TotalBytes - step.Bytes) / rate) : null;
        return new WorkflowProgress(
            "Copying",
            $"{ByteSize.Format(step.Bytes)} of about {ByteSize.Format(step.TotalBytes)}, {ByteSize.Format((long)rate)}/s, stored {ByteSize.Format(step.StoredBytes)}",
            percent,
            remaining);
    }
}
