using GaleraBackup.Policy;

namespace GaleraBackup.Workflow;

/// <summary>A desynced replica's way out of its Services: NotReady, the controller's label, the endpoints.</summary>
internal static class ServiceExit
{
    private static readonly TimeSpan ProbeMargin = TimeSpan.FromSeconds(10);

    /// <summary>The Services that must lose the pod: those that select it and do not publish pods that are not ready.</summary>
    public static async Task<IReadOnlySet<string>> ServicesToLeaveAsync(
        BackupContext context, BackupReplica replica, CancellationToken cancellationToken)
    {
        var services = await context.Kubernetes.ListServicesAsync(replica.Namespace, cancellationToken).ConfigureAwait(false);
        var labels = replica.Node.PodSnapshot.Labels;
        return services
            .Where(service => !service.PublishesNotReadyAddresses && service.Selector.Count > 0)
            .Where(service => service.Selector.All(pair => labels.TryGetValue(pair.Key, out var value) && value == pair.Value))
            .Select(service => service.Name)
            .ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>
    /// Waits until the pod is NotReady, gone from the given Services and, if it was the vendor's primary, labelled <c>backup</c>.
    /// </summary>
    /// <returns>The finding <c>ReadinessIgnoresDesync</c> if its readiness probe had time enough and did not fail; else null.</returns>
    public static async Task<HealthFinding?> WaitAsync(
        BackupContext context, BackupReplica replica, IReadOnlySet<string> services, CancellationToken cancellationToken)
    {
        if (!await IsNotReadySoonAsync(context, replica, cancellationToken).ConfigureAwait(false))
        {
            return new HealthFinding(
                "ReadinessIgnoresDesync", FindingSeverity.Warning, replica.Pod,
                "The pod stays Ready while its server is desynced: its readiness probe does not ask for Synced. Its Services go on sending it clients, who may read data that is behind.");
        }

        var wasPrimary = RoleLabel.IsPrimary(replica.Node.PodSnapshot);
        await Task.WhenAll(
            context.Kubernetes.WatchPodAsync(replica.Namespace, replica.Pod, cancellationToken)
                .FirstAsync(pod => pod is null || !wasPrimary || RoleLabel.IsBackup(pod), cancellationToken),
            context.Kubernetes.WatchServicesOfPodAsync(replica.Namespace, replica.Pod, cancellationToken)
                .FirstAsync(present => !services.Overlaps(present), cancellationToken)).ConfigureAwait(false);
        return null;
    }

    private static async Task<bool> IsNotReadySoonAsync(BackupContext context, BackupReplica replica, CancellationToken cancellationToken)
    {
        using var grace = new CancellationTokenSource(ProbeTime(replica.Node), context.Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(grace.Token, cancellationToken);
        try
        {
            await context.Kubernetes.WatchPodAsync(replica.Namespace, replica.Pod, either.Token)
                .FirstAsync(pod => pod is null or { Ready: false }, either.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (grace.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Twice what the probe takes to fail, for a kubelet that is busy. A pod without one never gets NotReady by itself.</summary>
    private static TimeSpan ProbeTime(GaleraNode node) =>
        node.PodSnapshot.Containers.FirstOrDefault(container => container.Name == node.Layout?.Container)?.ReadinessProbe is { } probe
            ? (2 * TimeSpan.FromSeconds((probe.PeriodSeconds * probe.FailureThreshold) + probe.TimeoutSeconds)) + ProbeMargin
            : ProbeMargin;
}
