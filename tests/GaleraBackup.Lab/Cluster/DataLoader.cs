using System.Globalization;
using System.Text;
using MySqlConnector;

namespace GaleraBackup.Lab;

/// <summary>Fills the database <c>lab_load</c> with data that looks a little like real data: it compresses to about half.</summary>
public static class DataLoader
{
    private const int Tables = 4;
    private const int RowsPerBatch = 1024;
    private const int BodyLength = 1024;

    /// <summary>A batch is one transaction, and one write-set: 1 MiB is far from wsrep_max_ws_size and blocks nobody for long.</summary>
    private const long BatchBytes = (long)RowsPerBatch * BodyLength;

    private const int Deadlock = 1213;

    private static readonly string[] Words =
        ("server volume network image flavor port router subnet project domain token quota instance snapshot tenant endpoint region "
            + "active error deleted building available attached compute controller storage").Split(' ');

    /// <summary>Tops the tables up to <paramref name="bytes"/> bytes of rows, rounded up to batches. What is there already stays, so that
    /// the same size and seed give the same rows, in one run or in several.</summary>
    /// <param name="endpoint">The node to write on.</param>
    /// <param name="bytes">The size wanted. What the files take is about a fifth more.</param>
    /// <param name="seed">Determines the rows.</param>
    /// <param name="progress">Told the bytes that are there, after each batch.</param>
    /// <param name="cancellationToken">Ends the load between two batches or in one; the next call goes on from there.</param>
    public static async Task LoadAsync(
        DatabaseEndpoint endpoint, long bytes, int seed, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        await using var connection = await endpoint.OpenAsync(cancellationToken);
        await CreateTablesAsync(connection, cancellationToken);
        var batches = (bytes + BatchBytes - 1) / BatchBytes;
        for (var batch = await BatchesThereAsync(connection, cancellationToken); batch < batches; batch++)
        {
            await InsertAsync(connection, StatementOf(seed, batch), cancellationToken);
            progress?.Report((batch + 1) * BatchBytes);
        }
    }

    /// <summary>Bytes of rows that are there.</summary>
    public static async Task<long> SizeAsync(DatabaseEndpoint endpoint, CancellationToken cancellationToken)
    {
        await using var connection = await endpoint.OpenAsync(cancellationToken);
        await CreateTablesAsync(connection, cancellationToken);
        return await BatchesThereAsync(connection, cancellationToken) * BatchBytes;
    }

    /// <summary>Takes all rows away.</summary>
    public static async Task ClearAsync(DatabaseEndpoint endpoint, CancellationToken cancellationToken)
    {
        await using var connection = await endpoint.OpenAsync(cancellationToken);
        await ExecuteAsync(connection, "DROP DATABASE IF EXISTS lab_load", cancellationToken);
    }

    private static async Task CreateTablesAsync(MySqlConnection connection, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, "CREATE DATABASE IF NOT EXISTS lab_load", cancellationToken);
        for (var table = 0; table < Tables; table++)
        {
            await ExecuteAsync(
                connection,
                $"CREATE TABLE IF NOT EXISTS lab_load.{TableName(table)} (id BIGINT PRIMARY KEY, owner INT NOT NULL, "
                + $"body VARCHAR({BodyLength}) CHARACTER SET ascii NOT NULL, KEY owner (owner)) ENGINE=InnoDB",
                cancellationToken);
        }
    }

    private static string TableName(long table) => string.Create(CultureInfo.InvariantCulture, $"records_{table}");

    private static async Task<long> BatchesThereAsync(MySqlConnection connection, CancellationToken cancellationToken)
    {
        var each = Enumerable.Range(0, Tables).Select(table => $"SELECT MAX(id) id FROM lab_load.{TableName(table)}");
        var sql = $"SELECT MAX(id) FROM ({string.Join(" UNION ALL ", each)}) tables";
        var rows = await DatabaseEndpoint.QueryAsync(connection, sql, cancellationToken);
        return rows is [[{ } id]] ? (long.Parse(id, CultureInfo.InvariantCulture) / RowsPerBatch) + 1 : 0;
    }

    private static string StatementOf(int seed, long batch)
    {
        var random = new Random(unchecked((seed * 397) ^ (int)batch));
        var sql = new StringBuilder($"INSERT INTO lab_load.{TableName(batch % Tables)} VALUES ", (int)(BatchBytes + (RowsPerBatch * 48)));
        for (var row = 0; row < RowsPerBatch; row++)
        {
            sql.Append(row == 0 ? "(" : ",(")
                .Append((batch * RowsPerBatch) + row).Append(',')
                .Append(random.Next(1000)).Append(",'");
            AppendBody(sql, random);
            sql.Append("')");
        }

        return sql.ToString();
    }

    private static void AppendBody(StringBuilder sql, Random random)
    {
        Span<byte> noise = stackalloc byte[16];
        var end = sql.Length + BodyLength;
        while (sql.Length < end)
        {
            random.NextBytes(noise);
            sql.Append(Words[random.Next(Words.Length)]).Append('=').Append(Convert.ToHexStringLower(noise)).Append(' ')
                .Append(Words[random.Next(Words.Length)]).Append(' ').Append(Words[random.Next(Words.Length)]).Append(' ');
        }

        sql.Length = end;
    }

    private static async Task InsertAsync(MySqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await ExecuteAsync(connection, sql, cancellationToken);
                return;
            }
            catch (MySqlException exception) when (exception.Number == Deadlock)
            {
                // Certification refused it, so it is nowhere: the same again.
            }
        }
    }

    private static async Task ExecuteAsync(MySqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new MySqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
