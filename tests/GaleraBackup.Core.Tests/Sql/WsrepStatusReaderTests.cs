using GaleraBackup.Infrastructure.Sql;

namespace GaleraBackup.Core.Tests.Sql;

public sealed class WsrepStatusReaderTests
{
    [Fact]
    public void Every_statement_is_answered_in_every_state_of_a_node() =>
        Assert.All(WsrepStatusReader.Statement.Split(';'), statement => Assert.StartsWith("SHOW GLOBAL ", statement.Trim(), StringComparison.Ordinal));

    [Theory]
    [InlineData("ON", true)]
    [InlineData("OFF", false)]
    [InlineData(null, false)] // a server without Galera
    public void A_server_of_no_cluster_is_told_apart(string? value, bool expected) =>
        Assert.Equal(expected, WsrepStatusReader.From(value is null ? [] : new Dictionary<string, string> { ["wsrep_on"] = value }).On);

    [Fact]
    public void Paths_are_read_and_a_key_is_not()
    {
        var names = new[] { "innodb_data_home_dir", "innodb_data_file_path", "innodb_log_group_home_dir", "innodb_undo_directory", "aria_log_dir_path", "log_bin_basename", "file_key_management_filename" };
        Assert.All([.. names, "file_key_management_filekey", "wsrep_on"], name => Assert.Contains($"'{name}'", WsrepStatusReader.Statement, StringComparison.Ordinal));
        var values = names.ToDictionary(name => name, name => name);

        var paths = WsrepStatusReader.From(new Dictionary<string, string>(values) { ["file_key_management_filekey"] = "FILE:/keys/k" }).Paths;

        Assert.Equal(
            new ServerPaths
            {
                InnodbDataHome = names[0],
                InnodbDataFiles = names[1],
                InnodbLogGroupHome = names[2],
                InnodbUndo = names[3],
                AriaLog = names[4],
                BinlogBasename = names[5],
                EncryptionKeys = names[6],
                EncryptionKeysKey = "/keys/k",
            },
            paths);
        Assert.DoesNotContain("s3cr3t", WsrepStatusReader.From(new Dictionary<string, string> { ["file_key_management_filekey"] = "s3cr3t" }).ToString(), StringComparison.Ordinal);
    }
}
