using System.Data.Common;
using System.Globalization;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>Reads <see cref="WsrepStatus"/> in one round trip.</summary>
internal static class WsrepStatusReader
{
    private const string KeyFilePrefix = "FILE:";

    /// <summary>SHOW is answered in every state of the node; a SELECT from a table is not while it is in no primary component (error 1047).</summary>
    public const string Statement = """
        SHOW GLOBAL STATUS WHERE Variable_name IN (
          'wsrep_ready', 'wsrep_connected', 'wsrep_cluster_status', 'wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_cluster_size',
          'wsrep_cluster_state_uuid', 'wsrep_cluster_conf_id', 'wsrep_incoming_addresses', 'wsrep_desync_count', 'wsrep_local_recv_queue', 'wsrep_last_committed', 'Uptime');
        SHOW GLOBAL VARIABLES WHERE Variable_name IN (
          'wsrep_on', 'wsrep_desync', 'wsrep_provider_options', 'version', 'datadir', 'hostname',
          'innodb_data_home_dir', 'innodb_data_file_path', 'innodb_log_group_home_dir', 'innodb_undo_directory', 'aria_log_dir_path',
          'log_bin_basename', 'file_key_management_filename', 'file_key_management_filekey')
        """;

    public static async Task<WsrepStatus> ReadAsync(DbDataReader reader)
    {
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        do
        {
            while (await reader.ReadAsync().ConfigureAwait(false))
            {
                values[reader.GetString(0)] = reader.IsDBNull(1) ? "" : reader.GetString(1);
            }
        }
        while (await reader.NextResultAsync().ConfigureAwait(false));
        return From(values);
    }

    public static WsrepStatus From(IReadOnlyDictionary<string, string> values)
    {
        return new WsrepStatus
        {
            // A server without Galera has no such variable.
            On = IsOn("wsrep_on"),
            Ready = IsOn("wsrep_ready"),
            Connected = IsOn("wsrep_connected"),
            ClusterStatus = Text("wsrep_cluster_status"),
            LocalState = (int)Number("wsrep_local_state"),
            LocalStateComment = Text("wsrep_local_state_comment"),
            ClusterSize = (int)Number("wsrep_cluster_size"),
            ClusterStateUuid = Text("wsrep_cluster_state_uuid"),
            ClusterConfId = Number("wsrep_cluster_conf_id"),
            Members = Text("wsrep_incoming_addresses").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            DesyncCount = (int)Number("wsrep_desync_count"),
            Desync = IsOn("wsrep_desync"),
            ReceiveQueue = Number("wsrep_local_recv_queue"),
            LastCommitted = Number("wsrep_last_committed"),
            FlowControlLowerLimit = FlowControlLowerLimit(Text("wsrep_provider_options")),
            Version = Text("version"),
            DataDirectory = Text("datadir"),
            Paths = new ServerPaths
            {
                InnodbDataHome = Text("innodb_data_home_dir"),
                InnodbDataFiles = Text("innodb_data_file_path"),
                InnodbLogGroupHome = Text("innodb_log_group_home_dir"),
                InnodbUndo = Text("innodb_undo_directory"),
                AriaLog = Text("aria_log_dir_path"),
                BinlogBasename = Text("log_bin_basename"),
                EncryptionKeys = Text("file_key_management_filename"),
                EncryptionKeysKey = KeyFile(Text("file_key_management_filekey")),
            },
            HostName = Text("hostname"),
            UptimeSeconds = Number("Uptime"),
        };

        string Text(string name) => values.GetValueOrDefault(name, "");

        // Without this prefix the value is the key itself, which goes nowhere.
        static string KeyFile(string key) => key.StartsWith(KeyFilePrefix, StringComparison.Ordinal) ? key[KeyFilePrefix.Length..] : "";

        bool IsOn(string name) => Text(name) is "ON" or "1";

        // A node without a component shows 18446744073709551615 for -1.
        long Number(string name) =>
            long.TryParse(Text(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
            : ulong.TryParse(Text(name), NumberStyles.None, CultureInfo.InvariantCulture, out var large) ? unchecked((long)large)
            : 0;
    }

    /// <summary>
    /// gcs.fc_limit × gcs.fc_factor, at least 1. Galera raises the limit with the square root of the cluster's size unless
    /// gcs.fc_single_primary (formerly gcs.fc_master_slave) is set; the unraised one is the cautious choice.
    /// </summary>
    public static long FlowControlLowerLimit(string providerOptions)
    {
        var options = providerOptions
            .Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(option => option.Split('=', 2, StringSplitOptions.TrimEntries))
            .Where(pair => pair.Length == 2)
            .GroupBy(pair => pair[0], StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => group.Last()[1], StringComparer.Ordinal);
        return Math.Max(1, (long)Math.Floor(Option("gcs.fc_limit", 16) * Option("gcs.fc_factor", 1)));

        double Option(string name, double standard) =>
            options.TryGetValue(name, out var text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
                ? value
                : standard;
    }
}
