using System.Globalization;

namespace GaleraBackup.Policy;

/// <summary>
/// Which backups may go: pure. Counts only chains (a full backup with its incrementals) that can be restored, so that failures never push a good
/// backup out, and removes a chain as a whole, so that no incremental loses its base.
/// </summary>
public static class Retention
{
    /// <summary>
    /// A decision for each backup that is finished, in the order in which they would be removed: the oldest chain first, and within it the
    /// newest incremental first, so that whatever is interrupted leaves whole chains. Partial backups are not judged.
    /// </summary>
    /// <exception cref="GaleraBackupException"><c>ClusterNameAmbiguous</c>: the volume holds several clusters and none was named.</exception>
    /// <exception cref="ArgumentException">The policy has no rule, or a number below 1: the last backup is never removed.</exception>
    public static IReadOnlyList<RetentionDecision> Decide(IReadOnlyList<BackupSet> catalogue, RetentionPolicy policy, DateTimeOffset now)
    {
        Require(policy);
        var chains = BackupChains.Of(catalogue);
        var cluster = ClusterOf(chains, policy);
        var own = chains.Where(chain => IsOwn(chain, policy, cluster)).ToList();
        var good = own.Where(chain => chain.Restorable.Count > 0).Reverse().ToList(); // The newest first.
        var reasons = new Dictionary<string, string>(StringComparer.Ordinal);

        void Want(IEnumerable<BackupChain> wanted, string reason)
        {
            foreach (var chain in wanted)
            {
                reasons.TryAdd(chain.Base, reason);
            }
        }

        Want(chains.Except(own), "of another cluster, or the vendor's");
        Want(chains.Where(chain => chain.Backups.Any(backup => backup.Keep)), "marked to be kept");
        Want(chains.Where(chain => chain.Backups.Any(backup => backup.InUse)), "in use");
        Want(good.Take(policy.KeepLast ?? 0), $"among the newest {policy.KeepLast}");
        Want(policy.KeepFor is { } age ? own.Where(chain => now - chain.Newest.CreatedAt < age) : [], "younger than asked for");
        Want(NewestOfEach(good, policy.KeepDaily, time => time.UtcDateTime.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)), "the newest of its day");
        Want(NewestOfEach(good, policy.KeepWeekly, Week), "the newest of its week");
        Want(NewestOfEach(good, policy.KeepMonthly, time => time.UtcDateTime.ToString("yyyy-MM", CultureInfo.InvariantCulture)), "the newest of its month");
        Want(good.Where(chain => chain.Backups.Any(backup => backup.Proven)).Take(1), "the newest that is proven");
        Want(good.Take(policy.MinimumRedundancy), $"one of the last {policy.MinimumRedundancy}");

        // What cannot be restored is evidence, until something that can is younger; then it is waste.
        Want(own.Where(chain => chain.Restorable.Count == 0 && (good.Count == 0 || string.CompareOrdinal(good[0].Base, chain.Base) < 0)), "it cannot be restored, but nothing younger can");

        return
        [
            .. chains.SelectMany(chain => chain.Backups
                .OrderByDescending(backup => backup.Type)
                .ThenByDescending(backup => backup.CreatedAt)
                .Select(backup => reasons.TryGetValue(chain.Base, out var reason)
                    ? new RetentionDecision(backup, Keep: true, reason)
                    : new RetentionDecision(backup, Keep: false, chain.Restorable.Count > 0 ? "no rule wants it" : "it cannot be restored"))),
        ];
    }

    private static void Require(RetentionPolicy policy)
    {
        if (!policy.HasRule)
        {
            throw new ArgumentException("A retention policy needs a rule.", nameof(policy));
        }

        if (policy.KeepLast < 1 || policy.KeepDaily < 1 || policy.KeepWeekly < 1 || policy.KeepMonthly < 1 || policy.KeepFor <= TimeSpan.Zero || policy.MinimumRedundancy < 1)
        {
            throw new ArgumentException("A rule keeps at least one backup.", nameof(policy));
        }
    }

    private static string? ClusterOf(IReadOnlyList<BackupChain> chains, RetentionPolicy policy)
    {
        if (policy.ClusterName is { } given)
        {
            return given;
        }

        var names = chains.Select(chain => chain.ClusterName).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
        return names.Count < 2 ? names.SingleOrDefault() : throw new GaleraBackupException(
            "ClusterNameAmbiguous", FailureKind.Refused,
            $"The volume holds backups of {names.Count} clusters: {string.Join(", ", names)}.", "Say whose backups are meant with -ClusterName.");
    }

    private static bool IsOwn(BackupChain chain, RetentionPolicy policy, string? cluster) =>
        chain.ClusterName is { } name ? name == cluster : policy.AdoptLegacy;

    // As the calendar's days go: a day without a backup does not use one up.
    private static IEnumerable<BackupChain> NewestOfEach(IEnumerable<BackupChain> newestFirst, int? number, Func<DateTimeOffset, string> period) =>
        number is { } count ? newestFirst.GroupBy(chain => period(chain.Newest.CreatedAt)).Take(count).Select(group => group.First()) : [];

    private static string Week(DateTimeOffset time)
    {
        var date = time.UtcDateTime;
        return string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(date)}-W{ISOWeek.GetWeekOfYear(date):00}");
    }
}
