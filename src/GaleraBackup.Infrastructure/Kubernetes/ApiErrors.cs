using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// Turns the client's exceptions into errors that a user can act on. None of them becomes an inner exception where it carries the
/// request: a Secret's values are in there.
/// </summary>
internal static partial class ApiErrors
{
    /// <param name="action">What was asked, to be read after "cannot": "list the pods in namespace 'x'".</param>
    public static async Task<T> TranslateAsync<T>(string action, object? target, Func<Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (Exception exception) when (IsOfTheApi(exception, cancellationToken))
        {
            throw From(exception, action, target);
        }
    }

    /// <summary>Any failure of a request, but not our own cancellation.</summary>
    public static bool IsOfTheApi(Exception exception, CancellationToken cancellationToken) => exception switch
    {
        OperationCanceledException => !cancellationToken.IsCancellationRequested,
        HttpOperationException or UpgradeRefusedException or HttpRequestException or WebSocketException or SocketException or IOException
            or TimeoutException or JsonException or KubeConfigException or KubernetesException => true,
        _ => false,
    };

    /// <summary>True for what may be well a moment later.</summary>
    public static bool IsTransient(Exception exception, CancellationToken cancellationToken) =>
        IsOfTheApi(exception, cancellationToken)
        && exception is not KubeConfigException
        && (StatusOf(exception) is not { } status
            || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or HttpStatusCode.Gone or >= HttpStatusCode.InternalServerError);

    public static HttpStatusCode? StatusOf(Exception exception) => exception switch
    {
        HttpOperationException http => http.Response?.StatusCode,
        UpgradeRefusedException refused => refused.Status,
        _ => null,
    };

    public static GaleraBackupException From(Exception exception, string action, object? target)
    {
        var detail = DetailOf(exception);
        return StatusOf(exception) switch
        {
            HttpStatusCode.Forbidden => new(
                "ApiForbidden", FailureKind.Denied, $"Not allowed to {action}: {detail}", RoleFor(exception, detail, action), target),
            HttpStatusCode.Unauthorized => Unauthorized(action, detail, target),
            HttpStatusCode.NotFound => new(
                "ApiNotFound", FailureKind.NotFound, $"Cannot {action}: {detail}", "Check the name, -Namespace and -Context.", target),
            HttpStatusCode.Conflict => new(
                "ApiConflict", FailureKind.Failed, $"Cannot {action}: {detail}", "Somebody else changed it meanwhile: look at it again.", target),
            null when exception is KubeConfigException => Unauthorized(action, detail, target),
            null or HttpStatusCode.TooManyRequests or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout
                when exception is not (JsonException or KubernetesException) => new(
                "ApiUnreachable", FailureKind.Unreachable,
                $"Cannot {action}: the Kubernetes API does not answer ({detail}).",
                "Check -Context, the network and the API server's address and certificate: kubectl version.", target,
                exception is HttpOperationException ? null : exception),
            _ => new(
                "ApiFailed", FailureKind.Failed, $"Cannot {action}: {detail}", "Try the same with kubectl.", target),
        };
    }

    private static GaleraBackupException Unauthorized(string action, string detail, object? target) => new(
        "ApiUnauthorized", FailureKind.Denied,
        $"Cannot {action}: the Kubernetes API does not accept the kubeconfig's credentials ({detail}).",
        "Log in again, or check the context's user: kubectl auth can-i get pods.", target);

    private static string DetailOf(Exception exception)
    {
        if (exception is HttpOperationException http)
        {
            return MessageOf(http) ?? $"HTTP status {(int?)http.Response?.StatusCode} {http.Response?.StatusCode}";
        }

        if (exception is KubernetesException { Status.Message.Length: > 0 } kubernetes)
        {
            return kubernetes.Status.Message;
        }

        // The innermost one says what happened ("The remote certificate is invalid"), but this one to whom ("Connection refused (host:6443)").
        var cause = exception is TimeoutException or HttpRequestException { InnerException: SocketException } ? exception : exception.GetBaseException();
        return cause.Message.Split('\n', 2)[0].TrimEnd('.', '\r');
    }

    private static string? MessageOf(HttpOperationException exception)
    {
        try
        {
            var message = KubernetesJson.Deserialize<V1Status>(exception.Response?.Content ?? "")?.Message;
            return string.IsNullOrEmpty(message) ? null : message;
        }
        catch (JsonException)
        {
            return null; // A proxy's page.
        }
    }

    private static string RoleFor(Exception exception, string detail, string action)
    {
        if (exception is UpgradeRefusedException refused)
        {
            // Over a WebSocket the verb is get; newer API servers ask for create as well.
            return $"The user needs a Role with apiGroups [\"\"], resources [\"pods/{refused.Subresource}\"], verbs [\"get\", \"create\"].";
        }

        var match = Denied().Match(detail);
        if (!match.Success)
        {
            return $"The user of this context needs a Role that allows to {action}.";
        }

        var scope = match.Groups["ns"].Success ? $"a Role in namespace '{match.Groups["ns"].Value}'" : "a ClusterRole";
        return $"The user needs {scope} with apiGroups [\"{match.Groups["group"].Value}\"], resources [\"{match.Groups["resource"].Value}\"], "
            + $"verbs [\"{match.Groups["verb"].Value}\"].";
    }

    // pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y"
    [GeneratedRegex("""cannot (?<verb>\S+) resource "(?<resource>[^"]*)" in API group "(?<group>[^"]*)"( in the namespace "(?<ns>[^"]*)")?""")]
    private static partial Regex Denied();
}
