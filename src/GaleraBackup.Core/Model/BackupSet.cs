namespace GaleraBackup;

public enum BackupState
{
    /// <summary>Finished and whole as far as its markers say.</summary>
    Complete,

    /// <summary>Has no marker of success: it is not a backup, never counts and never blocks.</summary>
    Partial,
}

/// <summary>One backup on a backup volume.</summary>
public sealed record BackupSet
{
    /// <summary>Path below the backup root, which is also its id: <c>base/STAMP</c> or <c>incr/BASE/STAMP</c>.</summary>
    public required string BackupId { get; init; }

    public required BackupType Type { get; init; }

    /// <summary>The stamp of the full backup that this chain starts with (its own for a full one).</summary>
    public required string Base { get; init; }

    /// <summary>From the directory's stamp (UTC).</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Bytes on the volume.</summary>
    public required long SizeBytes { get; init; }

    public required BackupState State { get; init; }

    /// <summary>The claim or folder that holds it.</summary>
    public required string Location { get; init; }

    public override string ToString() => BackupId;
}
