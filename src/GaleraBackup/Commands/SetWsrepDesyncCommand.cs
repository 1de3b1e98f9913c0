using System.Diagnostics;
using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Policy;
using GaleraBackup.Workflow;

namespace GaleraBackup.Commands;

/// <summary>
/// Takes a replica out of Galera's flow control and out of its Services (On), and puts it back (Off). A desynced node still receives
/// and applies write-sets.
/// </summary>
[Cmdlet(VerbsCommon.Set, "WsrepDesync", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ByReplica)]
[OutputType(typeof(BackupReplica), typeof(BackupRun))]
public sealed class SetWsrepDesyncCommand : ClusterCmdlet
{
    private const string ByReplica = nameof(ByReplica);
    private const string ByRun = nameof(ByRun);

    /// <summary>Never from the pipeline: which way it goes is written where it is read.</summary>
    [Parameter(Mandatory = true, Position = 0)]
    public DesyncState State { get; set; }

    /// <summary>The replica of Select-BackupReplica or of Set-WsrepDesync On.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ByReplica)]
    public BackupReplica Replica { get; set; } = null!;

    /// <summary>The run of Start-BackupRunner, a failed one too.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ByRun)]
    public BackupRun BackupRun { get; set; } = null!;

    /// <summary>The pod, by name.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string Pod { get; set; } = null!;

    /// <summary>On: how long to wait for Donor/Desynced, NotReady and the endpoints.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan DesyncTimeout { get; set; } = new DesyncOptions().DesyncTimeout;

    /// <summary>On: a pod that stays Ready while it is desynced is an error, not a finding.</summary>
    [Parameter]
    public SwitchParameter RequireNotReady { get; set; }

    /// <summary>Off: how long to wait until the receive queue is short.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan DrainTimeout { get; set; } = new DesyncOptions().DrainTimeout;

    /// <summary>Off: what to do when it does not get short in time.</summary>
    [Parameter]
    public DrainTimeoutAction OnDrainTimeout { get; set; }

    /// <summary>Off: how long to wait for Synced and Ready, once the queue is short.</summary>
    [Parameter]
    [Duration]
    [TimeLimit]
    public TimeSpan ResyncTimeout { get; set; } = new DesyncOptions().ResyncTimeout;

    /// <summary>On, with a pod by name: also in an unsafe cluster. Off: also undoes a desync that is not this session's own.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private DesyncOptions Options => new()
    {
        DesyncTimeout = DesyncTimeout,
        DrainTimeout = DrainTimeout,
        OnDrainTimeout = OnDrainTimeout,
        ResyncTimeout = ResyncTimeout,
        RequireNotReady = RequireNotReady,
    };

    protected override void ProcessRecord()
    {
        var replica = ParameterSetName switch
        {
            ByReplica => Replica,
            ByRun => BackupRun.Replica,
            _ => FindReplica(),
        };
        if (!ShouldProcess(replica.ToString(), $"SET GLOBAL wsrep_desync={State.ToString().ToUpperInvariant()}"))
        {
            return;
        }

        if (State == DesyncState.On)
        {
            Desync(replica);
        }
        else
        {
            Resync(replica);
        }
    }

    private BackupReplica FindReplica()
    {
        if (Scope is null && Namespace is null && MyInvocation.ExpectingInput)
        {
            // A pod's name alone came down the pipeline: there may be one of that name in the context's namespace, too.
            ThrowTerminatingError(new GaleraBackupException(
                "ClusterNotNamed", FailureKind.Refused, $"Nothing says of which cluster pod '{Pod}' is.", "Name it with -Namespace.", Pod).ToErrorRecord());
        }

        var scope = Target;
        return Run(scope, async (context, token) => ReplicaSelection.ByName(
            await ClusterInspection.InspectAsync(context, scope, token).ConfigureAwait(false), Pod, allowUnsafe: Force));
    }

    private void Desync(BackupReplica replica)
    {
        OpenSession? opened = null;
        try
        {
            var desynced = Run(async (sink, token) =>
            {
                opened = await OpenSession.OpenAsync(replica, Options, sink, DesyncSession.OpenAsync, token).ConfigureAwait(false);
                return await opened.Desync.DesyncAsync(token).ConfigureAwait(false);
            });
            opened!.Sink.Target = null;
            if (PassThru)
            {
                WriteObject(desynced);
            }
        }
        catch (Exception exception) when (opened is not null && exception.GetType().Name != "StopUpstreamCommandsException")
        {
            // It failed, or what comes behind in the pipeline did before Off: then nobody else puts the replica back.
            if (opened.Close() is { } reason)
            {
                // The pipeline takes no more warnings by now; the person at it must hear this one.
                Host.UI.WriteWarningLine($"{replica} is still desynced: {reason.Message} {reason.Recommendation}");
            }

            throw;
        }
    }

    private void Resync(BackupReplica replica)
    {
        if (ParameterSetName == ByRun && BackupRun is { Resync: Outcome.Succeeded, Replica.Desync.SyncedAt: not null })
        {
            WriteVerbose($"{replica} was put back by its run.");
            Emit(replica, Outcome.Skipped, TimeSpan.Zero);
            return;
        }

        var began = Stopwatch.GetTimestamp();
        try
        {
            var (resynced, outcome) = RunOrThrow((sink, token) => OpenSessions.PutBackAsync(replica, Options, Force, sink, token));
            Emit(resynced, outcome, Stopwatch.GetElapsedTime(began));
        }
        catch (GaleraBackupException exception)
        {
            // A run goes on down the pipeline with the truth about it: a late resync does not make its backup bad.
            if (ParameterSetName == ByRun)
            {
                Emit(replica, BackupWorkflow.OutcomeOf(exception), Stopwatch.GetElapsedTime(began));
            }

            WriteError(exception.ToErrorRecord());
        }
    }

    private void Emit(BackupReplica replica, Outcome resync, TimeSpan duration)
    {
        if (PassThru)
        {
            // Nothing to undo changes nothing of what the run already knows.
            WriteObject(ParameterSetName != ByRun ? replica
                : resync == Outcome.Skipped ? BackupRun
                : BackupRun.WithResync(replica, resync, duration, DateTimeOffset.UtcNow));
        }
    }
}
