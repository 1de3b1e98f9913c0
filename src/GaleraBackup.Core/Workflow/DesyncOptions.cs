namespace GaleraBackup.Workflow;

/// <summary>What becomes of a replica whose receive queue does not get short in time.</summary>
public enum DrainTimeoutAction
{
    /// <summary>It stays desynced, and the run says so: OFF would throttle the whole cluster (codership/galera#289).</summary>
    StayDesynced,

    /// <summary>wsrep_desync=OFF all the same: the cluster waits for the replica.</summary>
    Force,
}

/// <summary>Time limits of a desync, each a phase of its own, and what is done when they pass.</summary>
public sealed record DesyncOptions
{
    /// <summary>For Donor/Desynced, NotReady and leaving the endpoints together. The vendor's is 300 s.</summary>
    public TimeSpan DesyncTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>
    /// For the receive queue to get short, before wsrep_desync=OFF. Long, since the wait costs nobody anything: a replica that was desynced for
    /// hours may need a good part of an hour.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromHours(1);

    public DrainTimeoutAction OnDrainTimeout { get; init; }

    /// <summary>For Synced and Ready together, from wsrep_desync=OFF on. The vendor's is 300 s.</summary>
    public TimeSpan ResyncTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>A replica that stays Ready while it is desynced is an error, not a finding.</summary>
    public bool RequireNotReady { get; init; }
}
