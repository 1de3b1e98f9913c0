using System.Diagnostics;
using System.Runtime.CompilerServices;
using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// The API's list-then-watch: what there is, then after each event what there is now. Watches end by themselves, are cut off, or are
/// told that their version is too old (410); each time the list is read anew, so nothing is missed. Never ends.
/// </summary>
internal static class ListWatch
{
    /// <summary>Seconds after which the server ends a watch, so that a connection that died in silence is noticed.</summary>
    private const int WatchSeconds = 120;

    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    public delegate IAsyncEnumerable<(WatchEventType Type, TItem Item)> Watch<TItem>(
        string resourceVersion, int timeoutSeconds, Action<Exception> onError, CancellationToken cancellationToken);

    /// <exception cref="GaleraBackupException">What does not mend itself: <c>ApiForbidden</c>, <c>ApiUnauthorized</c> …</exception>
    public static async IAsyncEnumerable<IReadOnlyList<TItem>> FollowAsync<TItem, TList>(
        string action, Func<CancellationToken, Task<TList>> list, Watch<TItem> watch, [EnumeratorCancellation] CancellationToken cancellationToken)
        where TItem : IKubernetesObject<V1ObjectMeta>
        where TList : IItems<TItem>, IKubernetesObject<V1ListMeta>
    {
        var backOff = new BackOff();
        while (true)
        {
            var (listed, present) = await TryAsync(action, () => list(cancellationToken), cancellationToken).ConfigureAwait(false);
            if (listed)
            {
                var items = present!.Items.ToDictionary(item => item.Name());
                yield return [.. items.Values];

                var began = Stopwatch.GetTimestamp();
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                limit.CancelAfter(TimeSpan.FromSeconds(WatchSeconds) + Grace);

                // An error within the stream (410, a line that is no JSON) comes here only; after it there is nothing to wait for.
                var events = watch(present.ResourceVersion(), WatchSeconds, _ => limit.Cancel(), limit.Token).GetAsyncEnumerator(limit.Token);
                await using (events.ConfigureAwait(false))
                {
                    while (await TryAsync(action, () => events.MoveNextAsync().AsTask(), cancellationToken).ConfigureAwait(false) is (true, true))
                    {
                        if (Apply(items, events.Current))
                        {
                            backOff.Reset();
                            yield return [.. items.Values];
                        }
                    }
                }

                if (Stopwatch.GetElapsedTime(began) > TimeSpan.FromSeconds(1))
                {
                    backOff.Reset();
                }
            }

            await backOff.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool Apply<TItem>(Dictionary<string, TItem> items, (WatchEventType Type, TItem Item) change)
        where TItem : IKubernetesObject<V1ObjectMeta>
    {
        switch (change.Type)
        {
            case WatchEventType.Added or WatchEventType.Modified:
                items[change.Item.Name()] = change.Item;
                return true;
            case WatchEventType.Deleted:
                return items.Remove(change.Item.Name());
            default:
                return false;
        }
    }

    // Iterators may not yield within try-catch: hence the catching is here.
    private static async Task<(bool Done, T? Value)> TryAsync<T>(string action, Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await call().ConfigureAwait(false));
        }
        catch (Exception exception) when (ApiErrors.IsTransient(exception, cancellationToken))
        {
            return (false, default);
        }
        catch (Exception exception) when (ApiErrors.IsOfTheApi(exception, cancellationToken))
        {
            throw ApiErrors.From(exception, action, null);
        }
    }
}
