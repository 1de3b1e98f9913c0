using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Policy;
using GaleraBackup.Workflow;

namespace GaleraBackup.Commands;

public enum DesyncState
{
    On,
    Off,
}

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

    [Parameter(Mandatory = true, Position = 0)]
    public DesyncState State { get; set; }

    /// <summary>The replica of Select-BackupReplica or of Set-WsrepDesync On.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ByReplica)]
    public BackupReplica Replica { get; set; } = null!;

    /// <summary>The run of Start-BackupRunner, a failed one too.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ByRun)]
    public BackupRun BackupRun { get; set; } = null!;

    /// <summary>The pod, by name.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ByName)]
    [ValidateNotNullOrEmpty]
    public string Pod { get; set; } = null!;

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

    /// <summary>Off: also undoes a desync that is not this session's own.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    [Parameter]
    public SwitchParameter PassThru { get; set; }

    private DesyncOptions Options => new() { DesyncTimeout = DesyncTimeout, ResyncTimeout = ResyncTimeout };

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
        var scope = Scope;
        var replica = Run(scope, async (context, token) => ReplicaSelection.ByName(
            await ClusterInspection.InspectAsync(context, scope, token).ConfigureAwait(false), Pod));
        if (State == DesyncState.On && replica.Unsafe)
        {
            WriteWarning($"{replica.Cluster} is unsafe: {string.Join(" ", replica.Cluster.Findings)}");
        }

        return replica;
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
            Close(opened);
            throw;
        }
    }

    private void Close(OpenSession session)
    {
        session.DisposeAsync().AsTask().GetAwaiter().GetResult();
        if (session.Desync.Unmended is { } reason)
        {
            // The pipeline takes no more warnings by now; the person at it must hear this one.
            Host.UI.WriteWarningLine($"{session.Desync.Replica} is still desynced: {reason.Message} {reason.Recommendation}");
        }
    }

    private void Resync(BackupReplica replica)
    {
        var session = OpenSessions.Find(replica);
        if (session is null && !Force)
        {
            RefuseUnlessSynced(replica);
            return;
        }

        try
        {
            var resynced = RunOrThrow(async (sink, token) =>
            {
                session ??= await OpenSession.OpenAsync(replica, Options, sink, DesyncSession.AdoptAsync, token).ConfigureAwait(false);
                session.Sink.Target = sink;
                await using (session.ConfigureAwait(false))
                {
                    await session.Desync.ResyncAsync(token).ConfigureAwait(false);
                    return await session.Desync.WaitUntilReadyAsync(token).ConfigureAwait(false);
                }
            });
            Emit(resynced, Outcome.Succeeded);
        }
        catch (GaleraBackupException exception)
        {
            // A run goes on down the pipeline with the truth about it: a late resync does not make its backup bad.
            if (ParameterSetName == ByRun)
            {
                Emit(replica, BackupWorkflow.OutcomeOf(exception));
            }

            WriteError(exception.ToErrorRecord());
        }
    }

    private void Emit(BackupReplica replica, Outcome resync)
    {
        if (PassThru)
        {
            WriteObject(ParameterSetName == ByRun ? BackupRun with { Replica = replica, Resync = resync } : replica);
        }
    }

    private void RefuseUnlessSynced(BackupReplica replica)
    {
        if (replica.Desync is { SyncedAt: null } || replica.Node.Wsrep is not { Desync: false })
        {
            WriteError(new GaleraBackupException(
                "NotOurDesync", FailureKind.Refused,
                $"The desync of {replica} was not made in this session.",
                "It may be an administrator's. To undo it all the same, use -Force.", replica).ToErrorRecord());
            return;
        }

        WriteVerbose($"{replica} is not desynced.");
        Emit(replica, Outcome.Skipped);
    }
}
