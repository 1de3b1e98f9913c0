namespace GaleraBackup;

/// <summary>How one phase of a run ended.</summary>
public enum Outcome
{
    /// <summary>It was not reached, or not asked for.</summary>
    Skipped,
    Succeeded,
    Failed,

    /// <summary>Its deadline passed. Never counts as a success.</summary>
    TimedOut,
}

/// <summary>The phases of a run, in the order in which they begin.</summary>
public enum BackupPhase
{
    /// <summary>The cluster is checked and the replica chosen.</summary>
    Check,

    /// <summary>The lease is taken, the runner pod started and its own checks done; the replica still serves.</summary>
    Prepare,

    /// <summary>wsrep_desync=ON until the replica is out of its Services.</summary>
    Desync,

    /// <summary>mariadb-backup's own run.</summary>
    Copy,

    /// <summary>The receive queue, wsrep_desync=OFF, Synced, Ready.</summary>
    Resync,

    /// <summary>The backup's files are finished and published; runs beside the resync.</summary>
    Publish,
    Verify,
    Prune,
}

/// <summary>How one phase of a run ended, and how long it took.</summary>
public sealed record PhaseResult(BackupPhase Phase, Outcome Outcome, TimeSpan Duration)
{
    public override string ToString() => $"{Phase}: {Outcome}, {Duration.TotalSeconds:0.0} s";
}

public enum BackupType
{
    Full,
    Incremental,
}

/// <summary>An error that ended a phase, as data.</summary>
public sealed record RunError(string ErrorId, FailureKind Kind, string Message, string Recommendation)
{
    public override string ToString() => $"{ErrorId}: {Message}";
}

/// <summary>
/// One backup run: what was done, and how each phase ended. The phases are judged apart: a late resync does not make a finished
/// backup bad, and a time-out is never a success.
/// </summary>
public sealed record BackupRun
{
    /// <summary>Id of the run; the lease, the runner pod's label and the desync record carry it.</summary>
    public required string RunId { get; init; }

    /// <summary>Id of the backup below the backup root: <c>base/2026-01-31_01-00-00</c>.</summary>
    public required string BackupId { get; init; }

    public BackupType Type { get; init; }
    public string Namespace => Replica.Namespace;
    public string StatefulSet => Replica.StatefulSet;

    /// <summary>The pod that was backed up.</summary>
    public string Pod => Replica.Pod;

    /// <summary>The claim that holds the backup.</summary>
    public required string BackupClaim { get; init; }

    /// <summary>The backup root: a folder on that claim; empty for the claim's own root.</summary>
    public string BackupPath { get; init; } = "";

    /// <summary>Name of the runner pod.</summary>
    public required string RunnerPod { get; init; }

    public Outcome Backup { get; init; }
    public Outcome Verify { get; init; }
    public Outcome Resync { get; init; }
    public Outcome Prune { get; init; }

    /// <summary>Every phase with its outcome and duration, also those that were not reached.</summary>
    public IReadOnlyList<PhaseResult> Phases { get; init; } = [];

    /// <summary>What was found on the way and is no error: <c>ReadinessIgnoresDesync</c>.</summary>
    public IReadOnlyList<HealthFinding> Findings => Replica.Desync?.Findings ?? [];

    /// <summary>True if the cluster was unsafe and -AllowUnsafeBackup was given.</summary>
    public bool Unsafe => Replica.Unsafe;

    /// <summary>What the backup says of itself, once it is published.</summary>
    public BackupManifest? Manifest { get; init; }

    /// <summary>UUID of the Galera cluster at the backup.</summary>
    public string? ClusterUuid => Manifest?.Cluster.Uuid;

    /// <summary>Galera seqno at the backup: exactly the write-sets up to it are inside. Null if the tool did not say.</summary>
    public long? Seqno => Manifest?.Position.Seqno;

    /// <summary>InnoDB log sequence number at the backup (xtrabackup_checkpoints' to_lsn).</summary>
    public long? ToLsn => Manifest?.Position.ToLsn;

    /// <summary>Size of the server's data in bytes.</summary>
    public long? DatabaseBytes => Manifest?.DatabaseBytes;

    /// <summary>Bytes that mariadb-backup produced, before compression.</summary>
    public long? StreamedBytes => Manifest?.StreamedBytes;

    /// <summary>Bytes of the backup's files as stored.</summary>
    public long? StoredBytes => Manifest?.StoredBytes;

    public string? ServerVersion { get; init; }

    /// <summary>UTC, by this machine's clock.</summary>
    public required DateTimeOffset StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>mariadb-backup's own run, measured beside it.</summary>
    public TimeSpan? CopyDuration { get; init; }

    /// <summary>From Donor/Desynced to Synced.</summary>
    public TimeSpan? DesyncedDuration => Replica.Desync?.SyncedAt - Replica.Desync?.DesyncedAt;

    public TimeSpan? Duration => FinishedAt - StartedAt;

    /// <summary>What went wrong, in the order in which it did.</summary>
    public IReadOnlyList<RunError> Errors { get; init; } = [];

    /// <summary>Backups that retention removed.</summary>
    public IReadOnlyList<Policy.RetentionDecision> Removed { get; init; } = [];

    /// <summary>What the runner said: mariadb-backup's own log.</summary>
    public IReadOnlyList<string> Log { get; init; } = [];

    public required BackupReplica Replica { get; init; }
    public ClusterScope Scope => Replica.Scope;

    /// <summary>The same once its replica was put back, or was not.</summary>
    public BackupRun WithResync(BackupReplica replica, Outcome outcome, TimeSpan duration, DateTimeOffset now) => this with
    {
        Replica = replica,
        Resync = outcome,
        FinishedAt = now,
        Phases = [.. Phases.Select(phase => phase.Phase == BackupPhase.Resync ? new PhaseResult(BackupPhase.Resync, outcome, duration) : phase)],
    };

    public override string ToString() => $"{BackupId} ({Backup})";
}
