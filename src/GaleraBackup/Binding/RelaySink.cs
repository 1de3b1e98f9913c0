using GaleraBackup.Ports;

namespace GaleraBackup.Binding;

/// <summary>Passes on to a sink that changes; drops what is said while there is none.</summary>
internal sealed class RelaySink : IProgressSink
{
    public IProgressSink? Target { get; set; }

    public void Progress(WorkflowProgress progress) => Target?.Progress(progress);

    public void Verbose(string message) => Target?.Verbose(message);

    public void Warning(string message) => Target?.Warning(message);
}
