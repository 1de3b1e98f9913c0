using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class SpaceForecastTests
{
    private const string Cluster = "openstack/mariadb-server";

    public static TheoryData<string, decimal, BackupSet[]> Histories => new()
    {
        { "none", 1, [] },
        { "compressed", 1, [Taken(1, 1000, 300)] },
        { "more than the data once", 1.5m, [Taken(1, 1000, 300), Taken(2, 1000, 1500), Taken(3, 2000, 600)] },
        { "long ago", 1, [Taken(1, 1000, 9000), .. Enumerable.Range(2, 5).Select(day => Taken(day, 1000, 300))] },
        { "of another kind", 1, [Taken(1, 1000, 9000, BackupType.Incremental)] },
        { "of another cluster", 1, [Taken(1, 1000, 9000) with { ClusterName = "other/db" }] },
        { "not finished", 1, [Taken(1, 1000, 9000) with { State = BackupState.Partial }] },
        { "of no size", 1, [Taken(1, 0, 9000)] },
        { "the vendor's", 1, [Make.Backup("base/2026-01-05_01-00-00")] },
    };

    [Theory]
    [MemberData(nameof(Histories))]
    public void The_last_five_of_a_kind_can_only_ask_for_more(string name, decimal expected, BackupSet[] catalogue)
    {
        _ = name;

        Assert.Equal(expected, SpaceForecast.ShareOf(catalogue, Cluster, BackupType.Full));
    }

    private static BackupSet Taken(int day, long database, long stored, BackupType type = BackupType.Full)
    {
        var id = type == BackupType.Full ? $"base/2026-01-{day:00}_01-00-00" : $"incr/2026-01-01_00-00-00/2026-01-{day:00}_01-00-00";
        return Make.Backup(id) with
        {
            ClusterName = Cluster,
            Manifest = BackupManifest.Parse(Make.Manifest(id), "here") with { DatabaseBytes = database, StoredBytes = stored },
        };
    }
}
