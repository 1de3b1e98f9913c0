using System.Globalization;
using System.Net;
using System.Threading.Channels;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>
/// Stands in for the vendor's MariaDB controller. It keeps the label <c>mariadb_role=primary</c> on exactly one ready pod: the present
/// primary while that is ready, else the ready pod with the lowest ordinal. A primary that is not ready because its node is desynced
/// becomes <c>mariadb_role=backup</c>, and loses that label when it is ready again.
/// </summary>
public static class MariaDbController
{
    private const string Primary = "primary";
    private const string Backup = "backup";

    private const string ReadState =
        "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_local_state_comment'";

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ExecTimeout = TimeSpan.FromSeconds(5);

    /// <summary>Runs until cancelled, and keeps the decoy node's heart beating with it.</summary>
    public static async Task RunAsync(IKubernetes client, string ns, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var labels = KeepLabelsAsync(client, ns, stop.Token);
        var decoy = DecoyNode.KeepReadyAsync(client, stop.Token);
        await Task.WhenAny(labels, decoy);
        await stop.CancelAsync();
        await Task.WhenAll(labels, decoy);
    }

    private static async Task KeepLabelsAsync(IKubernetes client, string ns, CancellationToken cancellationToken)
    {
        // One place: a picture that was not looked at yet is replaced by the next.
        Channel<IReadOnlyList<V1Pod>> pictures = Channel.CreateBounded<IReadOnlyList<V1Pod>>(
            new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        var follow = ResourceFollower.FollowAsync<V1Pod, V1PodList>(
            "controller",
            token => client.CoreV1.ListNamespacedPodAsync(ns, labelSelector: ClusterNames.PodSelector, cancellationToken: token),
            (version, seconds, onError, token) => client.CoreV1.WatchListNamespacedPodAsync(
                ns, labelSelector: ClusterNames.PodSelector, resourceVersion: version, timeoutSeconds: seconds, onError: onError,
                cancellationToken: token),
            all => pictures.Writer.TryWrite([.. all]),
            cancellationToken);
        try
        {
            await foreach (var pods in pictures.Reader.ReadAllAsync(cancellationToken))
            {
                if (!await TryReconcileAsync(client, pods, cancellationToken))
                {
                    await Task.Delay(RetryDelay, cancellationToken);
                    if (pictures.Reader.Count == 0)
                    {
                        pictures.Writer.TryWrite(pods);
                    }
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }

        await follow;
    }

    /// <summary>False when it has to be tried again.</summary>
    private static async Task<bool> TryReconcileAsync(IKubernetes client, IReadOnlyList<V1Pod> pods, CancellationToken cancellationToken)
    {
        try
        {
            return await ReconcileAsync(client, pods, cancellationToken);
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.NotFound)
        {
            // The pod went away meanwhile; its event is on the way.
            return true;
        }
        catch (Exception exception) when (exception is HttpOperationException or HttpRequestException or IOException)
        {
            Console.Error.WriteLine($"controller: {exception.Message}");
            return false;
        }
    }

    private static async Task<bool> ReconcileAsync(IKubernetes client, IReadOnlyList<V1Pod> pods, CancellationToken cancellationToken)
    {
        V1Pod[] inOrder = [.. pods.OrderBy(Ordinal)];
        foreach (var pod in inOrder.Where(pod => RoleOf(pod) == Backup && IsReady(pod)))
        {
            await SetRoleAsync(client, pod, null, cancellationToken);
        }

        V1Pod[] primaries = [.. inOrder.Where(pod => RoleOf(pod) == Primary)];
        var keeps = primaries.FirstOrDefault(IsReady);
        var next = keeps ?? inOrder.FirstOrDefault(IsReady);
        bool settled = true;
        foreach (var pod in primaries.Where(pod => pod != keeps))
        {
            if (IsReady(pod))
            {
                await SetRoleAsync(client, pod, null, cancellationToken);
                continue;
            }

            string? state = await WsrepStateAsync(client, pod, cancellationToken);
            if (state == "Synced" && keeps is null)
            {
                // It is about to be ready, or not yet about to be unready: its next event decides, or a second look does.
                settled = false;
                next = null;
            }
            else if (state == "Donor/Desynced")
            {
                await SetRoleAsync(client, pod, Backup, cancellationToken);
            }
            else if (next is not null)
            {
                await SetRoleAsync(client, pod, null, cancellationToken);
            }
        }

        if (next is not null && next != keeps)
        {
            await SetRoleAsync(client, next, Primary, cancellationToken);
        }

        return settled;
    }

    /// <summary>Null where the database cannot be asked.</summary>
    private static async Task<string?> WsrepStateAsync(IKubernetes client, V1Pod pod, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(ExecTimeout);
        try
        {
            var result = await PodExec.RunAsync(
                client,
                pod.Metadata.NamespaceProperty,
                pod.Metadata.Name,
                ClusterNames.Container,
                ["mariadb", "-NBe", ReadState],
                deadline.Token);
            return result.ExitCode == 0 ? result.Output.Trim() : null;
        }
        catch (Exception exception) when (exception is HttpOperationException or HttpRequestException or IOException or KubernetesException
            or System.Net.WebSockets.WebSocketException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private static async Task SetRoleAsync(IKubernetes client, V1Pod pod, string? role, CancellationToken cancellationToken)
    {
        // The uid is in the patch so that it cannot hit the next pod of that name.
        var patch = new
        {
            metadata = new { uid = pod.Metadata.Uid, labels = new Dictionary<string, string?> { [ClusterNames.RoleLabel] = role } },
        };
        await client.CoreV1.PatchNamespacedPodAsync(
            new V1Patch(patch, V1Patch.PatchType.MergePatch), pod.Metadata.Name, pod.Metadata.NamespaceProperty,
            cancellationToken: cancellationToken);
        Console.Error.WriteLine($"controller: {pod.Metadata.Name} {ClusterNames.RoleLabel}={role ?? "(none)"}");
    }

    private static string? RoleOf(V1Pod pod) =>
        pod.Metadata.Labels?.TryGetValue(ClusterNames.RoleLabel, out string? role) == true ? role : null;

    private static bool IsReady(V1Pod pod) => pod.Metadata.DeletionTimestamp is null
        && pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    private static int Ordinal(V1Pod pod)
    {
        string name = pod.Metadata.Name;
        return int.TryParse(name.AsSpan(name.LastIndexOf('-') + 1), CultureInfo.InvariantCulture, out int ordinal) ? ordinal : int.MaxValue;
    }
}
