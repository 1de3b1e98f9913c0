using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

internal sealed partial class KubernetesCluster
{
    public async Task<LeaseSnapshot?> ReadLeaseAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            var lease = await ApiErrors.TranslateAsync(
                $"read the Lease '{ns}/{name}'", name,
                () => client.CoordinationV1.ReadNamespacedLeaseAsync(name, ns, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
            return Mapping.ToSnapshot(lease);
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            return null;
        }
    }

    public async Task<LeaseSnapshot> CreateLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken)
    {
        var created = await ApiErrors.TranslateAsync(
            $"create the Lease '{lease.Namespace}/{lease.Name}'", lease.Name,
            () => client.CoordinationV1.CreateNamespacedLeaseAsync(
                Mapping.ToLease(lease with { ResourceVersion = null }), lease.Namespace, cancellationToken: cancellationToken),
            cancellationToken).ConfigureAwait(false);
        return Mapping.ToSnapshot(created);
    }

    /// <summary>
    /// A read and a write. A PUT of a Lease that is gone creates it anew, whatever version it names (seen on 1.20): a run that slept through
    /// its own end would hold it again. Only the uid, which the read gives, forbids that.
    /// </summary>
    public async Task<LeaseSnapshot> ReplaceLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken)
    {
        // Without a version the API would overwrite whatever is there.
        ArgumentException.ThrowIfNullOrEmpty(lease.ResourceVersion);
        var action = $"update the Lease '{lease.Namespace}/{lease.Name}'";
        try
        {
            var present = await ApiErrors.TranslateAsync(
                action, lease.Name,
                () => client.CoordinationV1.ReadNamespacedLeaseAsync(lease.Name, lease.Namespace, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
            var wanted = Mapping.ToLease(lease);
            wanted.Metadata.Uid = present.Uid();
            var replaced = await ApiErrors.TranslateAsync(
                action, lease.Name,
                () => client.CoordinationV1.ReplaceNamespacedLeaseAsync(wanted, lease.Name, lease.Namespace, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
            return Mapping.ToSnapshot(replaced);
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            throw new GaleraBackupException(
                "ApiConflict", FailureKind.Failed,
                $"The Lease '{lease.Namespace}/{lease.Name}' was deleted meanwhile.", "Somebody else removed it: look at it again.", lease.Name);
        }
    }

    public async Task DeleteLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(lease.ResourceVersion);
        var options = new V1DeleteOptions { Preconditions = new V1Preconditions { ResourceVersion = lease.ResourceVersion } };
        try
        {
            await ApiErrors.TranslateAsync(
                $"delete the Lease '{lease.Namespace}/{lease.Name}'", lease.Name,
                () => client.CoordinationV1.DeleteNamespacedLeaseAsync(lease.Name, lease.Namespace, options, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            // Gone already.
        }
    }
}
