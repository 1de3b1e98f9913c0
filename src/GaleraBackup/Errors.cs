using System.Management.Automation;

namespace GaleraBackup;

/// <summary>The one place where errors become error records.</summary>
internal static class Errors
{
    public static ErrorRecord ToErrorRecord(this GaleraBackupException exception) =>
        new(exception, exception.ErrorId, CategoryOf(exception.Kind), exception.TargetObject)
        {
            ErrorDetails = new ErrorDetails(exception.Message) { RecommendedAction = exception.Recommendation },
        };

    /// <summary>An error that a run holds as data, with the run as its target.</summary>
    public static ErrorRecord ToErrorRecord(this RunError error, BackupRun run) =>
        new GaleraBackupException(error.ErrorId, error.Kind, error.Message, error.Recommendation, run).ToErrorRecord();

    private static ErrorCategory CategoryOf(FailureKind kind) => kind switch
    {
        FailureKind.Refused => ErrorCategory.InvalidOperation,
        FailureKind.Denied => ErrorCategory.PermissionDenied,
        FailureKind.NotFound => ErrorCategory.ObjectNotFound,
        FailureKind.Unreachable => ErrorCategory.ConnectionError,
        FailureKind.TimedOut => ErrorCategory.OperationTimeout,
        _ => ErrorCategory.InvalidResult,
    };
}
