using System.Management.Automation;
using GaleraBackup.Policy;

namespace GaleraBackup.Host;

/// <summary>An error as a user reads it: what was wrong, what to do, and the code that the process owes for it. Never a stack trace.</summary>
internal sealed record ErrorReport(string ErrorId, string Message, string Category, int ExitCode)
{
    public string? Recommendation { get; init; }

    /// <summary>What the error is about.</summary>
    public string? Target { get; init; }

    /// <summary>The cmdlet or function it comes from.</summary>
    public string? Command { get; init; }

    /// <summary>Script and line; null for a cmdlet that was started directly.</summary>
    public string? Position { get; init; }

    /// <summary>A command line that makes no sense: nothing has run.</summary>
    public static ErrorReport Usage(string message) => new("Usage", message, nameof(ErrorCategory.InvalidArgument), Policy.ExitCode.Failed)
    {
        Recommendation = "See galera-backup --help.",
    };

    public static ErrorReport From(Exception exception) =>
        exception is IContainsErrorRecord { ErrorRecord: { } record }
            ? From(record)
            : From(new ErrorRecord(exception, exception.GetType().Name, ErrorCategory.NotSpecified, null));

    public static ErrorReport From(ErrorRecord record)
    {
        // A preference of Stop, and every layer of script or method call, wraps the error that matters.
        var known = Causes(record.Exception).OfType<GaleraBackupException>().FirstOrDefault();
        var details = record.ErrorDetails;
        var id = known?.ErrorId ?? record.FullyQualifiedErrorId.Split(',')[0];
        return new ErrorReport(
            string.IsNullOrEmpty(id) ? record.Exception.GetType().Name : id,
            string.IsNullOrEmpty(details?.Message) ? known?.Message ?? record.Exception.Message : details.Message,
            record.CategoryInfo.Category.ToString(),
            Policy.ExitCode.Of(known ?? record.Exception))
        {
            Recommendation = NullIfEmpty(details?.RecommendedAction) ?? known?.Recommendation,
            Target = NullIfEmpty((known?.TargetObject ?? record.TargetObject)?.ToString()),
            Command = NullIfEmpty(record.InvocationInfo?.MyCommand?.Name),

            // A parser's message names the place itself.
            Position = record.Exception is ParseException ? null : PositionOf(record.InvocationInfo),
        };
    }

    public override string ToString()
    {
        var lines = new List<string> { $"{Command ?? "galera-backup"}: {Message} [{ErrorId}]" };
        if (Recommendation is not null)
        {
            lines.Add($"  {Recommendation}");
        }

        if (Position is not null)
        {
            lines.Add($"  at {Position}");
        }

        return string.Join(Environment.NewLine, lines);
    }

    private static IEnumerable<Exception> Causes(Exception exception)
    {
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            yield return cause;
            if (cause is IContainsErrorRecord { ErrorRecord.Exception: { } wrapped } && wrapped != cause)
            {
                yield return wrapped;
            }
        }
    }

    private static string? PositionOf(InvocationInfo? invocation) => invocation is { ScriptLineNumber: > 0 }
        ? $"{(string.IsNullOrEmpty(invocation.ScriptName) ? "line " : invocation.ScriptName + ":")}{invocation.ScriptLineNumber}"
        : null;

    private static string? NullIfEmpty(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
