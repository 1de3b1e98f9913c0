using System.Globalization;
using System.Net.Sockets;
using k8s;
using k8s.Autorest;
using MySqlConnector;

namespace GaleraBackup.Lab;

/// <summary>Says whether the lab's cluster is as it should be: all members Ready and Synced, in one Primary component of all of them.</summary>
public static class WholeCluster
{
    private const string State =
        "SELECT GROUP_CONCAT(VARIABLE_VALUE ORDER BY VARIABLE_NAME) FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME IN "
        + "('wsrep_cluster_conf_id', 'wsrep_cluster_size', 'wsrep_cluster_state_uuid', 'wsrep_cluster_status', "
        + "'wsrep_local_state_comment')";

    /// <summary>Null where it is whole, else what is wrong, a line each.</summary>
    public static async Task<string?> WhyNotAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        var all = await Task.WhenAll(Enumerable.Range(0, ClusterNames.Replicas).Select(ordinal => StateAsync(client, ordinal, cancellationToken)));
        var wrong = all.Where(member => member.Wrong is not null).Select(member => member.Wrong!).ToList();
        if (wrong.Count == 0 && all.Select(member => member.View).Distinct().Count() > 1)
        {
            wrong.Add($"the members see different clusters: {string.Join("; ", all.Select(member => member.View))}");
        }

        return wrong.Count == 0 ? null : string.Join('\n', wrong);
    }

    /// <summary>Waits until it is whole.</summary>
    /// <exception cref="TimeoutException">It is not by then; the message says why not.</exception>
    public static async Task WaitAsync(IKubernetes client, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var giveUp = DateTime.UtcNow + deadline;
        while (await WhyNotAsync(client, cancellationToken) is { } why)
        {
            if (DateTime.UtcNow > giveUp)
            {
                throw new TimeoutException($"The cluster is not whole after {deadline.TotalSeconds:0} s:\n{why}");
            }

            await Task.Delay(300, cancellationToken);
        }
    }

    private static async Task<(string? Wrong, string View)> StateAsync(IKubernetes client, int ordinal, CancellationToken cancellationToken)
    {
        var name = ClusterNames.Pod(ordinal);
        try
        {
            var pod = await client.CoreV1.ReadNamespacedPodAsync(name, ClusterNames.Namespace, cancellationToken: cancellationToken);
            if (pod.Metadata.DeletionTimestamp is not null)
            {
                return ($"{name} is being deleted", "");
            }

            if (pod.Status.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) != true)
            {
                return ($"{name} is {pod.Status.Phase} and not Ready", "");
            }

            var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal, cancellationToken);
            var state = (await endpoint.QueryAsync(State, cancellationToken))[0][0] ?? "";
            var whole = state.Split(',') is [_, var size, _, "Primary", "Synced"]
                && size == ClusterNames.Replicas.ToString(CultureInfo.InvariantCulture);
            return whole ? (null, state) : ($"{name} is {state} (conf_id, size, uuid, status, state)", state);
        }
        catch (Exception exception) when (exception is HttpOperationException or HttpRequestException or MySqlException or SocketException
            or IOException or InvalidOperationException)
        {
            return ($"{name}: {exception.Message}", "");
        }
    }
}
