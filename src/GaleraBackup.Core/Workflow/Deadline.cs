namespace GaleraBackup.Workflow;

/// <summary>
/// A phase's time limit. A passed deadline becomes the phase's own error; the caller's cancellation stays a cancellation.
/// </summary>
internal static class Deadline
{
    public static Task RunAsync(
        TimeProvider clock, TimeSpan limit, Func<GaleraBackupException> timedOut, Func<CancellationToken, Task> work, CancellationToken cancellationToken) =>
        RunAsync(
            clock, limit, timedOut,
            async token =>
            {
                await work(token).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    /// <exception cref="GaleraBackupException">What <paramref name="timedOut"/> makes, once <paramref name="limit"/> has passed.</exception>
    public static async Task<T> RunAsync<T>(
        TimeProvider clock, TimeSpan limit, Func<GaleraBackupException> timedOut, Func<CancellationToken, Task<T>> work, CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(limit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            return await work(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (timer.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw timedOut();
        }
    }

    /// <summary>Takes from a watch until one value is what is waited for.</summary>
    public static async Task<T> FirstAsync<T>(this IAsyncEnumerable<T> changes, Func<T, bool> isWanted, CancellationToken cancellationToken)
    {
        await foreach (var change in changes.WithCancellation(cancellationToken).ConfigureAwait(false))
        {
            if (isWanted(change))
            {
                return change;
            }
        }

        throw new OperationCanceledException("The watch ended.", cancellationToken);
    }
}
