using FsCheck;
using FsCheck.Fluent;
using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class RetentionTests
{
    private const string Monday = "2026-01-05_01-00-00";
    private const string Tuesday = "2026-01-06_01-00-00";
    private const string Wednesday = "2026-01-07_01-00-00";
    private static readonly DateTimeOffset Now = new(2026, 2, 20, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<string, int, string[], string[]> Cases => new()
    {
        { "nothing to remove", 2, [$"base/{Monday}", $"base/{Tuesday}"], [] },
        { "the oldest goes", 2, [$"base/{Tuesday}", $"base/{Monday}", $"base/{Wednesday}"], [$"base/{Monday}"] },
        { "a partial one does not count", 1, [$"base/{Monday}", $"base/{Tuesday}?"], [] },
        { "a partial one is not judged", 1, [$"base/{Monday}?", $"base/{Tuesday}"], [] },
        { "a chain is one", 1, [$"base/{Monday}", $"incr/{Monday}/{Tuesday}", $"incr/{Monday}/{Wednesday}"], [] },
        {
            "a chain goes as a whole, the newest incremental first", 1,
            [$"base/{Monday}", $"incr/{Monday}/2026-01-05_02-00-00", $"incr/{Monday}/2026-01-05_03-00-00", $"base/{Wednesday}"],
            [$"incr/{Monday}/2026-01-05_03-00-00", $"incr/{Monday}/2026-01-05_02-00-00", $"base/{Monday}"]
        },
        { "an incremental without its base goes once something good is younger", 1, [$"incr/{Monday}/{Tuesday}", $"base/{Wednesday}"], [$"incr/{Monday}/{Tuesday}"] },
        { "what cannot be restored stays while nothing good is younger", 1, [$"base/{Monday}", $"base/{Tuesday}!"], [] },
        { "what cannot be restored does not count", 1, [$"base/{Monday}", $"base/{Tuesday}!", $"base/{Wednesday}"], [$"base/{Monday}", $"base/{Tuesday}!"] },
        { "a base that is good counts, whatever became of its incrementals", 1, [$"base/{Monday}", $"base/{Tuesday}", $"incr/{Tuesday}/{Wednesday}!"], [$"base/{Monday}"] },
        { "the oldest chain goes first", 1, [$"base/{Wednesday}", $"base/{Tuesday}", $"base/{Monday}"], [$"base/{Monday}", $"base/{Tuesday}"] },
        { "an empty volume", 1, [], [] },
    };

    public static TheoryData<string, RetentionPolicy, string[]> Rules => new()
    {
        // Kept, of one backup each night from January 1 to February 19, and one more at noon of the last day.
        { "days", Policy(daily: 3), ["base/2026-02-19_12-00-00", "base/2026-02-18_01-00-00", "base/2026-02-17_01-00-00"] },
        { "weeks", Policy(weekly: 2), ["base/2026-02-19_12-00-00", "base/2026-02-15_01-00-00"] },
        { "months", Policy(monthly: 5), ["base/2026-02-19_12-00-00", "base/2026-01-31_01-00-00"] },
        { "ages", Policy() with { KeepFor = TimeSpan.FromDays(2) }, ["base/2026-02-19_12-00-00", "base/2026-02-19_01-00-00"] },
        { "either", Policy(monthly: 2) with { KeepLast = 2 }, ["base/2026-02-19_12-00-00", "base/2026-02-19_01-00-00", "base/2026-01-31_01-00-00"] },
        { "the floor", Policy() with { KeepFor = TimeSpan.FromMinutes(1), MinimumRedundancy = 2 }, ["base/2026-02-19_12-00-00", "base/2026-02-19_01-00-00"] },
    };

    // Any history: chains of any shape and of two clusters or of nobody's, finished or not, marked, proven or in use; in any order.
    private static Arbitrary<History> Histories
    {
        get
        {
            var states = Gen.Frequency(
                (6, Gen.Constant(BackupState.Complete)), (1, Gen.Constant(BackupState.Partial)), (1, Gen.Constant(BackupState.Broken)));
            var seldom = Gen.Frequency((9, Gen.Constant(false)), (1, Gen.Constant(true)));
            var marks =
                from keep in seldom
                from inUse in seldom
                from proven in seldom
                select (Func<BackupSet, BackupSet>)(backup => backup with { Keep = keep, InUse = inUse, Proven = proven });
            var chain =
                from day in Gen.Choose(0, 50)
                from hasFull in Gen.Frequency((9, Gen.Constant(true)), (1, Gen.Constant(false)))
                from fullState in states
                from hours in Gen.Choose(1, 23).ListOf()
                from increments in states.ListOf(hours.Count)
                from mark in marks
                select Chain(day, hasFull, fullState, [.. hours.Zip(increments)])
                    .Select(backup => mark(backup) with { ClusterName = (day % 9) switch { 0 => null, 1 or 2 => "b", _ => "a" } }).ToList();
            var number = Gen.OneOf(Gen.Constant((int?)null), Gen.Choose(1, 5).Select(value => (int?)value));
            var gen =
                from chains in chain.ListOf()
                from last in Gen.Choose(1, 5)
                from days in number
                from daily in number
                from weekly in number
                from monthly in number
                from floor in Gen.Choose(1, 3)
                from adopt in seldom
                from order in Gen.Shuffle(chains.SelectMany(sets => sets).DistinctBy(set => set.BackupId).ToArray())
                select new History(order, new RetentionPolicy
                {
                    KeepLast = last,
                    KeepFor = days is { } value ? TimeSpan.FromDays(value) : null,
                    KeepDaily = daily,
                    KeepWeekly = weekly,
                    KeepMonthly = monthly,
                    MinimumRedundancy = floor,
                    ClusterName = "a",
                    AdoptLegacy = adopt,
                });
            return gen.ToArbitrary();
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void These_are_removed(string name, int keepLast, string[] catalogue, string[] expected)
    {
        _ = name;

        Assert.Equal(
            expected.Select(id => id.TrimEnd('!')),
            Victims([.. catalogue.Select(Read)], new RetentionPolicy { KeepLast = keepLast, MinimumRedundancy = 1, AdoptLegacy = true }).Select(set => set.BackupId));
    }

    [Theory]
    [MemberData(nameof(Rules))]
    public void These_are_kept(string name, RetentionPolicy policy, string[] expected)
    {
        _ = name;
        var nights = Enumerable.Range(0, 50).Select(day => Make.Backup(BackupName.Full(new DateTimeOffset(2026, 1, 1, 1, 0, 0, TimeSpan.Zero).AddDays(day))));
        BackupSet[] catalogue = [.. nights, Make.Backup("base/2026-02-19_12-00-00")];

        var kept = Retention.Decide(catalogue, policy, Now).Where(decision => decision.Keep).Select(decision => decision.Backup.BackupId);

        Assert.Equal(expected, kept.Reverse());
    }

    [Fact]
    public void Each_decision_has_its_reason()
    {
        BackupSet[] catalogue =
        [
            Make.Backup("base/2026-01-01_01-00-00") with { Keep = true, ClusterName = "a" },
            Make.Backup("base/2026-01-02_01-00-00") with { Proven = true, ClusterName = "a" },
            Make.Backup("base/2026-01-03_01-00-00") with { InUse = true, ClusterName = "a" },
            Make.Backup("base/2026-01-04_01-00-00") with { ClusterName = "a" },
            Make.Backup("base/2026-01-05_01-00-00"),
            Make.Backup("base/2026-01-06_01-00-00") with { ClusterName = "a" },
        ];

        Assert.Equal(
            ["marked to be kept", "the newest that is proven", "in use", "no rule wants it", "of another cluster, or the vendor's", "among the newest 1"],
            Retention.Decide(catalogue, new RetentionPolicy { KeepLast = 1, MinimumRedundancy = 1 }, Now).Select(decision => decision.Reason));
    }

    [Fact]
    public void Two_clusters_on_one_volume_must_be_told_apart()
    {
        BackupSet[] catalogue = [Make.Backup($"base/{Monday}") with { ClusterName = "a" }, Make.Backup($"base/{Tuesday}") with { ClusterName = "b" }];

        var refusal = Assert.Throws<GaleraBackupException>(() => Retention.Decide(catalogue, new RetentionPolicy { KeepLast = 1 }, Now));

        Assert.Equal(("ClusterNameAmbiguous", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("a, b", refusal.Message, StringComparison.Ordinal);
    }

    public static TheoryData<RetentionPolicy> Impossible =>
    [
        new RetentionPolicy(), new RetentionPolicy { KeepLast = 0 }, new RetentionPolicy { KeepLast = -1 }, new RetentionPolicy { KeepDaily = 0 },
        new RetentionPolicy { KeepLast = 1, MinimumRedundancy = 0 }, new RetentionPolicy { KeepFor = TimeSpan.Zero },
    ];

    [Theory]
    [MemberData(nameof(Impossible))]
    public void A_policy_that_could_remove_the_last_backup_is_none(RetentionPolicy policy) =>
        Assert.Throws<ArgumentException>(() => Retention.Decide([Make.Backup($"base/{Monday}")], policy, Now));

    [Fact]
    public void The_floors_hold() => Holds((history, victims) =>
    {
        var good = BackupChains.Of(history.Own).Where(chain => chain.Restorable.Count > 0).Reverse().ToList();
        var floor = good.Take(Math.Max(history.Policy.MinimumRedundancy, history.Policy.KeepLast!.Value))
            .Concat(good.Where(chain => chain.Backups.Any(backup => backup.Proven)).Take(1));
        return floor.SelectMany(chain => chain.Backups).All(backup => !victims.Contains(backup));
    });

    [Fact]
    public void What_is_marked_or_in_use_stays_with_its_chain() => Holds((history, victims) =>
        BackupChains.Of(history.Catalogue).Where(chain => chain.Backups.Any(backup => backup.Keep || backup.InUse))
            .SelectMany(chain => chain.Backups).All(backup => !victims.Contains(backup)));

    [Fact]
    public void No_rule_crosses_clusters() => Holds((history, victims) => victims.All(history.Own.Contains));

    [Fact]
    public void Kept_chains_are_whole_and_so_are_removed_ones() => Holds((history, victims) =>
        BackupChains.Of(history.Catalogue).All(chain => chain.Backups.All(victims.Contains) || !chain.Backups.Any(victims.Contains)));

    [Fact]
    public void No_partial_backup_is_removed_or_counts() => Holds((history, victims) =>
        victims.All(victim => victim.State != BackupState.Partial)
        && Victims([.. history.Catalogue.Where(backup => backup.State != BackupState.Partial)], history.Policy).SequenceEqual(victims));

    [Fact]
    public void A_second_time_there_is_nothing_left_to_remove() => Holds((history, victims) =>
        Victims([.. history.Catalogue.Except(victims)], history.Policy).Count == 0);

    [Fact]
    public void Wherever_a_removal_stops_no_incremental_has_lost_its_base() => Holds((history, victims) =>
        Enumerable.Range(0, victims.Count + 1).All(done =>
        {
            var gone = victims.Take(done).Where(set => set.Type == BackupType.Full).Select(set => set.Base).ToHashSet();
            return !history.Catalogue.Except(victims.Take(done))
                .Any(set => set is { Type: BackupType.Incremental, State: not BackupState.Partial } && gone.Contains(set.Base));
        }));

    private static void Holds(Func<History, IReadOnlyList<BackupSet>, bool> property) => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(300),
        Prop.ForAll(Histories, history => property(history, Victims(history.Catalogue, history.Policy))));

    private static IReadOnlyList<BackupSet> Victims(IReadOnlyList<BackupSet> catalogue, RetentionPolicy policy) =>
        [.. Retention.Decide(catalogue, policy, Now).Where(decision => !decision.Keep).Select(decision => decision.Backup)];

    private static RetentionPolicy Policy(int? daily = null, int? weekly = null, int? monthly = null) =>
        new() { KeepDaily = daily, KeepWeekly = weekly, KeepMonthly = monthly, MinimumRedundancy = 1, AdoptLegacy = true };

    private static BackupSet Read(string text) => text[^1] switch
    {
        '?' => Make.Backup(text[..^1], BackupState.Partial),
        '!' => Make.Backup(text[..^1], BackupState.Broken),
        _ => Make.Backup(text),
    };

    private static IEnumerable<BackupSet> Chain(int day, bool hasFull, BackupState fullState, IReadOnlyList<(int Hour, BackupState State)> increments)
    {
        var start = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero).AddDays(day);
        return
        [
            .. hasFull ? [Make.Backup(BackupName.Full(start), fullState)] : Array.Empty<BackupSet>(),
            .. increments.Select(increment =>
                Make.Backup($"incr/{BackupName.Stamp(start)}/{BackupName.Stamp(start.AddHours(increment.Hour))}", increment.State)),
        ];
    }

    private sealed record History(BackupSet[] Catalogue, RetentionPolicy Policy)
    {
        public IReadOnlyList<BackupSet> Own =>
            [.. Catalogue.Where(backup => backup.ClusterName == Policy.ClusterName || (backup.ClusterName is null && Policy.AdoptLegacy))];
    }
}
