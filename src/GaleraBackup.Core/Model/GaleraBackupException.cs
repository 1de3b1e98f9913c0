namespace GaleraBackup;

/// <summary>What kind of end an error is. Decides the error category in PowerShell and the exit code of a job.</summary>
public enum FailureKind
{
    /// <summary>The work was started and failed.</summary>
    Failed,

    /// <summary>Nothing was changed: the cluster, the lease, the space or the input forbade it.</summary>
    Refused,

    /// <summary>Refused by the Kubernetes API or the database for want of rights.</summary>
    Denied,

    /// <summary>What was named does not exist.</summary>
    NotFound,

    /// <summary>The Kubernetes API or the database does not answer.</summary>
    Unreachable,

    /// <summary>A deadline passed.</summary>
    TimedOut,
}

/// <summary>
/// An error that a user can act on. <see cref="ErrorId"/> is short and stable; the message says what was wrong and
/// <see cref="Recommendation"/> what to do. Never carries a secret or a connection string.
/// </summary>
public sealed class GaleraBackupException : Exception
{
    public GaleraBackupException(
        string errorId, FailureKind kind, string message, string recommendation, object? target = null, Exception? innerException = null)
        : base(message, innerException)
    {
        ErrorId = errorId;
        Kind = kind;
        Recommendation = recommendation;
        TargetObject = target;
    }

    public string ErrorId { get; }

    public FailureKind Kind { get; }

    public string Recommendation { get; }

    /// <summary>The object or the name that the error is about.</summary>
    public object? TargetObject { get; }
}
