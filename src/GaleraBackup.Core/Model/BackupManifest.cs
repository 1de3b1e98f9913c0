using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace GaleraBackup;

/// <summary>
/// What a backup says of itself: <c>manifest.json</c> in its folder, written last. A folder without it (or the vendor's
/// <c>backup.successful</c>) is no backup. Sizes are in bytes, times in UTC.
/// </summary>
public sealed record BackupManifest
{
    public const string FileName = "manifest.json";

    /// <summary>The newest schema that this module reads and the one that it writes.</summary>
    public const int CurrentSchema = 1;

    private const string SealMember = ",\"sha256\":\"";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter() },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    };

    public required int SchemaVersion { get; init; }

    /// <summary><c>base/STAMP</c> or <c>incr/BASE/STAMP</c>: the folder below the backup root.</summary>
    public required string Id { get; init; }

    public required BackupType Type { get; init; }

    /// <summary>Id of the backup that an incremental continues; null for a full one.</summary>
    public string? Parent { get; init; }

    /// <summary>Id of the full backup that the chain begins with; its own for a full one.</summary>
    public required string Base { get; init; }

    public required ManifestCluster Cluster { get; init; }
    public required ManifestPosition Position { get; init; }
    public required ManifestServer Server { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset FinishedAt { get; init; }

    /// <summary>Size of the server's data.</summary>
    public required long DatabaseBytes { get; init; }

    /// <summary>What mariadb-backup produced, before compression.</summary>
    public required long StreamedBytes { get; init; }

    /// <summary>All files together, without the manifest.</summary>
    public required long StoredBytes { get; init; }

    /// <summary>zstd, gzip or none.</summary>
    public required string Codec { get; init; }

    public required IReadOnlyList<ManifestFile> Files { get; init; }

    /// <summary>True if the cluster was unsafe and -AllowUnsafeBackup was given.</summary>
    public bool Unsafe { get; init; }

    /// <summary>What the backup was made with: parallel, throttle …</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    // Reserved: written as null or empty now, read as they are.
    public JsonElement? Encryption { get; init; }
    public IReadOnlyList<JsonElement> Copies { get; init; } = [];
    public JsonElement? Proof { get; init; }

    /// <exception cref="GaleraBackupException">
    /// <c>ManifestInvalid</c>: it is no manifest, or not as it was written. <c>ManifestTooNew</c>: a newer version of the module wrote it.
    /// </exception>
    public static BackupManifest Parse(string text, string where)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object
                || !document.RootElement.TryGetProperty("schemaVersion", out var version)
                || !version.TryGetInt32(out var schema))
            {
                throw Invalid(where, "it has no schemaVersion");
            }

            if (schema > CurrentSchema)
            {
                throw new GaleraBackupException(
                    "ManifestTooNew", FailureKind.Refused,
                    $"{where} was written by a newer version of this module: its schema is {schema}, this one reads up to {CurrentSchema}.",
                    "Update the module. The backup was left as it is.", where);
            }

            var end = text.LastIndexOf(SealMember, StringComparison.Ordinal);
            if (end < 0 || Seal($"{text[..end]}}}") != text.TrimEnd('\n'))
            {
                throw Invalid(where, "it is not as it was written, its checksum says");
            }

            var manifest = document.RootElement.Deserialize<BackupManifest>(Json) ?? throw Invalid(where, "it is null");
            return manifest.Files.Count > 0 ? manifest : throw Invalid(where, "it names no file");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw Invalid(where, exception.Message);
        }
    }

    public string ToJson() => Seal(JsonSerializer.Serialize(this, Json));

    /// <summary>
    /// Adds the last member, the SHA-256 of all text before it: the manifest has the hashes of all other files, and nobody else has its own.
    /// </summary>
    public static string Seal(string json)
    {
        var text = json[..json.LastIndexOf('}')];
        return $"{text}{SealMember}{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text))).ToLowerInvariant()}\"}}";
    }

    private static GaleraBackupException Invalid(string where, string why) => new(
        "ManifestInvalid", FailureKind.Failed, $"{where} cannot be read: {why}.", "The backup does not count. Look at its folder; what is in it was left as it is.", where);
}

public sealed record ManifestCluster
{
    /// <summary>-ClusterName, or NAMESPACE/STATEFULSET: backups of one name are one history, and no rule crosses it.</summary>
    public required string Name { get; init; }
    public required string Namespace { get; init; }
    public required string StatefulSet { get; init; }

    /// <summary>wsrep_cluster_state_uuid at the backup.</summary>
    public string? Uuid { get; init; }
}

public sealed record ManifestPosition
{
    /// <summary>Exactly the write-sets up to it are inside.</summary>
    public long? Seqno { get; init; }

    /// <summary>The server's own numbering, as mariadb-backup noted it; null without binary logs.</summary>
    public string? Gtid { get; init; }

    /// <summary>0 for a full backup.</summary>
    public required long FromLsn { get; init; }
    public required long ToLsn { get; init; }
}

public sealed record ManifestServer
{
    public required string Version { get; init; }
    public required string ToolVersion { get; init; }
    public required string Pod { get; init; }

    /// <summary>The Kubernetes node.</summary>
    public string? Node { get; init; }
}

public sealed record ManifestFile
{
    /// <summary>In the backup's folder.</summary>
    public required string Name { get; init; }

    /// <summary>Bytes as stored.</summary>
    public required long Size { get; init; }

    /// <summary>Of the file as stored, in lower-case hexadecimal digits.</summary>
    public required string Sha256 { get; init; }
}
