using System.Diagnostics;
using System.Globalization;
using MySqlConnector;

namespace GaleraBackup.Lab;

/// <summary>A committed row of <c>lab_writer.rows</c>, and the sequence number that Galera gave its write-set.</summary>
public sealed record WrittenRow(long Id, long Seqno, DateTime CommittedAt);

/// <summary>
/// Writes numbered single-row transactions on one node, and records each commit's Galera sequence number. So a test knows which rows
/// a backup taken at a sequence number must hold, and which it must not.
/// </summary>
/// <remarks>
/// <c>WSREP_LAST_WRITTEN_GTID()</c> is no help: since MariaDB 10.5 it gives a GTID of the server's own numbering. The binary log has the
/// number: the xid of a replicated transaction's commit event is its Galera sequence number, and <c>@@last_gtid</c> names the transaction.
/// </remarks>
public sealed class TransactionWriter : IAsyncDisposable
{
    private const int PayloadLength = 256;
    private const int Deadlock = 1213;

    private readonly Lock gate = new();
    private readonly List<WrittenRow> rows = [];
    private readonly CancellationTokenSource stop = new();
    private readonly int seed;
    private readonly TimeSpan interval;
    private TaskCompletionSource progress = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task work = Task.CompletedTask;

    private TransactionWriter(int seed, double transactionsPerSecond, string clusterUuid)
    {
        this.seed = seed;
        interval = TimeSpan.FromSeconds(1 / transactionsPerSecond);
        ClusterUuid = clusterUuid;
    }

    /// <summary>The cluster's state UUID, whose history the sequence numbers belong to.</summary>
    public string ClusterUuid { get; }

    /// <summary>What was committed so far, in order.</summary>
    public IReadOnlyList<WrittenRow> Rows
    {
        get
        {
            lock (gate)
            {
                return [.. rows];
            }
        }
    }

    /// <summary>Creates the table where it is not there yet. Rows that are stay.</summary>
    public static async Task CreateSchemaAsync(DatabaseEndpoint endpoint, CancellationToken cancellationToken)
    {
        await endpoint.QueryAsync("CREATE DATABASE IF NOT EXISTS lab_writer", cancellationToken);
        await endpoint.QueryAsync(
            $"CREATE TABLE IF NOT EXISTS lab_writer.rows (id BIGINT PRIMARY KEY, payload VARBINARY({PayloadLength}) NOT NULL, "
            + "written DATETIME(6) NOT NULL) ENGINE=InnoDB",
            cancellationToken);
    }

    /// <summary>What the row with this number holds, when written with this seed.</summary>
    public static byte[] PayloadOf(int seed, long id)
    {
        var payload = new byte[PayloadLength];
        new Random(HashCode(seed, id)).NextBytes(payload);
        return payload;

        // Not System.HashCode, which differs in each process.
        static int HashCode(int seed, long id) => unchecked((seed * 397) ^ (int)id ^ (int)(id >> 32));
    }

    /// <summary>Creates the table if needed, and starts writing after the highest number in it.</summary>
    /// <param name="endpoint">The node to write on.</param>
    /// <param name="seed">Determines the payloads.</param>
    /// <param name="transactionsPerSecond">At most this many; the node's own speed is the other limit.</param>
    /// <param name="cancellationToken">For the start only: <see cref="StopAsync"/> ends the writing.</param>
    public static async Task<TransactionWriter> StartAsync(
        DatabaseEndpoint endpoint, int seed, double transactionsPerSecond, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(transactionsPerSecond);
        await CreateSchemaAsync(endpoint, cancellationToken);
        var connection = await endpoint.OpenAsync(cancellationToken);
        try
        {
            var uuid = await ScalarAsync(
                connection,
                "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_cluster_state_uuid'",
                cancellationToken);
            var last = await ScalarAsync(connection, "SELECT COALESCE(MAX(id), 0) FROM lab_writer.rows", cancellationToken);
            var log = await BinaryLog.OpenAsync(connection, cancellationToken);
            var writer = new TransactionWriter(seed, transactionsPerSecond, uuid);
            writer.work = Task.Run(
                () => writer.WriteAsync(connection, log, long.Parse(last, CultureInfo.InvariantCulture) + 1), CancellationToken.None);
            return writer;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until this many rows are committed. Throws what ended the writer, if that came first.</summary>
    public async Task WaitForRowsAsync(int count, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (rows.Count >= count)
                {
                    return;
                }

                next = progress.Task;
            }

            var first = await Task.WhenAny(next, work).WaitAsync(cancellationToken);
            await first;
            if (first == work)
            {
                throw new InvalidOperationException($"The writer was stopped after {Rows.Count} of {count} rows.");
            }
        }
    }

    /// <summary>
    /// Ends the writing after the transaction under way, so that <see cref="Rows"/> is complete. Throws what ended the writer before,
    /// for then a row may be committed that is not recorded.
    /// </summary>
    public async Task StopAsync()
    {
        await stop.CancelAsync();
        await work;
    }

    /// <summary>Ends the writing without looking at how it went.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private static async Task<string> ScalarAsync(MySqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        var rows = await DatabaseEndpoint.QueryAsync(connection, sql, cancellationToken);
        return rows is [[{ } value, ..], ..] ? value : throw new InvalidOperationException($"No value from: {sql}");
    }

    private async Task WriteAsync(MySqlConnection connection, BinaryLog log, long firstId)
    {
        await using var owned = connection;
        await using var insert = new MySqlCommand("INSERT INTO lab_writer.rows VALUES (@id, @payload, UTC_TIMESTAMP(6))", connection);
        insert.Parameters.Add("@id", MySqlDbType.Int64);
        insert.Parameters.Add("@payload", MySqlDbType.VarBinary);
        var clock = Stopwatch.StartNew();
        var due = TimeSpan.Zero;
        for (var id = firstId; !stop.IsCancellationRequested; id++)
        {
            insert.Parameters[0].Value = id;
            insert.Parameters[1].Value = PayloadOf(seed, id);
            await CommitAsync(insert);
            var committedAt = DateTime.UtcNow;
            var gtid = await ScalarAsync(connection, "SELECT @@last_gtid", CancellationToken.None);
            var seqno = await log.SeqnoOfAsync(gtid, CancellationToken.None);
            TaskCompletionSource signal;
            lock (gate)
            {
                rows.Add(new WrittenRow(id, seqno, committedAt));
                signal = progress;
                progress = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            signal.SetResult();

            // A stall is not made up for by a burst.
            due = due + interval > clock.Elapsed ? due + interval : clock.Elapsed;
            var pause = due - clock.Elapsed;
            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private static async Task CommitAsync(MySqlCommand insert)
    {
        while (true)
        {
            try
            {
                await insert.ExecuteNonQueryAsync(CancellationToken.None);
                return;
            }
            catch (MySqlException exception) when (exception.Number == Deadlock)
            {
                // Certification refused it, so it is nowhere: the same again.
            }
        }
    }

    /// <summary>Reads on in the node's binary log, event by event, as far as it is asked for.</summary>
    private sealed class BinaryLog
    {
        private readonly MySqlConnection connection;
        private readonly Dictionary<string, long> seqnoOfGtid = [];
        private string file;
        private ulong position;
        private string? openGtid;

        private BinaryLog(MySqlConnection connection, string file, ulong position)
        {
            this.connection = connection;
            this.file = file;
            this.position = position;
        }

        internal static async Task<BinaryLog> OpenAsync(MySqlConnection connection, CancellationToken cancellationToken)
        {
            var status = await DatabaseEndpoint.QueryAsync(connection, "SHOW MASTER STATUS", cancellationToken);
            return status is [[{ } file, { } position, ..], ..]
                ? new BinaryLog(connection, file, ulong.Parse(position, CultureInfo.InvariantCulture))
                : throw new InvalidOperationException("The node writes no binary log.");
        }

        internal async Task<long> SeqnoOfAsync(string gtid, CancellationToken cancellationToken)
        {
            long seqno;
            while (!seqnoOfGtid.Remove(gtid, out seqno))
            {
                if (!await ReadOnAsync(cancellationToken))
                {
                    throw new InvalidOperationException($"The transaction {gtid} is not in the binary log up to {file}:{position}.");
                }
            }

            // Other sessions' transactions.
            seqnoOfGtid.Clear();
            return seqno;
        }

        private async Task<bool> ReadOnAsync(CancellationToken cancellationToken)
        {
            var sql = $"SHOW BINLOG EVENTS IN '{file}' FROM {position}";
            var events = await DatabaseEndpoint.QueryAsync(connection, sql, cancellationToken);
            foreach (var row in events)
            {
                if (row is not [_, _, var type, _, { } end, var info])
                {
                    throw new InvalidOperationException("SHOW BINLOG EVENTS has other columns than it had.");
                }

                position = ulong.Parse(end, CultureInfo.InvariantCulture);
                switch (type)
                {
                    case "Gtid":
                        openGtid = info?.Split("GTID ") is [_, var rest] ? rest.Split(' ')[0] : null;
                        break;
                    case "Xid" when openGtid is not null:
                        seqnoOfGtid[openGtid] = SeqnoIn(info);
                        openGtid = null;
                        break;
                    case "Rotate":
                        (file, position) = (info!.Split(';')[0], 4);
                        break;
                }
            }

            return events.Length > 0;
        }

        private static long SeqnoIn(string? info) =>
            info?.Split("xid=") is [_, var rest] && long.TryParse(rest.Split(' ')[0], CultureInfo.InvariantCulture, out var seqno)
                ? seqno
                : throw new InvalidOperationException($"A commit without a number: {info}");
    }
}
