namespace GaleraBackup.Lab;

/// <summary>Checksums of all tables that are not the server's own, to compare a restored copy with its source.</summary>
public static class DataChecksum
{
    private const string ListTables =
        "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE' "
        + "AND TABLE_SCHEMA NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1";

    /// <summary><c>CHECKSUM TABLE</c> of each table, by <c>database.table</c>. They are from one moment only where nobody writes.</summary>
    public static Task<IReadOnlyDictionary<string, string>> OfAllTablesAsync(
        DatabaseEndpoint endpoint, CancellationToken cancellationToken) => OfAllTablesAsync(endpoint.QueryAsync, cancellationToken);

    /// <inheritdoc cref="OfAllTablesAsync(DatabaseEndpoint, CancellationToken)"/>
    public static Task<IReadOnlyDictionary<string, string>> OfAllTablesAsync(ThrowawayServer server, CancellationToken cancellationToken) =>
        OfAllTablesAsync(server.QueryAsync, cancellationToken);

    private static async Task<IReadOnlyDictionary<string, string>> OfAllTablesAsync(
        Func<string, CancellationToken, Task<string?[][]>> query, CancellationToken cancellationToken)
    {
        var tables = await query(ListTables, cancellationToken);
        if (tables.Length == 0)
        {
            return new Dictionary<string, string>();
        }

        var checksums = await query($"CHECKSUM TABLE {string.Join(", ", tables.Select(row => row[0]))}", cancellationToken);
        return checksums.ToDictionary(row => row[0]!, row => row[1] ?? throw new InvalidDataException($"{row[0]} has no checksum."));
    }
}
