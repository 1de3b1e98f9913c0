using FsCheck;
using FsCheck.Fluent;
using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Policy;

public sealed class BackupNameTests
{
    [Fact]
    public void A_name_keeps_its_moment_in_UTC_to_the_second()
    {
        var local = new DateTimeOffset(2026, 1, 31, 3, 0, 7, TimeSpan.FromHours(2));

        Assert.Equal("base/2026-01-31_01-00-07", BackupName.Full(local));
    }

    [Fact]
    public void Every_name_that_is_written_is_read_back()
    {
        var moments =
            from seconds in Gen.Choose(0, int.MaxValue)
            from offset in Gen.Choose(-14, 14)
            select DateTimeOffset.FromUnixTimeSeconds(seconds).ToOffset(TimeSpan.FromHours(offset));

        Check.One(Config.QuickThrowOnFailure, Prop.ForAll(moments.ToArbitrary(), moment =>
            BackupName.TryParse(BackupName.Full(moment), out var type, out var baseStamp, out var createdAt)
            && type == BackupType.Full && baseStamp == BackupName.Stamp(moment) && createdAt == moment && createdAt.Offset == TimeSpan.Zero));
    }

    [Fact]
    public void An_increment_names_its_base_and_its_own_moment()
    {
        Assert.True(BackupName.TryParse("incr/2026-01-31_01-00-00/2026-02-01_01-00-00", out var type, out var baseStamp, out var createdAt));

        Assert.Equal((BackupType.Incremental, "2026-01-31_01-00-00"), (type, baseStamp));
        Assert.Equal(new DateTimeOffset(2026, 2, 1, 1, 0, 0, TimeSpan.Zero), createdAt);
    }

    [Theory]
    [InlineData("")]
    [InlineData("base")]
    [InlineData("base/")]
    [InlineData("2026-01-31_01-00-00")]
    [InlineData("base/2026-01-31_01-00-00/")]
    [InlineData("base/2026-01-31_01-00-00\n")]
    [InlineData("base/2026-01-31_01-00-00 ")]
    [InlineData("/base/2026-01-31_01-00-00")]
    [InlineData("base/../base/2026-01-31_01-00-00")]
    [InlineData("base/2026-01-31_01-00-00/..")]
    [InlineData("base//2026-01-31_01-00-00")]
    [InlineData("Base/2026-01-31_01-00-00")]
    [InlineData("base/2026-13-31_01-00-00")]
    [InlineData("base/2026-02-30_01-00-00")]
    [InlineData("base/2026-01-31_24-00-00")]
    [InlineData("base/2026-01-31T01:00:00")]
    [InlineData("base/２０２６-01-31_01-00-00")]
    [InlineData("incr/2026-01-31_01-00-00")]
    [InlineData("incr/../2026-01-31_01-00-00")]
    [InlineData("incr/2026-01-31_01-00-00/2026-02-01_01-00-00/x")]
    [InlineData(".partial/base_2026-01-31_01-00-00")]
    public void Anything_else_is_no_backup(string id) => Assert.False(BackupName.TryParse(id, out _, out _, out _));
}
