using System.Management.Automation;
using GaleraBackup.Binding;
using GaleraBackup.Infrastructure;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup;

/// <summary>A cmdlet that works on the backups below one backup root: on a claim through a short pod, or in a mounted folder.</summary>
public abstract class BackupStoreCmdlet : ClusterCmdlet
{
    protected const string ByPath = nameof(ByPath);

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

    /// <summary>Whose backups are meant, where several clusters share a volume: the -ClusterName that they were taken with, by default NAMESPACE/STATEFULSET.</summary>
    [Parameter]
    [ValidateNotNullOrEmpty]
    public string? ClusterName { get; set; }

    /// <summary>Opens the backups that the parameters name, or those of a run, for as long as the work takes.</summary>
    /// <param name="readOnly">The pod mounts the claim read-only.</param>
    private protected void UseStore(BackupRun? run, bool readOnly, Action<StoreSession> work)
    {
        using var session = new StoreSession(this);
        if (run is not null)
        {
            session.Open((sink, token) => OpenClaimAsync(
                run.Scope, run.BackupClaim, run.BackupPath, run.Replica.Node, readOnly, sink, token));
        }
        else if (ParameterSetName == ByPath)
        {
            var folder = FileSystemPath(Path);
            session.Open((_, _) => Task.FromResult<(IBackupStore, ClusterGateway?)>((BackupFolder.Open(folder), null)));
        }
        else
        {
            var scope = Target;
            session.Open((sink, token) => OpenClaimAsync(scope, BackupClaim, BackupPath, node: null, readOnly, sink, token));
        }

        work(session);
    }

    private static async Task<(IBackupStore Store, ClusterGateway? Gateway)> OpenClaimAsync(
        ClusterScope scope, string claim, string backupPath, GaleraNode? node, bool readOnly, IProgressSink sink, CancellationToken cancellationToken)
    {
        var gateway = await ClusterGateway.OpenAsync(scope, cancellationToken).ConfigureAwait(false);
        try
        {
            var context = ContextOf(gateway, sink);
            node ??= await FindNodeAsync(context, scope, cancellationToken).ConfigureAwait(false);
            var store = await ClaimBackupStore.OpenAsync(
                context, node, node.PodSnapshot.StatefulSet!, claim, backupPath, readOnly, ClaimBackupStore.StartTimeout, cancellationToken).ConfigureAwait(false);
            return (store, gateway);
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
                "NoReplica", FailureKind.Refused, $"{cluster} has no pod that runs.", "The pod that looks at backups takes its image and place from one.", cluster);
    }

    /// <summary>A store that is used in steps, so that PowerShell can write and ask between them: its pod lives as long as the question.</summary>
    private protected sealed class StoreSession(BackupStoreCmdlet cmdlet) : IDisposable
    {
        private readonly RelaySink _relay = new();
        private IBackupStore? _store;
        private ClusterGateway? _gateway;

        public void Open(Func<IProgressSink, CancellationToken, Task<(IBackupStore Store, ClusterGateway? Gateway)>> open) =>
            cmdlet.Run(async (sink, token) =>
            {
                _relay.Target = sink;
                (_store, _gateway) = await open(_relay, token).ConfigureAwait(false);
                return true;
            });

        public IReadOnlyList<BackupSet> List() => cmdlet.Run((sink, token) =>
        {
            _relay.Target = sink;
            return _store!.ListAsync(token);
        });

        /// <summary>A step on one backup; what goes wrong with it is an error of that backup alone.</summary>
        /// <returns>True if it was done.</returns>
        public bool Try(Func<IBackupStore, CancellationToken, Task> step)
        {
            try
            {
                return cmdlet.RunOrThrow(async (sink, token) =>
                {
                    _relay.Target = sink;
                    await step(_store!, token).ConfigureAwait(false);
                    return true;
                });
            }
            catch (GaleraBackupException exception)
            {
                cmdlet.WriteError(exception.ToErrorRecord());
                return false;
            }
        }

        public void Dispose()
        {
            _relay.Target = null;
            _store?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            _gateway?.Dispose();
        }
    }
}
