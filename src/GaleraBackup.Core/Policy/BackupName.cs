using System.Globalization;
using System.Text.RegularExpressions;

namespace GaleraBackup.Policy;

/// <summary>
/// The names of the vendor's layout: <c>base/STAMP</c> and <c>incr/BASE/STAMP</c>, where a stamp is <c>yyyy-MM-dd_HH-mm-ss</c> in
/// UTC. What does not match is not a backup of this layout and is never touched.
/// </summary>
public static partial class BackupName
{
    private const string StampFormat = "yyyy-MM-dd_HH-mm-ss";

    public static string Stamp(DateTimeOffset time) => time.UtcDateTime.ToString(StampFormat, CultureInfo.InvariantCulture);

    public static string Full(DateTimeOffset time) => $"base/{Stamp(time)}";

    public static string Incremental(string baseStamp, DateTimeOffset time) => $"incr/{baseStamp}/{Stamp(time)}";

    /// <summary>False if the text is no backup's id.</summary>
    public static bool TryParse(string id, out BackupType type, out string baseStamp, out DateTimeOffset createdAt)
    {
        type = default;
        baseStamp = "";
        createdAt = default;
        var match = Pattern().Match(id);
        if (!match.Success)
        {
            return false;
        }

        type = match.Groups["parent"].Success ? BackupType.Incremental : BackupType.Full;
        var stamp = match.Groups["stamp"].Value;
        baseStamp = type == BackupType.Full ? stamp : match.Groups["parent"].Value;
        return DateTimeOffset.TryParseExact(stamp, StampFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out createdAt);
    }

    /// <summary>The backup of that id; null if the text is none.</summary>
    public static BackupSet? ToBackupSet(string id, long sizeBytes, bool isComplete, string location) =>
        TryParse(id, out var type, out var baseStamp, out var createdAt)
            ? new BackupSet
            {
                BackupId = id,
                Type = type,
                Base = baseStamp,
                CreatedAt = createdAt,
                SizeBytes = sizeBytes,
                State = isComplete ? BackupState.Complete : BackupState.Partial,
                Location = location,
            }
            : null;

    [GeneratedRegex(@"\A(?:base|incr/(?<parent>[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}))/(?<stamp>[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2})\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
