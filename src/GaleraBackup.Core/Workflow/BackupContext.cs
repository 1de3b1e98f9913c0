using GaleraBackup.Ports;

namespace GaleraBackup.Workflow;

/// <summary>What every step of a workflow works with.</summary>
public sealed record BackupContext(IKubernetesCluster Kubernetes, IGaleraConnector Galera, IProgressSink Progress, TimeProvider Clock)
{
    public DateTimeOffset Now => Clock.GetUtcNow();
}
