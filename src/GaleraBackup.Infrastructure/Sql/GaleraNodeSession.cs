using System.Diagnostics;
using GaleraBackup.Infrastructure.Kubernetes;
using GaleraBackup.Ports;
using MySqlConnector;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>
/// One connection to one node, kept for as long as a backup takes: hours in which nothing is said on it. If it was lost meanwhile (an API
/// server that restarts takes its port-forwards with it), the next statement opens another, to the same server or not at all.
/// </summary>
internal sealed class GaleraNodeSession : IGaleraNodeSession
{
    private const int WrongValueForVariable = 1231;

    /// <summary>A connection that was used within this time is taken to be alive.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private readonly PodSnapshot _pod;
    private readonly MySqlConnection _connection;
    private readonly PortForward? _forward;
    private readonly SemaphoreSlim _one = new(1, 1);
    private string? _hostName;
    private long _lastUsed;

    public GaleraNodeSession(PodSnapshot pod, string connectionString, PortForward? forward)
    {
        (_pod, _forward) = (pod, forward);
        _connection = new MySqlConnection(connectionString);
    }

    public Task OpenAsync(CancellationToken cancellationToken) => RunAsync(() => Task.FromResult(true), cancellationToken);

    public Task<WsrepStatus> ReadStatusAsync(CancellationToken cancellationToken) => RunAsync(
        async () =>
        {
            var command = new MySqlCommand(WsrepStatusReader.Statement, _connection);
            await using (command.ConfigureAwait(false))
            {
                var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    return await WsrepStatusReader.ReadAsync(reader, cancellationToken).ConfigureAwait(false);
                }
            }
        },
        cancellationToken);

    public Task<bool> SetDesyncAsync(bool on, CancellationToken cancellationToken) => RunAsync(
        async () =>
        {
            // In one round trip: the warnings are those of the statement just before.
            var command = new MySqlCommand($"SET GLOBAL wsrep_desync={(on ? "ON" : "OFF")}; SHOW WARNINGS", _connection);
            await using (command.ConfigureAwait(false))
            {
                var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
                await using (reader.ConfigureAwait(false))
                {
                    var changed = true;
                    while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                    {
                        changed &= Convert.ToInt32(reader["Code"], System.Globalization.CultureInfo.InvariantCulture) != WrongValueForVariable;
                    }

                    return changed;
                }
            }
        },
        cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync().ConfigureAwait(false);
        if (_forward is not null)
        {
            await _forward.DisposeAsync().ConfigureAwait(false);
        }

        _one.Dispose();
    }

    private async Task<T> RunAsync<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await EnsureOpenAsync(cancellationToken).ConfigureAwait(false);
            var result = await work().ConfigureAwait(false);
            _lastUsed = Stopwatch.GetTimestamp();
            return result;
        }
        catch (MySqlException exception)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw SqlErrors.From(exception, _pod, _forward?.LastError);
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException && !cancellationToken.IsCancellationRequested)
        {
            throw SqlErrors.Lost(exception, _pod);
        }
        finally
        {
            _one.Release();
        }
    }

    private async Task EnsureOpenAsync(CancellationToken cancellationToken)
    {
        if (_connection.State == System.Data.ConnectionState.Open
            && (Stopwatch.GetElapsedTime(_lastUsed) < Fresh || await _connection.PingAsync(cancellationToken).ConfigureAwait(false)))
        {
            return;
        }

        await _connection.CloseAsync().ConfigureAwait(false);
        await _connection.OpenAsync(cancellationToken).ConfigureAwait(false);
        var command = new MySqlCommand("SET SESSION wait_timeout=86400; SELECT @@hostname", _connection);
        await using (command.ConfigureAwait(false))
        {
            // Sites set wait_timeout to minutes; a session sleeps while the backup is copied.
            var hostName = (string?)await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
            _hostName ??= hostName;
            if (hostName != _hostName)
            {
                await _connection.CloseAsync().ConfigureAwait(false);
                throw new GaleraBackupException(
                    "WrongServer", FailureKind.Failed,
                    $"The connection to pod {_pod.Namespace}/{_pod.Name} was lost, and at its address another server answers now ('{hostName}', not '{_hostName}').",
                    "The pod was replaced meanwhile: run Test-GaleraCluster again.", _pod.Name);
            }
        }

        _lastUsed = Stopwatch.GetTimestamp();
    }
}
