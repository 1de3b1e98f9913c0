using System.Net.WebSockets;
using System.Text;
using GaleraBackup.Runner;
using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

internal sealed partial class KubernetesCluster
{
    private const byte StandardOutput = 1;
    private const byte StandardError = 2;
    private const byte ExecStatus = 3;

    public Task CreatePodAsync(RunnerPod pod, CancellationToken cancellationToken) => ApiErrors.TranslateAsync(
        $"create the pod '{pod.Namespace}/{pod.Name}'", pod.Name,
        () => client.CoreV1.CreateNamespacedPodAsync(RunnerPodManifest.Build(pod), pod.Namespace, cancellationToken: cancellationToken),
        cancellationToken);

    public string RenderPod(RunnerPod pod) => KubernetesYaml.Serialize(RunnerPodManifest.Build(pod));

    /// <summary>A read, the deletion and a watch. A pod that takes the name afterwards is not waited for, nor deleted.</summary>
    public async Task DeletePodAsync(string ns, string name, TimeSpan gracePeriod, CancellationToken cancellationToken)
    {
        var action = $"delete the pod '{ns}/{name}'";
        try
        {
            var pod = await ApiErrors.TranslateAsync(
                action, name, () => client.CoreV1.ReadNamespacedPodAsync(name, ns, cancellationToken: cancellationToken), cancellationToken)
                .ConfigureAwait(false);
            var uid = pod.Uid();
            var options = new V1DeleteOptions
            {
                GracePeriodSeconds = (long)Math.Ceiling(gracePeriod.TotalSeconds),
                Preconditions = new V1Preconditions { Uid = uid },
            };
            await ApiErrors.TranslateAsync(
                action, name, () => client.CoreV1.DeleteNamespacedPodAsync(name, ns, options, cancellationToken: cancellationToken), cancellationToken)
                .ConfigureAwait(false);
            await foreach (var seen in WatchPodAsync(ns, name, cancellationToken).ConfigureAwait(false))
            {
                if (seen?.Uid != uid)
                {
                    return;
                }
            }
        }
        catch (GaleraBackupException exception) when (exception.ErrorId is "ApiNotFound" or "ApiConflict")
        {
            // Gone, or replaced by another of its name.
        }
    }

    public Task<ExecResult> ExecAsync(
        string ns, string podName, string container, IReadOnlyList<string> command, CancellationToken cancellationToken) => ApiErrors.TranslateAsync(
            $"run {command[0]} in container '{container}' of pod '{ns}/{podName}'", podName,
            async () =>
            {
                using var socket = await client.WebSocketNamespacedPodExecAsync(
                    podName, ns, command, container, stderr: true, stdin: false, stdout: true, tty: false,
                    PodChannels.Protocol, cancellationToken: cancellationToken).ConfigureAwait(false);
                return await ReadResultAsync(socket, cancellationToken).ConfigureAwait(false);
            },
            cancellationToken);

    private static async Task<ExecResult> ReadResultAsync(WebSocket socket, CancellationToken cancellationToken)
    {
        using var output = new MemoryStream();
        using var error = new MemoryStream();
        using var status = new MemoryStream();
        try
        {
            await foreach (var (channel, data) in socket.ReadChannelsAsync(cancellationToken).ConfigureAwait(false))
            {
                var stream = channel switch
                {
                    StandardOutput => output,
                    StandardError => error,
                    ExecStatus => status,
                    _ => Stream.Null,
                };
                stream.Write(data.Span);
            }
        }
        catch (WebSocketException) when (status.Length > 0)
        {
            // The status is the last thing said; how the connection ends after it does not matter.
        }

        if (status.Length == 0)
        {
            throw new IOException("the connection was lost before the command had ended");
        }

        var ended = KubernetesJson.Deserialize<V1Status>(Text(status));
        return new ExecResult(k8s.Kubernetes.GetExitCodeOrThrow(ended), Text(output), Text(error));
    }

    private static string Text(MemoryStream stream) => Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
}
