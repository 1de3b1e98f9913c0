using System.Runtime.CompilerServices;
using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

internal sealed partial class KubernetesCluster
{
    public async IAsyncEnumerable<PodSnapshot?> WatchPodAsync(string ns, string name, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var selector = $"metadata.name={name}";
        var states = ListWatch.FollowAsync<V1Pod, V1PodList>(
            $"watch the pod '{ns}/{name}'",
            token => client.CoreV1.ListNamespacedPodAsync(ns, fieldSelector: selector, cancellationToken: token),
            (version, seconds, onError, token) => client.CoreV1.WatchListNamespacedPodAsync(
                ns, fieldSelector: selector, resourceVersion: version, timeoutSeconds: seconds, onError: onError, cancellationToken: token),
            cancellationToken);

        string? seen = "";
        await foreach (var pods in states.ConfigureAwait(false))
        {
            var pod = pods.FirstOrDefault();
            if (pod?.ResourceVersion() != seen)
            {
                seen = pod?.ResourceVersion();
                yield return pod is null ? null : Mapping.ToSnapshot(pod);
            }
        }
    }

    public async IAsyncEnumerable<IReadOnlySet<string>> WatchServicesOfPodAsync(
        string ns, string podName, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var states = await HasEndpointSlicesAsync(cancellationToken).ConfigureAwait(false)
            ? FollowSlicesAsync(ns, podName, cancellationToken)
            : FollowEndpointsAsync(ns, podName, cancellationToken);

        HashSet<string>? seen = null;
        await foreach (var names in states.ConfigureAwait(false))
        {
            var services = names.ToHashSet(StringComparer.Ordinal);
            if (seen is null || !seen.SetEquals(services))
            {
                seen = services;
                yield return services;
            }
        }
    }

    // By discovery, not by trying: where a Role names only the endpoints, the slices' list would answer 403 even if they do not exist.
    private async Task<bool> HasEndpointSlicesAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ApiErrors.TranslateAsync(
                "discover discovery.k8s.io/v1", null, () => client.DiscoveryV1.GetAPIResourcesAsync(cancellationToken), cancellationToken)
                .ConfigureAwait(false);
            return true;
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            return false;
        }
    }

    private async IAsyncEnumerable<IEnumerable<string>> FollowSlicesAsync(
        string ns, string podName, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var states = ListWatch.FollowAsync<V1EndpointSlice, V1EndpointSliceList>(
            $"watch the EndpointSlices in namespace '{ns}'",
            token => client.DiscoveryV1.ListNamespacedEndpointSliceAsync(ns, cancellationToken: token),
            (version, seconds, onError, token) => client.DiscoveryV1.WatchListNamespacedEndpointSliceAsync(
                ns, resourceVersion: version, timeoutSeconds: seconds, onError: onError, cancellationToken: token),
            cancellationToken);
        await foreach (var slices in states.ConfigureAwait(false))
        {
            yield return slices
                .Where(slice => slice.Endpoints?.Any(endpoint => endpoint.Conditions?.Ready != false && IsPod(endpoint.TargetRef, podName)) == true)
                .Select(slice => slice.GetLabel("kubernetes.io/service-name"))
                .OfType<string>();
        }
    }

    private async IAsyncEnumerable<IEnumerable<string>> FollowEndpointsAsync(
        string ns, string podName, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var states = ListWatch.FollowAsync<V1Endpoints, V1EndpointsList>(
            $"watch the Endpoints in namespace '{ns}'",
            token => client.CoreV1.ListNamespacedEndpointsAsync(ns, cancellationToken: token),
            (version, seconds, onError, token) => client.CoreV1.WatchListNamespacedEndpointsAsync(
                ns, resourceVersion: version, timeoutSeconds: seconds, onError: onError, cancellationToken: token),
            cancellationToken);
        await foreach (var all in states.ConfigureAwait(false))
        {
            yield return all
                .Where(endpoints => endpoints.Subsets?.Any(
                    subset => subset.Addresses?.Any(address => IsPod(address.TargetRef, podName)) == true) == true)
                .Select(endpoints => endpoints.Name());
        }
    }

    private static bool IsPod(V1ObjectReference? target, string podName) => target is { Kind: "Pod" } && target.Name == podName;
}
