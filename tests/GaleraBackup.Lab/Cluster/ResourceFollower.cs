using System.Net;
using System.Text.Json;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>Keeps an up-to-date picture of a set of objects: list, then watch from there, and again whenever the watch ends.</summary>
internal static class ResourceFollower
{
    /// <summary>The server ends a watch after this time.</summary>
    private const int WatchSeconds = 60;

    /// <summary>A watch that did not end by then has silently died.</summary>
    private static readonly TimeSpan WatchPatience = TimeSpan.FromSeconds(WatchSeconds + 10);

    private static readonly TimeSpan RetryDelay = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// Calls <paramref name="changed"/> with all objects after the list and after every event, until cancelled. The API being away
    /// is not an error here: it is written to standard error, and tried again.
    /// </summary>
    internal static async Task FollowAsync<T, TList>(
        string what,
        Func<CancellationToken, Task<TList>> list,
        Func<string, int, Action<Exception>, CancellationToken, IAsyncEnumerable<(WatchEventType Type, T Item)>> watch,
        Action<IReadOnlyCollection<T>> changed,
        CancellationToken cancellationToken)
        where T : IKubernetesObject<V1ObjectMeta>
        where TList : IItems<T>, IKubernetesObject<V1ListMeta>
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(WatchPatience);
            try
            {
                var all = await list(patience.Token);
                Dictionary<(string, string), T> items = all.Items.ToDictionary(Key);
                changed(items.Values);
                Exception? failure = null;
                await foreach ((var type, var item) in
                    watch(all.Metadata.ResourceVersion, WatchSeconds, exception => failure = exception, patience.Token)
                        .WithCancellation(patience.Token))
                {
                    if (type is WatchEventType.Error or WatchEventType.Bookmark)
                    {
                        break;
                    }

                    if (type == WatchEventType.Deleted)
                    {
                        items.Remove(Key(item));
                    }
                    else
                    {
                        items[Key(item)] = item;
                    }

                    changed(items.Values);
                    if (failure is not null)
                    {
                        break;
                    }
                }

                if (failure is not null)
                {
                    throw failure;
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (KubernetesException exception) when (exception.Status?.Code == (int)HttpStatusCode.Gone)
            {
                // The version is too old to watch from: the next list is newer.
            }
            catch (Exception exception) when (exception is HttpOperationException or HttpRequestException or IOException
                or KubernetesException or OperationCanceledException or JsonException)
            {
                Console.Error.WriteLine($"{what}: {exception.Message}");
                await Task.Delay(RetryDelay, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static (string Namespace, string Name) Key<T>(T item)
        where T : IKubernetesObject<V1ObjectMeta> => (item.Metadata.NamespaceProperty, item.Metadata.Name);
}
