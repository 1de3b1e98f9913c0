using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Policy;
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

    /// <summary>Full, incremental, or by the cycle: a full one, then incrementals of it until it is as old as -FullBackupCycle.</summary>
    [Parameter]
    public BackupTypeRequest BackupType { get; set; }

    /// <summary>How old a full backup may be to be continued.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan FullBackupCycle { get; set; } = TimeSpan.FromDays(7);

    /// <summary>zstd where the image has it, on all cores, unless this says otherwise. Gzip is what the vendor's own restore reads.</summary>
    [Parameter]
    public BackupCompression Compression { get; set; }

    /// <summary>Compresses in a second container of this image, for a server's image that has no good compressor.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? CompressorImage { get; set; }

    /// <summary>Threads that mariadb-backup copies with.</summary>
    [Parameter]
    [ValidateRange(1, 64)]
    public int Parallel { get; set; } = 1;

    /// <summary>mariadb-backup's --throttle: pairs of reads and writes a second of 10 MiB each; 0 for no limit.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Throttle { get; set; }

    /// <summary>Cores that each container of the runner's pod may use.</summary>
    [Parameter]
    [ValidateRange(0.1, 1024)]
    public decimal? CpuLimit { get; set; }

    /// <summary>The name under which the backups are kept, where several clusters share a volume. Default: NAMESPACE/STATEFULSET.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ClusterName { get; set; }

    /// <summary>Removes the oldest backups beyond this number, once the new one is good, each with its incrementals. Default: removes none.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepLast { get; set; }

    /// <summary>Keeps chains with a backup that is younger.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan? KeepFor { get; set; }

    /// <summary>Keeps the newest chain of each of the last days (UTC) that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepDaily { get; set; }

    /// <summary>Keeps the newest chain of each of the last ISO weeks that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepWeekly { get; set; }

    /// <summary>Keeps the newest chain of each of the last months that have one.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int? KeepMonthly { get; set; }

    /// <summary>Keeps so many chains in any case. With fewer asked for by -KeepLast alone, that number.</summary>
    [Parameter]
    [ValidateRange(1, int.MaxValue)]
    public int MinimumRedundancy { get; set; } = new RetentionPolicy().MinimumRedundancy;

    /// <summary>Lets the vendor's own backups, which name no cluster, count and go with the others.</summary>
    [Parameter]
    public SwitchParameter AdoptLegacy { get; set; }

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

    private RetentionPolicy Policy => RetentionPolicy.Of(
        KeepLast, KeepFor, KeepDaily, KeepWeekly, KeepMonthly, IsGiven(nameof(MinimumRedundancy)) ? MinimumRedundancy : null, AdoptLegacy);

    protected override void ProcessRecord()
    {
        var request = new BackupRequest
        {
            Scope = Target,
            AllowUnsafe = AllowUnsafeBackup,
            Retention = Policy.HasRule ? Policy : null,
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
                Type = BackupType,
                FullBackupCycle = FullBackupCycle,
                Compression = Compression,
                CompressorImage = CompressorImage,
                Parallel = Parallel,
                Throttle = Throttle,
                CpuLimit = CpuLimit,
                ClusterName = ClusterName,
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
