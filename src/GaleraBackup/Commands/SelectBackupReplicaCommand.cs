using System.Management.Automation;
using GaleraBackup.Policy;

namespace GaleraBackup.Commands;

/// <summary>Chooses the replica that a backup is taken from: the one with the highest ordinal.</summary>
[Cmdlet(VerbsCommon.Select, "BackupReplica")]
[OutputType(typeof(BackupReplica))]
public sealed class SelectBackupReplicaCommand : GaleraCmdlet
{
    /// <summary>The report of Test-GaleraCluster.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, Position = 0)]
    public GaleraCluster Cluster { get; set; } = null!;

    /// <summary>Takes a replica of an unsafe cluster too, with a warning and a mark on everything that comes of it.</summary>
    [Parameter]
    public SwitchParameter AllowUnsafeBackup { get; set; }

    protected override void ProcessRecord()
    {
        try
        {
            var replica = ReplicaSelection.Select(Cluster, AllowUnsafeBackup);
            if (replica.Unsafe)
            {
                WriteWarning($"{Cluster} is unsafe: {string.Join(" ", Cluster.Findings)}");
            }

            WriteObject(replica);
        }
        catch (GaleraBackupException exception)
        {
            WriteError(exception.ToErrorRecord());
        }
    }
}
