using System.Globalization;
using GaleraBackup.Infrastructure.Kubernetes;
using GaleraBackup.Ports;
using MySqlConnector;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>
/// One connection to one node. Once it is lost it stays so: whether to connect again is the caller's decision. A cancellation ends the
/// waiting, not the statement: all of them are short, the session stays usable for putting the replica back, and the driver's own way (a
/// second connection for KILL QUERY) takes half a minute on a line that is dead.
/// </summary>
/// <param name="connectionString">Without the password: its parser would drop a newline at the end of it.</param>
internal sealed class GaleraNodeSession(
    PodSnapshot pod, SqlLogin login, string connectionString, PortForward? forward, ServerCertificate certificate) : IGaleraNodeSession
{
    private const int WrongValueForVariable = 1231;
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly MySqlConnection _connection = new(connectionString)
    {
        ProvidePasswordCallback = _ => login.Password,
        RemoteCertificateValidationCallback = certificate.Callback,
    };
    private readonly SemaphoreSlim _one = new(1, 1);
    private bool _disposed;

    public Task OpenAsync(CancellationToken cancellationToken) => RunAsync(
        async () =>
        {
            await _connection.OpenAsync().ConfigureAwait(false);

            // Sites set wait_timeout to minutes; a session sleeps while the backup is copied.
            var command = new MySqlCommand("SET SESSION wait_timeout=86400", _connection);
            await using (command.ConfigureAwait(false))
            {
                return await command.ExecuteNonQueryAsync().ConfigureAwait(false);
            }
        },
        cancellationToken);

    public Task<WsrepStatus> ReadStatusAsync(CancellationToken cancellationToken) =>
        QueryAsync(WsrepStatusReader.Statement, WsrepStatusReader.ReadAsync, cancellationToken);

    // In one round trip: the warnings are those of the statement just before.
    public Task<bool> SetDesyncAsync(bool on, CancellationToken cancellationToken) => QueryAsync(
        $"SET GLOBAL wsrep_desync={(on ? "ON" : "OFF")}; SHOW WARNINGS",
        async reader =>
        {
            var changed = true;
            while (await reader.ReadAsync().ConfigureAwait(false))
            {
                changed &= Convert.ToInt32(reader["Code"], CultureInfo.InvariantCulture) != WrongValueForVariable;
            }

            return changed;
        },
        cancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;

        if (await _one.WaitAsync(LastWords).ConfigureAwait(false))
        {
            await _connection.DisposeAsync().ConfigureAwait(false);
        }
        else
        {
            // A statement hangs. Without its port-forward it ends at once, else with its own time limit.
            _ = _one.WaitAsync().ContinueWith(_ => _connection.Dispose(), TaskScheduler.Default);
        }

        if (forward is not null)
        {
            await forward.DisposeAsync().ConfigureAwait(false);
        }
    }

    private Task<T> QueryAsync<T>(string statement, Func<MySqlDataReader, Task<T>> read, CancellationToken cancellationToken) => RunAsync(
        async () =>
        {
            var command = new MySqlCommand(statement, _connection);
            await using (command.ConfigureAwait(false))
            {
                var reader = await command.ExecuteReaderAsync().ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    return await read(reader).ConfigureAwait(false);
                }
            }
        },
        cancellationToken);

    private async Task<T> RunAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        return await RunAloneAsync(work).WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<T> RunAloneAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (MySqlException exception)
        {
            throw SqlErrors.OfTls(exception, pod, certificate) ?? SqlErrors.From(exception, pod, forward);
        }
        catch (NotSupportedException exception)
        {
            throw SqlErrors.Unsupported(exception, pod);
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException)
        {
            throw SqlErrors.Lost(exception, pod, forward); // "Connection must be Open", after it was lost.
        }
        finally
        {
            _one.Release();
        }
    }
}
