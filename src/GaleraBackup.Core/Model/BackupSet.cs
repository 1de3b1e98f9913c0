namespace GaleraBackup;

public enum BackupState
{
    /// <summary>Finished and whole as far as its markers say.</summary>
    Complete,

    /// <summary>Has no marker of success: it is not a backup, never counts and never blocks.</summary>
    Partial,

    /// <summary>Finished, and of no use: its manifest cannot be read, or what it continues is not there.</summary>
    Broken,
}

/// <summary>Who made a backup.</summary>
public enum BackupOrigin
{
    /// <summary>This module: it has a manifest.</summary>
    GaleraBackup,

    /// <summary>The vendor's scripts (MOSK): only <c>backup.successful</c> says that it is one.</summary>
    Vendor,
}

/// <summary>One backup on a backup volume.</summary>
public sealed record BackupSet
{
    /// <summary>Path below the backup root, which is also its id: <c>base/STAMP</c> or <c>incr/BASE/STAMP</c>.</summary>
    public required string BackupId { get; init; }

    public required BackupType Type { get; init; }

    /// <summary>The stamp of the full backup that this chain starts with (its own for a full one).</summary>
    public required string Base { get; init; }

    /// <summary>Id of the backup that this one continues; null for a full one.</summary>
    public string? Parent { get; init; }

    /// <summary>From the directory's stamp (UTC).</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Bytes on the volume.</summary>
    public required long SizeBytes { get; init; }

    public required BackupState State { get; init; }

    /// <summary>Why it is <see cref="BackupState.Broken"/>; null else.</summary>
    public string? Problem { get; init; }

    public BackupOrigin Origin { get; init; }

    /// <summary>The name of the cluster it was taken of; null if nothing says so (the vendor's).</summary>
    public string? ClusterName { get; init; }

    /// <summary>True if a person marked it: no rule removes its chain.</summary>
    public bool Keep { get; init; }

    /// <summary>True while somebody reads or writes it.</summary>
    public bool InUse { get; init; }

    /// <summary>True if it was proven to restore.</summary>
    public bool Proven { get; init; }

    /// <summary>True for a backup of the vendor's that openssl encrypted.</summary>
    public bool Encrypted { get; init; }

    /// <summary>Null for one of the vendor's, and for one that is not finished.</summary>
    public BackupManifest? Manifest { get; init; }

    /// <summary>The claim or folder that holds it.</summary>
    public required string Location { get; init; }

    public override string ToString() => BackupId;
}

/// <summary>A full backup with the incrementals that continue it: what is kept, and what goes, as one.</summary>
public sealed record BackupChain
{
    /// <summary>The full backup's stamp.</summary>
    public required string Base { get; init; }

    /// <summary>The full backup first, then the incrementals, the oldest first; partial ones are not among them.</summary>
    public required IReadOnlyList<BackupSet> Backups { get; init; }

    /// <summary>Those of them that can be restored: complete, and continuing one that can.</summary>
    public required IReadOnlyList<BackupSet> Restorable { get; init; }

    /// <summary>True if all of it can be restored, so that another incremental can continue it.</summary>
    public bool IsComplete => Restorable.Count == Backups.Count;

    public BackupSet Newest => Backups[^1];

    public string? ClusterName => Backups[0].ClusterName;

    public long SizeBytes => Backups.Sum(backup => backup.SizeBytes);

    public override string ToString() => $"{Base} ({Backups.Count})";
}
