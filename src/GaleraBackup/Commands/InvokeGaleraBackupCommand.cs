using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Runner;
using GaleraBackup.Workflow;

namespace GaleraBackup.Commands;

/// <summary>The whole two-phase backup: check, replica, desync, runner, resync, prune.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "GaleraBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ByName)]
[OutputType(typeof(BackupRun))]
public sealed class InvokeGaleraBackupCommand : ClusterCmdlet
{
    /// <summary>The claim that takes the backup.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string BackupClaim { get; set; } = "mariadb-phy-backup-data";

    /// <summary>Folder on that claim; default: its root.</summary>
    [Parameter]
    [BackupPath]
    public string BackupPath { get; set; } = "";

    /// <summary>Removes the oldest complete backups beyond this number, once the new one is good. Default: removes none.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepLast { get; set; }

    /// <summary>Available space must be more than the data directory's size times this.</summary>
    [Parameter]
    [ValidateRange(0.01, 1000)]
    public decimal RequiredSpaceRatio { get; set; } = 1.2m;

    /// <summary>How long the runner may take.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(21600);

    /// <summary>How long to wait for Donor/Desynced, NotReady and the endpoints.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan DesyncTimeout { get; set; } = new DesyncOptions().DesyncTimeout;

    /// <summary>How long to wait for the drained receive queue, Synced and Ready.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan ResyncTimeout { get; set; } = new DesyncOptions().ResyncTimeout;

    /// <summary>Takes the backup of an unsafe cluster too, with a warning and a mark on the result.</summary>
    [Parameter]
    public SwitchParameter AllowUnsafeBackup { get; set; }

    /// <summary>The login that mariadb-backup uses. Default: the Secret that the pod's environment names.</summary>
    [Parameter]
    [Credential]
    public PSCredential? BackupCredential { get; set; }

    private protected override ClusterScope Scope => base.Scope with { BackupCredential = Login(BackupCredential) };

    protected override void ProcessRecord()
    {
        var request = new BackupRequest
        {
            Scope = Scope,
            AllowUnsafe = AllowUnsafeBackup,
            KeepLast = KeepLast,
            Desync = new DesyncOptions { DesyncTimeout = DesyncTimeout, ResyncTimeout = ResyncTimeout },
            Runner = new RunnerOptions
            {
                BackupClaim = BackupClaim,
                BackupPath = BackupPath,
                RequiredSpaceRatio = RequiredSpaceRatio,
                Timeout = Timeout,
                GoTimeout = DesyncTimeout + TimeSpan.FromMinutes(5),
            },
        };
        if (!ShouldProcess(Describe(request), "Back up"))
        {
            return;
        }

        var run = Run(request.Scope, (context, token) => BackupWorkflow.RunAsync(context, request, token));
        WriteObject(run);
        foreach (var error in run.Errors)
        {
            WriteError(error.ToErrorRecord(run));
        }
    }

    // -WhatIf, or a $WhatIfPreference that it does not overrule.
    private bool IsWhatIf => MyInvocation.BoundParameters.TryGetValue("WhatIf", out var given)
        ? given is SwitchParameter { IsPresent: true }
        : LanguagePrimitives.IsTrue(SessionState.PSVariable.GetValue("WhatIfPreference"));

    // A rehearsal runs everything that only reads, and shows what would follow.
    private string Describe(BackupRequest request)
    {
        var target = $"{request.Scope.Namespace ?? "the context's namespace"}, to claim {BackupClaim}";
        if (!IsWhatIf)
        {
            return target;
        }

        var plan = Run(request.Scope, (context, token) => BackupWorkflow.PlanAsync(context, request, token));
        var prune = plan.KeepLast is { } keep ? $"keep the newest {keep} complete backups, remove older ones" : "remove no backup";
        return $"""
            {plan.Replica}, to claim {BackupClaim}:
              1. check the cluster: {plan.Replica.Cluster.Findings.Count} findings
              2. replica {plan.Replica.Pod}, the highest ordinal, on node {plan.Replica.KubernetesNode}
              3. create the runner pod below and wait until it is ready
              4. SET GLOBAL wsrep_desync=ON on {plan.Replica.Pod}; wait until it is NotReady and out of the endpoints
              5. run mariadb-backup to {plan.RunnerPod.Environment["GALERA_BACKUP_ID"]}
              6. wait for the receive queue; SET GLOBAL wsrep_desync=OFF; wait until it is Synced and Ready
              7. {prune}
            {plan.RunnerManifest}
            """;
    }
}
