namespace GaleraBackup.Policy;

/// <summary>
/// What a CronJob is told. The mapping is here and nowhere else; the host documents it in its help.
/// </summary>
public static class ExitCode
{
    public const int Good = 0;

    /// <summary>The backup failed, or whatever else was asked for did; a wrong command line too.</summary>
    public const int Failed = 1;

    /// <summary>The backup is good, but the resync, the pruning or the verification is not.</summary>
    public const int PartlyFailed = 2;

    /// <summary>Refused for want of safety, lease, space or rights: there is no backup, and nothing was left changed.</summary>
    public const int Refused = 3;

    /// <summary>A deadline passed before there was a backup.</summary>
    public const int TimedOut = 4;

    /// <summary>The code of one run, judged by its outcomes; its errors only tell a refusal from a failure.</summary>
    public static int Of(BackupRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var leftDesynced = IsBad(run.Resync);
        return run.Backup switch
        {
            Outcome.Succeeded => leftDesynced || IsBad(run.Prune) || IsBad(run.Verify) ? PartlyFailed : Good,
            Outcome.TimedOut => TimedOut,

            // A refusal says that nothing is left to repair, which a replica that did not come back is.
            Outcome.Failed => !leftDesynced && run.Errors.Count > 0 && Of(run.Errors[0].Kind) == Refused ? Refused : Failed,

            // Not reached: what stopped the run says why.
            _ => leftDesynced ? Failed : run.Errors.Count > 0 ? Of(run.Errors[0].Kind) : Good,
        };
    }

    public static int Of(FailureKind kind) => kind switch
    {
        FailureKind.Refused or FailureKind.Denied => Refused,
        FailureKind.TimedOut => TimedOut,
        _ => Failed,
    };

    /// <summary>The code of an error: of the <see cref="GaleraBackupException"/> in it, or of the run that it is about.</summary>
    public static int Of(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        for (var cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (cause is GaleraBackupException known)
            {
                return known.TargetObject is BackupRun run ? Worst(Of(run), PartlyFailed) : Of(known.Kind);
            }
        }

        return Failed;
    }

    /// <summary>One code for several: a failure outranks a time-out, that a refusal, that a partly failed run.</summary>
    public static int Worst(int one, int other) => Rank(one) >= Rank(other) ? one : other;

    private static bool IsBad(Outcome outcome) => outcome is Outcome.Failed or Outcome.TimedOut;

    private static int Rank(int code) => code switch
    {
        Good => 0,
        PartlyFailed => 1,
        Refused => 2,
        TimedOut => 3,
        _ => 4,
    };
}
