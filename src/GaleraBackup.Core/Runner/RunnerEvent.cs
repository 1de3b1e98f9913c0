using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace GaleraBackup.Runner;

/// <summary>What the runner's script says: one JSON object a line. Sizes in bytes unless the name says KiB.</summary>
public abstract record RunnerEvent
{
    /// <summary>Null if the line is no event: foreign output is not an error, it is kept as log.</summary>
    public static RunnerEvent? Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Read(document.RootElement) : null;
        }
        catch (Exception exception) when (
            exception is JsonException or GaleraBackupException or KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or OverflowException)
        {
            return null;
        }
    }

    private static RunnerEvent? Read(JsonElement json) => json.GetProperty("event").GetString() switch
    {
        "space" => new SpaceEvent(
            json.GetProperty("databaseKiB").GetInt64(), json.GetProperty("availableKiB").GetInt64(), json.GetProperty("requiredKiB").GetInt64()),
        "checking" => new CheckingEvent(json.GetProperty("bytes").GetInt64()),
        "ready" => new ReadyEvent(),
        "copying" => new CopyingEvent(),
        "progress" => new ProgressEvent(
            json.GetProperty("bytes").GetInt64(), json.GetProperty("totalBytes").GetInt64(), json.GetProperty("storedBytes").GetInt64()),
        "log" => new LogEvent(Text(json, "message")),
        "copied" => new CopiedEvent(
            json.GetProperty("status").GetInt32(), TimeSpan.FromMilliseconds(json.GetProperty("milliseconds").GetInt64())),
        "result" => new ResultEvent(ReadManifest(json.GetProperty("manifest").GetBytesFromBase64(), Text(json, "sha256"))),
        "error" => new ErrorEvent(Text(json, "id"), Text(json, "message")),
        _ => null,
    };

    // Damaged on its way through the log, or not the script's at all: then it is no result, and the run has none.
    private static BackupManifest ReadManifest(byte[] text, string sha256) =>
        Convert.ToHexString(SHA256.HashData(text)).Equals(sha256, StringComparison.OrdinalIgnoreCase)
            ? BackupManifest.Parse(Encoding.UTF8.GetString(text), "the runner's result")
            : throw new FormatException("The manifest is not what was hashed.");

    private static string Text(JsonElement json, string name) =>
        json.GetProperty(name).GetString() ?? throw new FormatException($"'{name}' is null.");
}

/// <summary>The space on the backup volume was read.</summary>
public sealed record SpaceEvent(long DatabaseKiB, long AvailableKiB, long RequiredKiB) : RunnerEvent;

/// <summary>So much of a file of the full backup that is to be continued has been read.</summary>
public sealed record CheckingEvent(long Bytes) : RunnerEvent;

/// <summary>All that can be refused was checked; the runner waits for the word that the replica is desynced.</summary>
public sealed record ReadyEvent : RunnerEvent;

public sealed record CopyingEvent : RunnerEvent;

public sealed record ProgressEvent(long Bytes, long TotalBytes, long StoredBytes) : RunnerEvent;

/// <summary>A line of mariadb-backup's log.</summary>
public sealed record LogEvent(string Message) : RunnerEvent;

/// <summary>mariadb-backup has ended: the replica is no longer needed.</summary>
public sealed record CopiedEvent(int Status, TimeSpan Duration) : RunnerEvent;

/// <summary>The backup is published. Only now is it one.</summary>
public sealed record ResultEvent(BackupManifest Manifest) : RunnerEvent;

public sealed record ErrorEvent(string ErrorId, string Message) : RunnerEvent;
