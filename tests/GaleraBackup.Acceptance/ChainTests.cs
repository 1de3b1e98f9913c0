using System.Security.Cryptography;

namespace Acceptance;

/// <summary>
/// A full backup and three incrementals under constant writes and changing tables: each incremental restores, on its base, to exactly its
/// seqno.
/// </summary>
public sealed class ChainTests(LabFixture fixture) : LabTest(fixture)
{
    private const int Incrementals = 3;
    private static readonly TimeSpan RestoreDeadline = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task The_clusters_chain_restores_with_the_vendors_own_commands()
    {
        var writes = await DatabaseEndpoint.OfAdminAsync(Client, ordinal: 0, Token);
        var replica = await DatabaseEndpoint.OfAdminAsync(Client, ordinal: 2, Token);
        var (writer, runs) = await TakeAsync(writes, replica, "Invoke-GaleraBackup @cluster @store -Compression Gzip", Cluster, Store);
        AssertChain(runs, BackupRoot, "10.11.", "gzip");

        // The vendor's unpacking and preparing, from its own layout.
        foreach (var number in (int[])[1, Incrementals])
        {
            var run = runs[number];
            await AssertRestoresAsync(writer, run, number, BackupPlace.OfCluster, RootOnClaim, $"""
                mkdir "$DATA.incr"
                gunzip -c "$BACKUP/{runs[0].BackupId}/backup.stream.gz" | mbstream -x -C "$DATA"
                gunzip -c "$BACKUP/{run.BackupId}/backup.stream.gz" | mbstream -x -C "$DATA.incr"
                mariabackup --prepare --target-dir="$DATA"
                mariabackup --prepare --target-dir="$DATA" --incremental-dir="$DATA.incr"
                """);
        }
    }

    [Fact]
    public async Task The_chain_of_a_newer_server_whose_files_are_scattered_and_encrypted_restores()
    {
        await using var database = await SingleNodeDatabase.StartAsync(Lab, Client, Lab.NewerImage, Token);
        var writes = await SingleNodeDatabase.EndpointAsync(Client, Token);
        var cluster = new System.Collections.Hashtable { ["KubeConfig"] = Lab.KubeConfig, ["Namespace"] = SingleNodeDatabase.Namespace };
        var alone = Module.Invoke("Test-GaleraCluster @single", ("single", cluster)).Single<GaleraCluster>();
        Assert.Equal("NoOtherNode", Assert.Single(alone.Findings, finding => finding.Severity == FindingSeverity.Error).Id);
        var (writer, runs) = await TakeAsync(
            writes, writes, "Invoke-GaleraBackup @single -BackupClaim $claim -AllowUnsafeBackup",
            ("single", cluster), ("claim", SingleNodeDatabase.BackupClaim));
        AssertChain(runs, Path.Combine(database.Folder, SingleNodeDatabase.BackupClaim), "11.8.", "zstd");

        // Nothing that was written can be read in the stream without the key.
        var last = runs[^1];
        await AssertRestoresAsync(writer, last, Incrementals, SingleNodeDatabase.Backups(Lab.NewerImage), "", $"""
            mkdir "$DATA.incr"
            zstd -dc "$BACKUP/{runs[0].BackupId}/backup.stream.zst" | mbstream -x -C "$DATA"
            zstd -dc "$BACKUP/{last.BackupId}/backup.stream.zst" | mbstream -x -C "$DATA.incr"
            if grep -raq 'written in plain' "$DATA" "$DATA.incr"; then echo 'Some of it is not encrypted.'; exit 1; fi
            mariadb-backup --prepare --target-dir="$DATA"
            mariadb-backup --prepare --target-dir="$DATA" --incremental-dir="$DATA.incr"
            """);
    }

    private async Task<(TransactionWriter Writer, IReadOnlyList<BackupRun> Runs)> TakeAsync(
        DatabaseEndpoint endpoint, DatabaseEndpoint replica, string script, params (string Name, object Value)[] variables)
    {
        await endpoint.QueryAsync("DROP DATABASE IF EXISTS lab_chain", Token);
        await endpoint.QueryAsync("CREATE DATABASE lab_chain", Token);
        await using var writer = await TransactionWriter.StartAsync(endpoint, seed: 11, transactionsPerSecond: 200, Token);
        try
        {
            await writer.WaitForRowsAsync(50, Token);
            var runs = new List<BackupRun>();
            for (var number = 0; number <= Incrementals; number++)
            {
                await ChangeTablesAsync(endpoint, number);

                // A quiet server leaves all of it to its redo log: then an incremental has hardly a changed page, and its LSN is its base's.
                await replica.QueryAsync("SET GLOBAL innodb_log_checkpoint_now = ON", Token);
                var result = Module.Invoke($"{script} -BackupType {(number == 0 ? "Full" : "Incremental")}", variables);
                Assert.Empty(result.Errors);
                runs.Add(result.Single<BackupRun>());
            }

            await writer.WaitForRowsAsync(writer.Rows.Count + 50, Token);
            await writer.StopAsync();
            return (writer, runs);
        }
        finally
        {
            await endpoint.QueryAsync("DROP DATABASE lab_chain", CancellationToken.None);
        }
    }

    // What only this backup has: a table made, one altered, one dropped since the one before.
    private static async Task ChangeTablesAsync(DatabaseEndpoint endpoint, int number)
    {
        await endpoint.QueryAsync($"CREATE TABLE lab_chain.t{number} (id INT PRIMARY KEY, text VARCHAR(100)) ENGINE=InnoDB", Token);
        await endpoint.QueryAsync($"INSERT INTO lab_chain.t{number} VALUES ({number}, 'written in plain {number}')", Token);
        if (number > 0)
        {
            await endpoint.QueryAsync($"ALTER TABLE lab_chain.t{number - 1} ADD COLUMN since INT DEFAULT {number}", Token);
        }

        if (number > 1)
        {
            await endpoint.QueryAsync($"DROP TABLE lab_chain.t{number - 2}", Token);
        }
    }

    private static void AssertChain(IReadOnlyList<BackupRun> runs, string root, string version, string codec)
    {
        var full = runs[0].Manifest!;
        Assert.Equal((BackupType.Full, null, full.Id, 0L), (full.Type, full.Parent, full.Base, full.Position.FromLsn));
        Assert.All(runs.Skip(1), run =>
        {
            var manifest = run.Manifest!;
            Assert.Equal((BackupType.Incremental, full.Id, full.Id), (manifest.Type, manifest.Parent, manifest.Base));
            Assert.Equal(full.Position.ToLsn, manifest.Position.FromLsn);
        });
        Assert.Equal(runs.Select(run => run.ToLsn).Distinct().Order(), runs.Select(run => run.ToLsn));
        Assert.Equal(runs.Select(run => run.Seqno).Distinct().Order(), runs.Select(run => run.Seqno));
        Assert.All(runs, run =>
        {
            var manifest = run.Manifest!;
            Assert.Equal((Outcome.Succeeded, Outcome.Succeeded, codec), (run.Backup, run.Resync, manifest.Codec));
            Assert.StartsWith(version, manifest.Server.Version);
            Assert.StartsWith(version, manifest.Server.ToolVersion);
            Assert.All(manifest.Files, file =>
            {
                var stored = File.ReadAllBytes(Path.Combine(root, run.BackupId, file.Name));
                Assert.Equal((file.Size, file.Sha256), (stored.LongLength, Convert.ToHexStringLower(SHA256.HashData(stored))));
            });
        });
    }

    private async Task AssertRestoresAsync(TransactionWriter writer, BackupRun run, int number, BackupPlace place, string root, string unpack)
    {
        await using var restored = await ThrowawayServer.StartAsync(Client, place, root, unpack, RestoreDeadline, Token);
        var seqno = Assert.NotNull(run.Seqno);
        var first = writer.Rows[0].Id;
        var rows = await restored.QueryAsync($"SELECT id, HEX(payload) FROM lab_writer.rows WHERE id >= {first} ORDER BY id", Token);
        Assert.Equal(writer.Rows.Where(row => row.Seqno <= seqno).Select(row => row.Id), rows.Select(row => long.Parse(row[0]!)));
        Assert.All(rows, row => Assert.Equal(Convert.ToHexString(TransactionWriter.PayloadOf(11, long.Parse(row[0]!))), row[1]));
        Assert.Contains(writer.Rows, row => row.Seqno > seqno);

        // The tables as they were then.
        var tables = await restored.QueryAsync("SELECT table_name FROM information_schema.tables WHERE table_schema = 'lab_chain' ORDER BY 1", Token);
        Assert.Equal([$"t{number - 1}", $"t{number}"], tables.Select(row => row[0]));
        var altered = await restored.QueryAsync($"SELECT CONCAT_WS('|', id, text, since) FROM lab_chain.t{number - 1}", Token);
        var made = await restored.QueryAsync($"SELECT CONCAT_WS('|', id, text) FROM lab_chain.t{number}", Token);
        Assert.Equal($"{number - 1}|written in plain {number - 1}|{number}", Assert.Single(altered)[0]);
        Assert.Equal($"{number}|written in plain {number}", Assert.Single(made)[0]);
    }
}
