using System.Management.Automation;
using GaleraBackup.Workflow;

namespace GaleraBackup.Commands;

/// <summary>Says whether a Galera cluster can spare a node for a backup. Changes nothing.</summary>
[Cmdlet(VerbsDiagnostic.Test, "GaleraCluster", DefaultParameterSetName = ByName)]
[OutputType(typeof(GaleraCluster), typeof(bool))]
public sealed class TestGaleraClusterCommand : ClusterCmdlet
{
    /// <summary>Only true or false.</summary>
    [Parameter]
    public SwitchParameter Quiet { get; set; }

    protected override void ProcessRecord()
    {
        var scope = Target;
        var cluster = Run(scope, (context, token) => ClusterInspection.InspectAsync(context, scope, token));
        WriteObject(Quiet ? cluster.IsSafe : cluster);
    }
}
