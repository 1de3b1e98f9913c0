using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Policy;
using GaleraBackup.Runner;
using GaleraBackup.Workflow;

namespace GaleraBackup.Commands;

/// <summary>
/// Runs mariadb-backup in a pod of its own beside a desynced replica, follows it and emits the run: a failed one too, before its error.
/// </summary>
[Cmdlet(VerbsLifecycle.Start, "BackupRunner", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(BackupRun))]
public sealed class StartBackupRunnerCommand : GaleraCmdlet
{
    /// <summary>The desynced replica of Set-WsrepDesync On -PassThru.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, Position = 0)]
    public BackupReplica Replica { get; set; } = null!;

    /// <summary>The claim that takes the backup.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string BackupClaim { get; set; } = "mariadb-phy-backup-data";

    /// <summary>Folder on that claim; default: its root.</summary>
    [Parameter]
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

    /// <summary>The login that mariadb-backup uses. Default: the Secret that the pod's environment names.</summary>
    [Parameter]
    [Credential]
    public PSCredential? BackupCredential { get; set; }

    /// <summary>The same in a Secret of the namespace: [USER@]SECRET[/KEY]. -BackupCredential comes first.</summary>
    [Parameter]
    [ValidateNotNull]
    public LoginReference? BackupCredentialSecret { get; set; }

    protected override void ProcessRecord()
    {
        var options = new RunnerOptions
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
        };
        var replica = Replica with
        {
            Cluster = Replica.Cluster with { Scope = Replica.Scope.WithBackupLogin(ClusterCmdlet.Login(BackupCredential), BackupCredentialSecret) },
        };
        if (!ShouldProcess(Describe(replica, options), "Run mariadb-backup"))
        {
            return;
        }

        var run = Run(replica.Scope, (context, token) => BackupWorkflow.RunRunnerAsync(context, replica, options, token));
        WriteObject(run);
        foreach (var error in run.Errors)
        {
            WriteError(error.ToErrorRecord(run));
        }
    }

    private string Describe(BackupReplica replica, RunnerOptions options)
    {
        var target = $"{replica}, to claim {BackupClaim}";
        return IsWhatIf
            ? $"{target}, in this pod:{Environment.NewLine}{Run(replica.Scope, (context, token) => BackupWorkflow.PlanRunnerAsync(context, replica, options, token))}"
            : target;
    }
}
