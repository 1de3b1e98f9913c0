using System.Net;
using System.Runtime.CompilerServices;
using k8s;

namespace GaleraBackup.Infrastructure.Kubernetes;

internal sealed partial class KubernetesCluster
{
    public async IAsyncEnumerable<string> FollowLogAsync(
        string ns, string podName, string container, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await WaitUntilStartedAsync(ns, podName, container, cancellationToken).ConfigureAwait(false);
        var action = $"read the log of container '{container}' of pod '{ns}/{podName}'";
        var position = new LogPosition();
        var backOff = new BackOff();
        while (true)
        {
            // Asked before the log is read: a log that is read to its end after the container's end has no more to come.
            var ended = await HasEndedAsync(ns, podName, container, cancellationToken).ConfigureAwait(false);
            var (state, log) = await OpenLogAsync(action, ns, podName, container, follow: !ended, cancellationToken).ConfigureAwait(false);
            if (state == LogState.Gone)
            {
                yield break;
            }

            if (log is not null)
            {
                using (log)
                {
                    position.Restart();
                    var (read, line) = await ReadLineAsync(log, cancellationToken).ConfigureAwait(false);

                    // A line without an end is the last one, or was cut off: then it comes again, whole.
                    while (line is { } one && (one.IsWhole || ended))
                    {
                        if (position.Take(one.Text) is { } text)
                        {
                            backOff.Reset();
                            yield return text;
                        }

                        (read, line) = await ReadLineAsync(log, cancellationToken).ConfigureAwait(false);
                    }

                    if (ended && read)
                    {
                        yield break;
                    }
                }
            }
            else if (ended && state == LogState.NotStarted)
            {
                yield break; // It ended without ever having run.
            }

            await backOff.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task WaitUntilStartedAsync(string ns, string podName, string container, CancellationToken cancellationToken)
    {
        await foreach (var pod in WatchPodAsync(ns, podName, cancellationToken).ConfigureAwait(false))
        {
            if (pod is null or { Phase: not "Pending" } || HasEnded(pod, container))
            {
                return;
            }
        }
    }

    private async Task<bool> HasEndedAsync(string ns, string podName, string container, CancellationToken cancellationToken)
    {
        // The watch's first value is the state as it is now; it sits out what is transient.
        await foreach (var pod in WatchPodAsync(ns, podName, cancellationToken).ConfigureAwait(false))
        {
            return HasEnded(pod, container);
        }

        return true;
    }

    private static bool HasEnded(PodSnapshot? pod, string container) =>
        pod is null or { Phase: "Succeeded" or "Failed" }
        || pod.Containers.Any(candidate => candidate.Name == container && candidate.ExitCode is not null);

    private async Task<(LogState State, LineReader? Log)> OpenLogAsync(
        string action, string ns, string podName, string container, bool follow, CancellationToken cancellationToken)
    {
        try
        {
            var stream = await client.CoreV1.ReadNamespacedPodLogAsync(
                podName, ns, container, follow: follow, timestamps: true, cancellationToken: cancellationToken).ConfigureAwait(false);
            return (LogState.Open, new LineReader(stream));
        }
        catch (Exception exception) when (ApiErrors.StatusOf(exception) == HttpStatusCode.NotFound)
        {
            return (LogState.Gone, null);
        }
        catch (Exception exception) when (ApiErrors.StatusOf(exception) == HttpStatusCode.BadRequest)
        {
            return (LogState.NotStarted, null); // 'container "x" in pod "y" is waiting to start'
        }
        catch (Exception exception) when (ApiErrors.IsTransient(exception, cancellationToken))
        {
            return (LogState.Unreachable, null);
        }
        catch (Exception exception) when (ApiErrors.IsOfTheApi(exception, cancellationToken))
        {
            throw ApiErrors.From(exception, action, podName);
        }
    }

    /// <summary>(true, null) at the end, (false, null) if the connection broke.</summary>
    private static async Task<(bool Read, (string Text, bool IsWhole)? Line)> ReadLineAsync(LineReader log, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await log.ReadAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception) when (ApiErrors.IsOfTheApi(exception, cancellationToken))
        {
            return (false, null);
        }
    }

    private enum LogState
    {
        Open,
        NotStarted,
        Gone,
        Unreachable,
    }
}
