using FsCheck;
using FsCheck.Fluent;
using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class RetentionTests
{
    private const string Monday = "2026-01-05_01-00-00";
    private const string Tuesday = "2026-01-06_01-00-00";
    private const string Wednesday = "2026-01-07_01-00-00";

    public static TheoryData<string, int, string[], string[]> Cases => new()
    {
        { "nothing to remove", 2, [$"base/{Monday}", $"base/{Tuesday}"], [] },
        { "the oldest goes", 2, [$"base/{Tuesday}", $"base/{Monday}", $"base/{Wednesday}"], [$"base/{Monday}"] },
        { "a partial one does not count", 1, [$"base/{Monday}", $"base/{Tuesday}?"], [] },
        { "a partial one is not removed", 1, [$"base/{Monday}?", $"base/{Tuesday}"], [] },
        { "a chain is one", 1, [$"base/{Monday}", $"incr/{Monday}/{Tuesday}", $"incr/{Monday}/{Wednesday}"], [] },
        {
            "a chain goes as a whole, the newest increment first", 1,
            [$"base/{Monday}", $"incr/{Monday}/2026-01-05_02-00-00", $"incr/{Monday}/2026-01-05_03-00-00", $"base/{Wednesday}"],
            [$"incr/{Monday}/2026-01-05_03-00-00", $"incr/{Monday}/2026-01-05_02-00-00", $"base/{Monday}"]
        },
        { "an increment without its base is left alone", 1, [$"incr/{Monday}/{Tuesday}", $"base/{Wednesday}"], [] },
        { "the oldest chain goes first", 1, [$"base/{Wednesday}", $"base/{Tuesday}", $"base/{Monday}"], [$"base/{Monday}", $"base/{Tuesday}"] },
        { "an empty volume", 1, [], [] },
    };

    // Any catalogue: chains of any shape, finished or not, whose ids are as on a volume; in any order.
    private static Arbitrary<(BackupSet[] Catalogue, int KeepLast)> Catalogues
    {
        get
        {
            var states = Gen.Frequency((3, Gen.Constant(BackupState.Complete)), (1, Gen.Constant(BackupState.Partial)));
            var chain =
                from day in Gen.Choose(0, 40)
                from hasFull in Gen.Frequency((9, Gen.Constant(true)), (1, Gen.Constant(false)))
                from fullState in states
                from hours in Gen.Choose(1, 23).ListOf()
                from increments in states.ListOf(hours.Count)
                select Chain(day, hasFull, fullState, [.. hours.Zip(increments)]);
            var gen =
                from chains in chain.ListOf()
                from keepLast in Gen.Choose(1, 5)
                from order in Gen.Shuffle(chains.SelectMany(sets => sets).DistinctBy(set => set.BackupId).ToArray())
                select (order, keepLast);
            return gen.ToArbitrary();
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void These_are_removed(string name, int keepLast, string[] catalogue, string[] expected)
    {
        _ = name;
        var sets = catalogue.Select(id => id.EndsWith('?') ? Make.Backup(id[..^1], BackupState.Partial) : Make.Backup(id)).ToList();

        Assert.Equal(expected, Retention.Victims(sets, keepLast).Select(set => set.BackupId));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void The_last_backup_is_never_removed(int keepLast) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Retention.Victims([Make.Backup($"base/{Monday}")], keepLast));

    [Fact]
    public void The_newest_complete_chains_stay_whole() => Holds((catalogue, keepLast, victims) =>
    {
        var kept = CompleteFulls(catalogue).OrderByDescending(full => full.BackupId, StringComparer.Ordinal).Take(keepLast).Select(full => full.Base);
        return catalogue.Where(set => kept.Contains(set.Base)).All(set => !victims.Contains(set));
    });

    [Fact]
    public void Exactly_as_many_complete_chains_stay_as_were_asked_for() => Holds((catalogue, keepLast, victims) =>
        CompleteFulls(catalogue.Except(victims)).Count() == Math.Min(keepLast, CompleteFulls(catalogue).Count()));

    [Fact]
    public void No_partial_backup_is_removed() => Holds((_, _, victims) => victims.All(victim => victim.State == BackupState.Complete));

    [Fact]
    public void No_partial_backup_counts() => Holds((catalogue, keepLast, victims) =>
    {
        var finished = catalogue.Where(set => set.State == BackupState.Complete).ToList();
        return Retention.Victims(finished, keepLast).SequenceEqual(victims);
    });

    [Fact]
    public void A_second_time_there_is_nothing_left_to_remove() => Holds((catalogue, keepLast, victims) =>
        Retention.Victims([.. catalogue.Except(victims)], keepLast).Count == 0);

    [Fact]
    public void Wherever_a_removal_stops_no_increment_has_lost_its_base() => Holds((catalogue, _, victims) =>
        Enumerable.Range(0, victims.Count + 1).All(done =>
        {
            var gone = victims.Take(done).Where(set => set.Type == BackupType.Full).Select(set => set.Base).ToHashSet();
            return !catalogue.Except(victims.Take(done)).Any(set => set is { Type: BackupType.Incremental, State: BackupState.Complete } && gone.Contains(set.Base));
        }));

    private static void Holds(Func<IReadOnlyList<BackupSet>, int, IReadOnlyList<BackupSet>, bool> property) =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(Catalogues, given => property(given.Catalogue, given.KeepLast, Retention.Victims(given.Catalogue, given.KeepLast))));

    private static IEnumerable<BackupSet> CompleteFulls(IEnumerable<BackupSet> catalogue) =>
        catalogue.Where(set => set is { Type: BackupType.Full, State: BackupState.Complete });

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
}
