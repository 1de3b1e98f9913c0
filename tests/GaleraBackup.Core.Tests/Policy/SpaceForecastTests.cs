using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class SpaceForecastTests
{
    private const string Cluster = "openstack/mariadb-server";

    public static TheoryData<string, long, BackupSet[]> Histories => new()
    {
        { "none", 0, [] },
        { "the largest", 1500, [Taken(1, 300), Taken(2, 1500), Taken(3, 600)] },
        { "long ago", 300, [Taken(1, 9000), .. Enumerable.Range(2, 5).Select(day => Taken(day, 300))] },
        { "of another kind", 0, [Taken(1, 9000, BackupType.Incremental)] },
        { "of another cluster", 0, [Taken(1, 9000) with { ClusterName = "other/db" }] },
        { "not finished", 0, [Taken(1, 9000) with { State = BackupState.Partial }] },
        { "the vendor's", 0, [Taken(1, 9000) with { ClusterName = null, Manifest = null }] },
    };

    [Theory]
    [MemberData(nameof(Histories))]
    public void The_largest_of_the_last_five_of_a_kind_is_expected(string name, long expected, BackupSet[] catalogue)
    {
        _ = name;

        Assert.Equal(expected, SpaceForecast.ExpectedBytes(catalogue, Cluster, BackupType.Full));
    }

    private static BackupSet Taken(int day, long size, BackupType type = BackupType.Full) =>
        Make.Backup(type == BackupType.Full ? $"base/2026-01-{day:00}_01-00-00" : $"incr/2026-01-01_00-00-00/2026-01-{day:00}_01-00-00") with
        {
            ClusterName = Cluster,
            SizeBytes = size,
        };
}
