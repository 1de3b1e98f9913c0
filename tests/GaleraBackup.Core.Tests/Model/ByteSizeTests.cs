namespace GaleraBackup.Core.Tests.Model;

public sealed class ByteSizeTests
{
    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1024, "1 KiB")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(1024L * 1024, "1 MiB")]
    [InlineData((1024L * 1024) - 1, "1 MiB")]
    [InlineData(5368709120, "5 GiB")]
    [InlineData(-1536, "-1.5 KiB")]
    [InlineData(long.MaxValue, "8 EiB")]
    public void A_size_is_short(long bytes, string expected) => Assert.Equal(expected, ByteSize.Format(bytes));
}
