using System.Net;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// What the client leaves to chance: a time limit for each request including its body, and a short retry of what may be repeated.
/// Watches and followed logs are streams: they have no end to wait for.
/// </summary>
internal sealed class RequestPolicyHandler : DelegatingHandler
{
    private const int Attempts = 3;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(5);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var delay = FirstDelay * (1 << (attempt - 1));
            try
            {
                var response = await SendOnceAsync(request, cancellationToken).ConfigureAwait(false);
                if (attempt == Attempts || !MayRepeat(request, response.StatusCode))
                {
                    return response;
                }

                delay = response.Headers.RetryAfter?.Delta ?? delay;
                response.Dispose();
            }
            catch (Exception exception) when (
                exception is HttpRequestException or IOException && request.Method == HttpMethod.Get && attempt < Attempts)
            {
                // The connection was refused or reset. A read changes nothing: ask again.
            }

            await Task.Delay(delay < LongestDelay ? delay : LongestDelay, cancellationToken).ConfigureAwait(false);
        }
    }

    // 429 is answered before anything is done, whatever the method.
    private static bool MayRepeat(HttpRequestMessage request, HttpStatusCode status) =>
        status == HttpStatusCode.TooManyRequests || (request.Method == HttpMethod.Get && status >= HttpStatusCode.InternalServerError);

    private async Task<HttpResponseMessage> SendOnceAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var query = request.RequestUri!.Query;
        if (query.Contains("follow=true", StringComparison.Ordinal))
        {
            // The API server sends no headers before the container's first line.
            return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Timeout);
        try
        {
            var response = await base.SendAsync(request, limit.Token).ConfigureAwait(false);
            if (!query.Contains("watch=true", StringComparison.Ordinal))
            {
                // Read it all here: the client's own reading blocks a thread and heeds no token.
                await response.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false);
            }

            return response;
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException(
                limit.IsCancellationRequested ? $"no answer within {Timeout.TotalSeconds:0} s" : "no connection within the time limit", exception);
        }
    }
}
