using GaleraBackup.Runner;

namespace GaleraBackup.Ports;

/// <summary>
/// What the module asks of Kubernetes. Every method throws <see cref="GaleraBackupException"/> (<c>ApiForbidden</c>,
/// <c>ApiUnauthorized</c>, <c>ApiUnreachable</c>, <c>ApiConflict</c>, <c>ApiFailed</c>) instead of the client's own exceptions.
/// </summary>
public interface IKubernetesCluster : IDisposable
{
    /// <summary>Namespace of the context in use; <c>default</c> if it names none.</summary>
    string DefaultNamespace { get; }

    Task<IReadOnlyList<StatefulSetSnapshot>> ListStatefulSetsAsync(string ns, CancellationToken cancellationToken);

    Task<IReadOnlyList<PodSnapshot>> ListPodsAsync(string ns, string? labelSelector, CancellationToken cancellationToken);

    Task<IReadOnlyList<ServiceSnapshot>> ListServicesAsync(string ns, CancellationToken cancellationToken);

    /// <summary>Null if there is no such claim.</summary>
    Task<ClaimSnapshot?> ReadClaimAsync(string ns, string name, CancellationToken cancellationToken);

    /// <summary>One value of a Secret. Throws <c>SecretNotFound</c> if the Secret or the key is missing.</summary>
    Task<string> ReadSecretValueAsync(string ns, SecretKeyReference secret, CancellationToken cancellationToken);

    /// <summary>An Opaque Secret, for a login that a user typed. Deleted by the caller.</summary>
    Task CreateSecretAsync(
        string ns, string name, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> values, CancellationToken cancellationToken);

    /// <summary>Does nothing if it is gone.</summary>
    Task DeleteSecretAsync(string ns, string name, CancellationToken cancellationToken);

    /// <summary>
    /// The pod as it is, then at every change; null once it is gone. Reconnects by itself; never ends before it is cancelled.
    /// </summary>
    IAsyncEnumerable<PodSnapshot?> WatchPodAsync(string ns, string name, CancellationToken cancellationToken);

    /// <summary>
    /// Names of the Services whose ready addresses hold the pod: as it is, then at every change. From EndpointSlices, or from
    /// Endpoints where the API has no discovery.k8s.io/v1 (Kubernetes before 1.21).
    /// </summary>
    IAsyncEnumerable<IReadOnlySet<string>> WatchServicesOfPodAsync(string ns, string podName, CancellationToken cancellationToken);

    Task CreatePodAsync(RunnerPod pod, CancellationToken cancellationToken);

    /// <summary>The manifest that <see cref="CreatePodAsync"/> would send, as YAML.</summary>
    string RenderPod(RunnerPod pod);

    /// <summary>Deletes the pod and waits until it is gone. Does nothing if it is.</summary>
    Task DeletePodAsync(string ns, string name, TimeSpan gracePeriod, CancellationToken cancellationToken);

    /// <summary>The container's log from its start, line by line, until the container ends. Reconnects without losing or repeating lines.</summary>
    IAsyncEnumerable<string> FollowLogAsync(string ns, string podName, string container, CancellationToken cancellationToken);

    /// <summary>Runs a command in a container: an argument vector, never a shell line made of foreign text.</summary>
    Task<ExecResult> ExecAsync(string ns, string podName, string container, IReadOnlyList<string> command, CancellationToken cancellationToken);

    /// <summary>Null if there is none.</summary>
    Task<LeaseSnapshot?> ReadLeaseAsync(string ns, string name, CancellationToken cancellationToken);

    /// <summary>Throws <c>ApiConflict</c> if one of that name exists.</summary>
    Task<LeaseSnapshot> CreateLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken);

    /// <summary>Throws <c>ApiConflict</c> unless the lease still has the given resource version.</summary>
    Task<LeaseSnapshot> ReplaceLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken);

    /// <summary>Throws <c>ApiConflict</c> unless the lease still has the given resource version; does nothing if it is gone.</summary>
    Task DeleteLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken);
}
