namespace GaleraBackup;

/// <summary>
/// Paths of a server's variables, as the server gives them: relative ones are below @@datadir, an empty one means @@datadir itself or
/// "not used".
/// </summary>
public sealed record ServerPaths
{
    /// <summary>@@innodb_data_home_dir</summary>
    public string InnodbDataHome { get; init; } = "";

    /// <summary>@@innodb_data_file_path: name:size[:…];… , names may be absolute.</summary>
    public string InnodbDataFiles { get; init; } = "";

    /// <summary>@@innodb_log_group_home_dir: the redo log.</summary>
    public string InnodbLogGroupHome { get; init; } = "";

    /// <summary>@@innodb_undo_directory</summary>
    public string InnodbUndo { get; init; } = "";

    /// <summary>@@aria_log_dir_path</summary>
    public string AriaLog { get; init; } = "";

    /// <summary>@@log_bin_basename: path and the beginning of the name of the binary logs.</summary>
    public string BinlogBasename { get; init; } = "";

    /// <summary>@@file_key_management_filename: the keys of encrypted tablespaces.</summary>
    public string EncryptionKeys { get; init; } = "";

    /// <summary>@@file_key_management_filekey, if it is <c>FILE:path</c>: the path of the key to those keys.</summary>
    public string EncryptionKeysKey { get; init; } = "";
}

/// <summary>What one Galera node says of itself (SHOW GLOBAL STATUS / VARIABLES), read in one round trip.</summary>
public sealed record WsrepStatus
{
    /// <summary>wsrep_local_state of a node that is in step with its cluster.</summary>
    public const int Synced = 4;

    /// <summary>wsrep_local_state of a node that is desynced, or that feeds a joiner.</summary>
    public const int DonorDesynced = 2;

    /// <summary>@@wsrep_on: false on a server that is no member of any Galera cluster.</summary>
    public bool On { get; init; } = true;

    /// <summary>wsrep_ready</summary>
    public bool Ready { get; init; }

    /// <summary>wsrep_connected</summary>
    public bool Connected { get; init; }

    /// <summary>wsrep_cluster_status: Primary, non-Primary or Disconnected.</summary>
    public string ClusterStatus { get; init; } = "";

    /// <summary>wsrep_local_state: 1 Joining, 2 Donor/Desynced, 3 Joined, 4 Synced.</summary>
    public int LocalState { get; init; }

    /// <summary>wsrep_local_state_comment</summary>
    public string LocalStateComment { get; init; } = "";

    /// <summary>wsrep_cluster_size: nodes in this node's component.</summary>
    public int ClusterSize { get; init; }

    /// <summary>wsrep_cluster_state_uuid</summary>
    public string ClusterStateUuid { get; init; } = "";

    /// <summary>
    /// wsrep_cluster_conf_id: number of the membership this node sees. Both halves of a split count on from the same number, so it may be
    /// equal on them.
    /// </summary>
    public long ClusterConfId { get; init; }

    /// <summary>wsrep_incoming_addresses: the members of this node's component, which the halves of a split do not share. In no order.</summary>
    public IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>wsrep_desync_count: how many reasons keep the node desynced (by hand, SST, BACKUP STAGE).</summary>
    public int DesyncCount { get; init; }

    /// <summary>@@wsrep_desync</summary>
    public bool Desync { get; init; }

    /// <summary>wsrep_local_recv_queue: write-sets received and not yet applied.</summary>
    public long ReceiveQueue { get; init; }

    /// <summary>wsrep_last_committed: seqno of the last write-set committed here.</summary>
    public long LastCommitted { get; init; }

    /// <summary>gcs.fc_limit × gcs.fc_factor of wsrep_provider_options: below it a node does not throttle the cluster (write-sets).</summary>
    public long FlowControlLowerLimit { get; init; }

    /// <summary>@@version</summary>
    public string Version { get; init; } = "";

    /// <summary>@@datadir</summary>
    public string DataDirectory { get; init; } = "";

    /// <summary>Where the server keeps what is not in its data directory.</summary>
    public ServerPaths Paths { get; init; } = new();

    /// <summary>@@hostname</summary>
    public string HostName { get; init; } = "";

    /// <summary>Uptime in seconds: a restarted server has forgotten wsrep_desync.</summary>
    public long UptimeSeconds { get; init; }
}
