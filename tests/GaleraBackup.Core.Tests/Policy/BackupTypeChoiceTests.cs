using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class BackupTypeChoiceTests
{
    private const string Cluster = "openstack/mariadb-server";
    private static readonly TimeSpan Cycle = TimeSpan.FromDays(7);
    private static readonly DateTimeOffset Now = new(2026, 1, 10, 1, 0, 0, TimeSpan.Zero);

    public static TheoryData<string, BackupType, bool, BackupSet[]> Histories => new()
    {
        { "nothing there", BackupType.Full, false, [] },
        { "a young full", BackupType.Incremental, false, [Full("2026-01-05_01-00-00")] },
        { "a full as old as the cycle", BackupType.Full, false, [Full("2026-01-03_01-00-00")] },
        { "an old full with a young incremental", BackupType.Full, false, [Full("2026-01-02_01-00-00"), Incremental("2026-01-02_01-00-00", "2026-01-09_01-00-00")] },
        { "a young full behind a partial one", BackupType.Incremental, false, [Full("2026-01-05_01-00-00"), Make.Backup("base/2026-01-09_01-00-00", BackupState.Partial)] },
        { "a broken incremental", BackupType.Full, true, [Full("2026-01-05_01-00-00"), Incremental("2026-01-05_01-00-00", "2026-01-09_01-00-00") with { State = BackupState.Broken }] },
        { "a broken full", BackupType.Full, true, [Full("2026-01-05_01-00-00") with { State = BackupState.Broken, Problem = "a file is missing" }] },
        { "a full whose manifest cannot be read", BackupType.Full, true, [Full("2026-01-05_01-00-00"), Make.Backup("base/2026-01-09_01-00-00", BackupState.Broken)] },
        { "a full behind one whose manifest cannot be read", BackupType.Incremental, false, [Make.Backup("base/2026-01-04_01-00-00", BackupState.Broken), Full("2026-01-05_01-00-00")] },
        { "another history", BackupType.Full, true, [Full("2026-01-05_01-00-00", uuid: "ffffffff-2222-22ee-8a3c-0242ac110002")] },
        { "another series", BackupType.Full, true, [Full("2026-01-05_01-00-00", version: "10.6.18-MariaDB")] },
        { "another patch of the series", BackupType.Incremental, false, [Full("2026-01-05_01-00-00", version: "10.11.3-MariaDB")] },
        { "an unsafe full", BackupType.Full, true, [Full("2026-01-05_01-00-00", isUnsafe: true)] },
        { "another cluster's", BackupType.Full, false, [Full("2026-01-05_01-00-00") with { ClusterName = "other/db" }] },
        { "the vendor's", BackupType.Full, false, [Make.Backup("base/2026-01-05_01-00-00")] },
    };

    [Theory]
    [MemberData(nameof(Histories))]
    public void Auto_takes_an_incremental_where_one_can_continue(string name, BackupType expected, bool isForced, BackupSet[] catalogue)
    {
        _ = name;

        var choice = Choose(BackupTypeRequest.Auto, catalogue);

        Assert.Equal((expected, isForced), (choice.Type, choice.IsForced));
        Assert.Equal(expected == BackupType.Full ? null : "base/2026-01-05_01-00-00", choice.Base?.BackupId);
    }

    [Fact]
    public void A_full_one_is_taken_where_it_is_asked_for() =>
        Assert.Equal(BackupType.Full, Choose(BackupTypeRequest.Full, [Full("2026-01-05_01-00-00")]).Type);

    [Fact]
    public void An_incremental_that_is_asked_for_heeds_no_cycle_and_is_refused_without_a_base()
    {
        Assert.Equal(BackupType.Incremental, Choose(BackupTypeRequest.Incremental, [Full("2025-01-05_01-00-00")]).Type);
        var refusal = Assert.Throws<GaleraBackupException>(() => Choose(BackupTypeRequest.Incremental, []));
        Assert.Equal(("NoBaseBackup", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
    }

    [Fact]
    public void One_of_an_unsafe_cluster_may_continue_one_of_an_unsafe_cluster() =>
        Assert.Equal(BackupType.Incremental, Choose(BackupTypeRequest.Auto, [Full("2026-01-05_01-00-00", isUnsafe: true)], isUnsafe: true).Type);

    private static BackupTypeChoice Choose(BackupTypeRequest request, BackupSet[] catalogue, bool isUnsafe = false) =>
        BackupTypeChoice.Choose(request, catalogue, Cluster, Make.Wsrep(), isUnsafe, Cycle, Now);

    private static BackupSet Full(string stamp, string version = "10.11.19-MariaDB", string uuid = Make.Uuid, bool isUnsafe = false) =>
        Make.Backup($"base/{stamp}") with
        {
            ClusterName = Cluster,
            Manifest = BackupManifest.Parse(Make.Manifest($"base/{stamp}", version, uuid, isUnsafe), "here"),
        };

    private static BackupSet Incremental(string baseStamp, string stamp) =>
        Make.Backup($"incr/{baseStamp}/{stamp}") with { ClusterName = Cluster, Parent = $"base/{baseStamp}" };
}
