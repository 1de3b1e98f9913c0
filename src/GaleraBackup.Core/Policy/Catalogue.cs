using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace GaleraBackup.Policy;

/// <summary>
/// Reads the backups of a volume from a listing of its files: one look at the names, none into the data, whatever its size. The same for a
/// claim, whose listing comes out of a pod, and for a mounted folder.
/// </summary>
public static class Catalogue
{
    public const string SuccessMarker = "backup.successful";
    public const string KeepMarker = "keep";
    public const string ProofFile = "proof.json";
    private const string VendorKey = "dek.enc";
    private const string ManifestSeparator = $"/{BackupManifest.FileName}:";

    /// <param name="files">All files below <c>base/</c> and <c>incr/</c>; what is not laid out as a backup is passed over.</param>
    /// <param name="manifests">The texts of the manifests, by the backup's id.</param>
    /// <param name="inUse">Stamps of the full backups whose chains somebody reads or continues.</param>
    /// <param name="location">The claim or folder, for people.</param>
    public static IReadOnlyList<BackupSet> Read(
        IEnumerable<StoredFile> files, IReadOnlyDictionary<string, string> manifests, IReadOnlySet<string> inUse, string location)
    {
        var folders = new Dictionary<string, List<StoredFile>>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            var slash = file.Path.LastIndexOf('/');
            var id = slash < 0 ? file.Path : file.Path[..slash];
            if (!folders.TryGetValue(id, out var own))
            {
                folders.Add(id, own = []);
            }

            own.Add(file);
        }

        return
        [
            .. folders
                .Select(folder => ReadFolder(folder.Key, folder.Value, manifests.GetValueOrDefault(folder.Key), inUse, location))
                .OfType<BackupSet>()
                .OrderBy(backup => backup.CreatedAt).ThenBy(backup => backup.BackupId, StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// Reads what backup-store.sh lists: <c>f SIZE PATH</c>, <c>m ID/manifest.json:TEXT</c>, <c>l STAMP</c> of a chain in use, and at the end <c>end LENGTH SHA256</c> of all
    /// before it.
    /// </summary>
    /// <exception cref="GaleraBackupException"><c>ListingDamaged</c>: it did not come whole.</exception>
    public static IReadOnlyList<BackupSet> ReadListing(string listing, string location)
    {
        var end = listing.TrimEnd('\n').LastIndexOf('\n') + 1;
        var body = listing[..end];
        var bytes = Encoding.UTF8.GetBytes(body);
        var trailer = $"end {bytes.Length.ToString(CultureInfo.InvariantCulture)} {Convert.ToHexString(SHA256.HashData(bytes)).ToLowerInvariant()}";
        if (listing[end..].TrimEnd('\n') != trailer)
        {
            throw new GaleraBackupException(
                "ListingDamaged", FailureKind.Failed, $"The listing of the backups on {location} did not come whole.",
                "The connection was cut, or names on the volume are not UTF-8: try again.", location);
        }

        var files = new List<StoredFile>();
        var manifests = new Dictionary<string, string>(StringComparer.Ordinal);
        var inUse = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in body.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("f ", StringComparison.Ordinal) && ReadFile(line.AsSpan(2)) is { } file)
            {
                files.Add(file);
            }
            else if (line.StartsWith("m ", StringComparison.Ordinal) && line.IndexOf(ManifestSeparator, StringComparison.Ordinal) is > 0 and var separator)
            {
                manifests[line[2..separator]] = line[(separator + ManifestSeparator.Length)..];
            }
            else if (line.StartsWith("l ", StringComparison.Ordinal))
            {
                inUse.Add(line[2..]);
            }
        }

        return Read(files, manifests, inUse, location);
    }

    private static StoredFile? ReadFile(ReadOnlySpan<char> text)
    {
        var space = text.IndexOf(' ');
        return space > 0 && long.TryParse(text[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? new StoredFile(text[(space + 1)..].ToString(), size)
            : null;
    }

    private static BackupSet? ReadFolder(string id, List<StoredFile> files, string? manifest, IReadOnlySet<string> inUse, string location)
    {
        if (!BackupName.TryParse(id, out var type, out var baseStamp, out var createdAt))
        {
            return null;
        }

        bool Has(string name) => files.Any(file => file.Path.Length == id.Length + 1 + name.Length && file.Path.EndsWith(name, StringComparison.Ordinal));
        var backup = new BackupSet
        {
            BackupId = id,
            Type = type,
            Base = baseStamp,
            CreatedAt = createdAt,
            SizeBytes = files.Sum(file => file.Size),
            State = Has(BackupManifest.FileName) || Has(SuccessMarker) ? BackupState.Complete : BackupState.Partial,
            Origin = Has(BackupManifest.FileName) ? BackupOrigin.GaleraBackup : BackupOrigin.Vendor,
            Keep = Has(KeepMarker),
            InUse = inUse.Contains(baseStamp),
            Proven = Has(ProofFile),
            Encrypted = Has(VendorKey),
            Location = location,
        };
        return Has(BackupManifest.FileName) ? WithManifest(backup, manifest ?? "", files) : backup;
    }

    // A backup whose manifest does not fit its folder is of no use, and says why; it stands in nobody's way.
    private static BackupSet WithManifest(BackupSet backup, string text, List<StoredFile> files)
    {
        try
        {
            var manifest = BackupManifest.Parse(text, $"{backup.BackupId}/{BackupManifest.FileName}");
            var problem = manifest.Id != backup.BackupId
                ? $"its manifest is of {manifest.Id}"
                : manifest.Files.FirstOrDefault(file => !files.Contains(new StoredFile($"{backup.BackupId}/{file.Name}", file.Size))) is { } missing
                    ? $"its file {missing.Name} is not there with {missing.Size.ToString(CultureInfo.InvariantCulture)} bytes"
                    : null;
            return backup with
            {
                Manifest = manifest,
                Parent = manifest.Parent,
                ClusterName = manifest.Cluster.Name,
                State = problem is null ? BackupState.Complete : BackupState.Broken,
                Problem = problem,
            };
        }
        catch (GaleraBackupException exception)
        {
            return backup with { State = BackupState.Broken, Problem = exception.Message.TrimEnd('.') };
        }
    }
}

/// <summary>A file of a backup root.</summary>
/// <param name="Path">Below the root, with slashes.</param>
/// <param name="Size">In bytes.</param>
public sealed record StoredFile(string Path, long Size);
