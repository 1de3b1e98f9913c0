using System.Globalization;
using System.Text;
using k8s;
using MySqlConnector;

namespace GaleraBackup.Lab;

/// <summary>One node's database and an account on it. The lab's pods are reachable from this machine by their addresses.</summary>
public sealed record DatabaseEndpoint(string Host, uint Port, string User, string Password)
{
    /// <summary>The administrator's account on the pod <c>mariadb-server-&lt;ordinal&gt;</c>.</summary>
    /// <exception cref="InvalidOperationException">The pod has no address yet.</exception>
    public static async Task<DatabaseEndpoint> OfAdminAsync(IKubernetes client, int ordinal, CancellationToken cancellationToken)
    {
        var secret = await client.CoreV1.ReadNamespacedSecretAsync(
            ClusterNames.AdminSecret, ClusterNames.Namespace, cancellationToken: cancellationToken);
        return await OfPodAsync(client, ordinal, "root", Encoding.UTF8.GetString(secret.Data["MYSQL_DBADMIN_PASSWORD"]), cancellationToken);
    }

    /// <summary>The backup user's account on the pod <c>mariadb-server-&lt;ordinal&gt;</c>.</summary>
    /// <exception cref="InvalidOperationException">The pod has no address yet.</exception>
    public static async Task<DatabaseEndpoint> OfBackupUserAsync(IKubernetes client, int ordinal, CancellationToken cancellationToken)
    {
        var secret = await client.CoreV1.ReadNamespacedSecretAsync(
            ClusterNames.BackupSecret, ClusterNames.Namespace, cancellationToken: cancellationToken);
        var user = Encoding.UTF8.GetString(secret.Data["username"]);
        return await OfPodAsync(client, ordinal, user, Encoding.UTF8.GetString(secret.Data["password"]), cancellationToken);
    }

    /// <summary>Opens a connection of its own, outside any pool.</summary>
    public async Task<MySqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new MySqlConnection(new MySqlConnectionStringBuilder
        {
            Server = Host,
            Port = Port,
            UserID = User,
            Password = Password,
            SslMode = MySqlSslMode.None,
            Pooling = false,
            ConnectionTimeout = 10,
            DefaultCommandTimeout = 120,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs one statement on a connection of its own, and gives its rows as text; NULL is a null.</summary>
    public async Task<string?[][]> QueryAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = await OpenAsync(cancellationToken);
        return await QueryAsync(connection, sql, cancellationToken);
    }

    internal static async Task<string?[][]> QueryAsync(MySqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new MySqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<string?[]>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = new string?[reader.FieldCount];
            for (var i = 0; i < row.Length; i++)
            {
                row[i] = reader.IsDBNull(i) ? null : Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture);
            }

            rows.Add(row);
        }

        return [.. rows];
    }

    private static async Task<DatabaseEndpoint> OfPodAsync(
        IKubernetes client, int ordinal, string user, string password, CancellationToken cancellationToken)
    {
        var pod = await client.CoreV1.ReadNamespacedPodAsync(
            ClusterNames.Pod(ordinal), ClusterNames.Namespace, cancellationToken: cancellationToken);
        var address = pod.Status?.PodIP ?? throw new InvalidOperationException($"{pod.Metadata.Name} has no address yet.");
        return new DatabaseEndpoint(address, 3306, user, password);
    }

    /// <summary>The password stays out of messages.</summary>
    public override string ToString() => $"{User}@{Host}:{Port}";
}
