namespace GaleraBackup.Workflow;

/// <summary>A replica that this process has not desynced: what the server says of it, not what an old object remembers.</summary>
public static class UnownedReplica
{
    /// <summary>Asks the server itself, now.</summary>
    /// <returns>The replica as it is, if nothing keeps it desynced.</returns>
    /// <exception cref="GaleraBackupException"><c>NotOurDesync</c>, and what the ports raise.</exception>
    public static async Task<BackupReplica> RequireNotDesyncedAsync(BackupContext context, BackupReplica replica, CancellationToken cancellationToken)
    {
        var server = await ReplicaConnection.OpenAsync(context, replica, cancellationToken).ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
        {
            var status = await server.ReadStatusAsync(cancellationToken).ConfigureAwait(false);
            if (status.Desync)
            {
                var holder = await ClusterLease.DescribeHolderAsync(context, replica, cancellationToken).ConfigureAwait(false);
                throw NotOurs(
                    replica, $"wsrep_desync is ON on {replica}, and not by this session. {(holder is null ? "No run holds the lease: it may be an administrator's." : $"A run says it is its own: {holder}.")}");
            }

            return status.LocalState == WsrepStatus.DonorDesynced
                ? throw NotOurs(replica, $"{replica} is '{status.LocalStateComment}' with wsrep_desync OFF: it feeds a joiner, or a BACKUP STAGE is open. It gets Synced by itself.")
                : replica with { Node = replica.Node with { Wsrep = status } };
        }
    }

    private static GaleraBackupException NotOurs(BackupReplica replica, string message) =>
        new("NotOurDesync", FailureKind.Refused, message, "It was left alone. To undo it all the same, use -Force.", replica);
}
