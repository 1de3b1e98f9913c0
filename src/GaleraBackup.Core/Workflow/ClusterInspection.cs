using GaleraBackup.Policy;

namespace GaleraBackup.Workflow;

/// <summary>
/// Finds the cluster and asks every node how it is: two API calls and at most two Secrets whatever its size, and one session to each node,
/// all at once.
/// Changes nothing.
/// </summary>
public static class ClusterInspection
{
    private static readonly TimeSpan NodeTimeout = TimeSpan.FromSeconds(15);

    /// <exception cref="GaleraBackupException">
    /// <c>ClusterNotFound</c>, <c>ClusterAmbiguous</c>, and what the API raises: a right that is missing is missing for all nodes. What ails a
    /// single node is a finding, not an error.
    /// </exception>
    public static async Task<GaleraCluster> InspectAsync(BackupContext context, ClusterScope scope, CancellationToken cancellationToken)
    {
        var ns = scope.Namespace ?? context.Kubernetes.DefaultNamespace;
        var statefulSet = await FindStatefulSetAsync(context, ns, scope.StatefulSet, cancellationToken).ConfigureAwait(false);
        scope = scope with { Namespace = ns, StatefulSet = statefulSet.Name };
        var pods = await context.Kubernetes.ListPodsAsync(ns, statefulSet.Selector, cancellationToken).ConfigureAwait(false);
        var own = pods.Where(pod => pod.StatefulSet == statefulSet.Name).OrderBy(pod => Discovery.Ordinal(pod.Name)).ToList();

        context.Progress.Verbose($"{ns}/{statefulSet.Name}: asking {own.Count} nodes for their wsrep status.");
        var login = new Lazy<Task<SqlLogin>>(() => ResolveLoginAsync(context, ns, scope, own, cancellationToken));
        var nodes = await Task.WhenAll(own.Select(pod => InspectNodeAsync(context, scope, pod, login, cancellationToken))).ConfigureAwait(false);
        var now = context.Now;
        return new GaleraCluster
        {
            Namespace = ns,
            StatefulSet = statefulSet.Name,
            Replicas = statefulSet.Replicas,
            Nodes = nodes,
            Findings = ClusterHealth.Evaluate(statefulSet.Replicas, nodes, now, statefulSet.RollingOut),
            CheckedAt = now,
            Scope = scope,
        };
    }

    private static async Task<StatefulSetSnapshot> FindStatefulSetAsync(
        BackupContext context, string ns, string? name, CancellationToken cancellationToken)
    {
        var all = await context.Kubernetes.ListStatefulSetsAsync(ns, cancellationToken).ConfigureAwait(false);
        var found = name is null ? [.. all.Where(Discovery.LooksLikeMariaDb)] : all.Where(set => set.Name == name).ToList();
        return found.Count switch
        {
            1 => found[0],
            0 => throw new GaleraBackupException(
                "ClusterNotFound", FailureKind.NotFound,
                name is null ? $"Namespace '{ns}' has no StatefulSet that looks like MariaDB." : $"Namespace '{ns}' has no StatefulSet '{name}'.",
                $"Check -Namespace and -Context{(all.Count == 0 ? "." : $", or pass -StatefulSet; there are: {string.Join(", ", all.Select(set => set.Name))}.")}",
                ns),
            _ => throw new GaleraBackupException(
                "ClusterAmbiguous", FailureKind.Refused,
                $"Namespace '{ns}' has {found.Count} StatefulSets that look like MariaDB: {string.Join(", ", found.Select(set => set.Name))}.",
                "Say which one with -StatefulSet.",
                ns),
        };
    }

    private static Task<SqlLogin> ResolveLoginAsync(
        BackupContext context, string ns, ClusterScope scope, IEnumerable<PodSnapshot> pods, CancellationToken cancellationToken)
    {
        // All pods of a StatefulSet come from one template: one look at the Secret serves them all.
        var layout = pods.Select(Discovery.FindLayout).First(layout => layout is not null)!;
        return Logins.AdministratorAsync(context.Kubernetes, ns, scope, layout, cancellationToken);
    }

    private static async Task<GaleraNode> InspectNodeAsync(
        BackupContext context, ClusterScope scope, PodSnapshot pod, Lazy<Task<SqlLogin>> login, CancellationToken cancellationToken)
    {
        var layout = Discovery.FindLayout(pod);
        var node = new GaleraNode
        {
            Pod = pod.Name,
            Ordinal = Discovery.Ordinal(pod.Name),
            KubernetesNode = pod.NodeName,
            Phase = pod.Phase,
            Ready = pod.Ready,
            Restarts = pod.Containers.Sum(container => container.RestartCount),
            Role = pod.Labels.GetValueOrDefault(RoleLabel.Name),
            Layout = layout,
            PodSnapshot = pod,
            Scope = scope,
        };
        if (layout is null)
        {
            return node with { Problem = Problem("LayoutUnknown", "No container of the pod looks like MariaDB on a claim. Is this the right StatefulSet?") };
        }

        if (pod.Phase != "Running" || pod.PodIP is null)
        {
            return node; // The phase is a finding of its own.
        }

        try
        {
            var session = await context.Galera
                .ConnectAsync(pod, await login.Value.ConfigureAwait(false), scope, NodeTimeout, cancellationToken).ConfigureAwait(false);
            await using (session.ConfigureAwait(false))
            {
                return node with { Wsrep = await session.ReadStatusAsync(cancellationToken).ConfigureAwait(false) };
            }
        }
        catch (GaleraBackupException exception) when (exception.ErrorId != "ApiForbidden")
        {
            return node with { Problem = Problem(exception.ErrorId, $"{exception.Message} {exception.Recommendation}") };
        }

        HealthFinding Problem(string id, string message) => new(id, FindingSeverity.Error, pod.Name, message);
    }
}
