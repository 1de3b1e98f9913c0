using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>Waits for what happens to a pod.</summary>
public static class PodWatch
{
    /// <summary>Waits until the condition holds for the pod, or for null while there is none, and gives the pod as it is then.</summary>
    /// <exception cref="TimeoutException">It did not come to hold in time.</exception>
    public static async Task<V1Pod?> WaitAsync(
        IKubernetes client, string ns, string name, Func<V1Pod?, bool> condition, TimeSpan deadline, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reached = new TaskCompletionSource<V1Pod?>(TaskCreationOptions.RunContinuationsAsynchronously);
        V1Pod? last = null;
        var follow = ResourceFollower.FollowAsync<V1Pod, V1PodList>(
            $"wait for {name}",
            token => client.CoreV1.ListNamespacedPodAsync(ns, fieldSelector: $"metadata.name={name}", cancellationToken: token),
            (version, seconds, onError, token) => client.CoreV1.WatchListNamespacedPodAsync(
                ns, fieldSelector: $"metadata.name={name}", resourceVersion: version, timeoutSeconds: seconds, onError: onError,
                cancellationToken: token),
            pods =>
            {
                last = pods.SingleOrDefault();
                if (condition(last))
                {
                    reached.TrySetResult(last);
                }
            },
            stop.Token);
        try
        {
            return await reached.Task.WaitAsync(deadline, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The pod {name} is still {last?.Status?.Phase ?? "absent"} after {deadline.TotalSeconds:0} s.");
        }
        finally
        {
            await stop.CancelAsync();
            await follow;
        }
    }
}
