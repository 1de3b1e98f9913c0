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
    [Parameter(ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string BackupClaim { get; set; } = "mariadb-phy-backup-data";

    /// <summary>Folder on that claim; default: its root.</summary>
    [Parameter(ValueFromPipelineByPropertyName = true)]
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

    /// <summary>How long the runner's pod may take to be ready: scheduling, image, volumes, its own checks.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan RunnerStartTimeout { get; set; } = TimeSpan.FromMinutes(5);

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

    /// <summary>A replica that stays Ready while it is desynced is an error, not a finding.</summary>
    [Parameter]
    public SwitchParameter RequireNotReady { get; set; }

    /// <summary>How long to wait until the receive queue is short, before wsrep_desync=OFF.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan DrainTimeout { get; set; } = new DesyncOptions().DrainTimeout;

    /// <summary>What to do when it does not get short in time.</summary>
    [Parameter]
    public DrainTimeoutAction OnDrainTimeout { get; set; }

    /// <summary>How long to wait for Synced and Ready, once the queue is short.</summary>
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

    /// <summary>The same in a Secret of the namespace: [USER@]SECRET[/KEY]. -BackupCredential comes first.</summary>
    [Parameter]
    [ValidateNotNull]
    public LoginReference? BackupCredentialSecret { get; set; }

    private protected override ClusterScope Target => base.Target.WithBackupLogin(Login(BackupCredential), BackupCredentialSecret);

    protected override void ProcessRecord()
    {
        var request = new BackupRequest
        {
            Scope = Target,
            AllowUnsafe = AllowUnsafeBackup,
            KeepLast = KeepLast,
            Desync = new DesyncOptions
            {
                DesyncTimeout = DesyncTimeout,
                RequireNotReady = RequireNotReady,
                DrainTimeout = DrainTimeout,
                OnDrainTimeout = OnDrainTimeout,
                ResyncTimeout = ResyncTimeout,
            },
            Runner = new RunnerOptions
            {
                BackupClaim = BackupClaim,
                BackupPath = BackupPath,
                RequiredSpaceRatio = RequiredSpaceRatio,
                StartTimeout = RunnerStartTimeout,
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

    // A rehearsal runs everything that only reads, and shows what would follow.
    private string Describe(BackupRequest request) => IsWhatIf
        ? Run(request.Scope, (context, token) => BackupWorkflow.PlanAsync(context, request, token)).ToString()
        : $"{request.Scope.Namespace ?? "the context's namespace"}, to claim {BackupClaim}";
}
