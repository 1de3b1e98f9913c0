using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Infrastructure;
using GaleraBackup.Policy;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup.Commands;

/// <summary>Removes the oldest complete backups beyond a number, and emits each that it removed.</summary>
[Cmdlet(VerbsCommon.Remove, "OldBackup", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium, DefaultParameterSetName = ByName)]
[OutputType(typeof(BackupSet))]
public sealed class RemoveOldBackupCommand : ClusterCmdlet
{
    private const string ByRun = nameof(ByRun);
    private const string ByPath = nameof(ByPath);

    /// <summary>The run of Start-BackupRunner; a failed or an unsafe one prunes nothing.</summary>
    [Parameter(Mandatory = true, ValueFromPipeline = true, ParameterSetName = ByRun)]
    public BackupRun BackupRun { get; set; } = null!;

    /// <summary>A mounted backup root.</summary>
    [Parameter(Mandatory = true, ParameterSetName = ByPath, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = null!;

    /// <summary>The claim that holds the backups.</summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string BackupClaim { get; set; } = "mariadb-phy-backup-data";

    /// <summary>Folder on that claim; default: its root.</summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [BackupPath]
    public string BackupPath { get; set; } = "";

    /// <summary>How many complete backups, with their increments, are kept.</summary>
    [Parameter(Mandatory = true)]
    [ValidateRange(1, int.MaxValue)]
    public int KeepLast { get; set; }

    protected override void ProcessRecord()
    {
        switch (ParameterSetName)
        {
            case ByPath:
                var folder = FileSystemPath(Path);
                Prune((_, _) => Task.FromResult(new OpenStore(BackupFolder.Open(folder), null)));
                break;
            case ByRun when BackupRun.Backup != Outcome.Succeeded || BackupRun.Unsafe:
                WriteVerbose($"{BackupRun} is {(BackupRun.Unsafe ? "unsafe" : "not a good backup")}: nothing is removed after it.");
                break;
            case ByRun:
                Prune((sink, token) => OpenClaimAsync(
                    BackupRun.Replica.Scope, BackupRun.BackupClaim, BackupRun.BackupPath, BackupRun.Replica.Node, sink, token));
                break;
            default:
                var scope = Target;
                Prune((sink, token) => OpenClaimAsync(scope, BackupClaim, BackupPath, node: null, sink, token));
                break;
        }
    }

    private void Prune(Func<IProgressSink, CancellationToken, Task<OpenStore>> open)
    {
        OpenStore? opened = null;
        var relay = new RelaySink();
        try
        {
            // In steps, so that PowerShell can ask between them: the store's pod lives as long as the question.
            var victims = Run(async (sink, token) =>
            {
                relay.Target = sink;
                opened = await open(relay, token).ConfigureAwait(false);
                return Retention.Victims(await opened.Store.ListAsync(token).ConfigureAwait(false), KeepLast);
            });
            foreach (var victim in victims)
            {
                if (ShouldProcess($"{victim} on {victim.Location} ({ByteSize.Format(victim.SizeBytes)})", "Remove backup"))
                {
                    Remove(opened!.Store, victim, relay);
                }
            }
        }
        finally
        {
            relay.Target = null;
            opened?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private void Remove(IBackupStore store, BackupSet victim, RelaySink relay)
    {
        try
        {
            WriteObject(RunOrThrow(async (sink, token) =>
            {
                relay.Target = sink;
                await store.RemoveAsync(victim, token).ConfigureAwait(false);
                return victim;
            }));
        }
        catch (GaleraBackupException exception)
        {
            WriteError(exception.ToErrorRecord());
        }
    }

    private static async Task<OpenStore> OpenClaimAsync(
        ClusterScope scope, string claim, string backupPath, GaleraNode? node, IProgressSink sink, CancellationToken cancellationToken)
    {
        var gateway = await ClusterGateway.OpenAsync(scope, cancellationToken).ConfigureAwait(false);
        try
        {
            var context = ContextOf(gateway, sink);
            node ??= await FindNodeAsync(context, scope, cancellationToken).ConfigureAwait(false);
            var store = await ClaimBackupStore.OpenAsync(
                context, node, node.PodSnapshot.StatefulSet!, claim, backupPath, readOnly: false, cancellationToken).ConfigureAwait(false);
            return new OpenStore(store, gateway);
        }
        catch
        {
            gateway.Dispose();
            throw;
        }
    }

    // Any node will do that has an image and a place; the highest, as for the backup itself.
    private static async Task<GaleraNode> FindNodeAsync(BackupContext context, ClusterScope scope, CancellationToken cancellationToken)
    {
        var cluster = await ClusterInspection.InspectAsync(context, scope, cancellationToken).ConfigureAwait(false);
        return cluster.Nodes.LastOrDefault(node => node is { Layout: not null, KubernetesNode: not null })
            ?? throw new GaleraBackupException(
                "NoReplica", FailureKind.Refused, $"{cluster} has no pod that runs.", "The pod that removes backups takes its image and place from one.", cluster);
    }

    private sealed record OpenStore(IBackupStore Store, ClusterGateway? Gateway) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Store.DisposeAsync().ConfigureAwait(false);
            Gateway?.Dispose();
        }
    }
}
