using System.Text.RegularExpressions;

namespace GaleraBackup.Policy;

/// <summary>What -BackupType asks for.</summary>
public enum BackupTypeRequest
{
    /// <summary>A full backup once per cycle, incrementals of it in between.</summary>
    Auto,
    Full,

    /// <summary>Refused if there is nothing to continue.</summary>
    Incremental,
}

/// <summary>
/// Full or incremental: the vendor's rule. The newest full backup older than the cycle asks for a new one; else an incremental continues
/// it. Each incremental continues the full backup itself, as the vendor's restore has it: it needs two backups, however many there are.
/// </summary>
/// <param name="Base">What the incremental continues; null for a full backup.</param>
/// <param name="Reason">Why, for a person.</param>
/// <param name="IsForced">True if something is wrong with what could have been continued: worth a warning.</param>
public sealed partial record BackupTypeChoice(BackupType Type, BackupSet? Base, string Reason, bool IsForced)
{
    /// <param name="catalogue">All that is on the volume.</param>
    /// <param name="clusterName">Whose backups are meant; others are passed over.</param>
    /// <param name="isUnsafe">True if this backup is of an unsafe cluster itself: then it may continue one of an unsafe cluster.</param>
    /// <param name="cycle">How old a full backup may be to be continued.</param>
    /// <exception cref="GaleraBackupException"><c>NoBaseBackup</c>: an incremental was asked for, and nothing can be continued.</exception>
    public static BackupTypeChoice Choose(
        BackupTypeRequest request, IReadOnlyList<BackupSet> catalogue, string clusterName, WsrepStatus server, bool isUnsafe, TimeSpan cycle, DateTimeOffset now)
    {
        if (request == BackupTypeRequest.Full)
        {
            return Full("it was asked for", isForced: false);
        }

        // One whose manifest cannot be read may be ours.
        var newest = BackupChains.Of(catalogue.Where(backup => backup.ClusterName == clusterName || backup is { State: BackupState.Broken, ClusterName: null })).LastOrDefault();
        var (why, isForced) = WhyFull(newest, server, isUnsafe, request == BackupTypeRequest.Auto ? cycle : TimeSpan.MaxValue, now);
        return why is null
            ? new BackupTypeChoice(BackupType.Incremental, newest!.Backups[0], $"it continues {newest.Backups[0]}", IsForced: false)
            : request == BackupTypeRequest.Auto
                ? Full(why, isForced)
                : throw new GaleraBackupException(
                    "NoBaseBackup", FailureKind.Refused, $"There is no full backup of {clusterName} that an incremental could continue: {why}.",
                    "Take a full one: -BackupType Full, or Auto.", clusterName);
    }

    /// <summary>A full backup because what could have been continued turned out to be damaged.</summary>
    public static BackupTypeChoice Full(string reason, bool isForced) => new(BackupType.Full, null, reason, isForced);

    private static (string? Why, bool IsForced) WhyFull(BackupChain? chain, WsrepStatus server, bool isUnsafe, TimeSpan cycle, DateTimeOffset now)
    {
        if (chain is null)
        {
            return ("there is none yet", false);
        }

        var full = chain.Backups[0];
        return full switch
        {
            { Type: not BackupType.Full } => ($"the newest chain has lost its full backup base/{chain.Base}", true),
            { State: not BackupState.Complete } => ($"{full} is broken: {full.Problem}", true),
            _ when chain.Backups.FirstOrDefault(backup => backup.State == BackupState.Broken) is { } broken => ($"{broken} is broken: {broken.Problem}", true),
            { Manifest: null } => ($"{full} has no manifest", false),
            _ when now - full.CreatedAt >= cycle => ($"{full} is older than the cycle", false),
            { Manifest.Unsafe: true } when !isUnsafe => ($"{full} was taken of an unsafe cluster", true),
            { Manifest: var manifest } when manifest.Cluster.Uuid != server.ClusterStateUuid => ($"{full} is of another history of the cluster ({manifest.Cluster.Uuid})", true),
            { Manifest: var manifest } when Series(manifest.Server.Version) != Series(server.Version) => ($"{full} is of server version {manifest.Server.Version}", true),
            _ => (null, false),
        };
    }

    /// <summary>major.minor: the tool's own limit for what it puts together.</summary>
    private static string Series(string version) => SeriesPattern().Match(version).Value;

    [GeneratedRegex(@"\A[0-9]+\.[0-9]+", RegexOptions.CultureInvariant)]
    private static partial Regex SeriesPattern();
}
