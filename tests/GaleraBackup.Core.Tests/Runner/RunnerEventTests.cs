using FsCheck;
using FsCheck.Fluent;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Runner;

public sealed class RunnerEventTests
{
    private const string Result =
        """{"event":"result","id":"base/2026-01-31_01-00-00","uuid":"0d1e2f30-1111-11ee-8a3c-0242ac110002","seqno":4711,"toLsn":56789,"streamedBytes":1048576,"storedBytes":2048,"databaseKiB":1024,"serverVersion":"10.11.19-MariaDB"}""";

    private static readonly string[] Lines =
    [
        """{"event":"space","databaseKiB":1048576,"availableKiB":5242880,"requiredKiB":1258291}""",
        """{"event":"ready"}""",
        """{"event":"copying"}""",
        """{"event":"progress","bytes":1048576,"totalBytes":1073741824,"storedBytes":4096}""",
        """{"event":"log","message":"[00] 2026-01-31 01:00:00 completed OK!"}""",
        """{"event":"copied","status":0,"milliseconds":61234}""",
        """{"event":"error","id":"NotEnoughSpace","message":"The backup volume has 1 KiB available."}""",
        Result,
    ];

    public static TheoryData<string, RunnerEvent> Known => new()
    {
        { Lines[0], new SpaceEvent(1048576, 5242880, 1258291) },
        { Lines[1], new ReadyEvent() },
        { Lines[2], new CopyingEvent() },
        { Lines[3], new ProgressEvent(1048576, 1073741824, 4096) },
        { Lines[4], new LogEvent("[00] 2026-01-31 01:00:00 completed OK!") },
        { Lines[5], new CopiedEvent(0, TimeSpan.FromMilliseconds(61234)) },
        { Lines[6], new ErrorEvent("NotEnoughSpace", "The backup volume has 1 KiB available.") },
        {
            Result,
            new ResultEvent
            {
                BackupId = "base/2026-01-31_01-00-00",
                ClusterUuid = Make.Uuid,
                Seqno = 4711,
                ToLsn = 56789,
                StreamedBytes = 1048576,
                StoredBytes = 2048,
                DatabaseKiB = 1024,
                ServerVersion = "10.11.19-MariaDB",
            }
        },
    };

    [Theory]
    [MemberData(nameof(Known))]
    public void Each_event_is_read(string line, RunnerEvent expected) => Assert.Equal(expected, RunnerEvent.Parse(line));

    [Fact]
    public void A_result_without_a_Galera_position_is_a_result()
    {
        var line = """{"event":"result","id":"base/2026-01-31_01-00-00","toLsn":null,"streamedBytes":1,"storedBytes":1,"databaseKiB":1,"serverVersion":""}""";

        var result = Assert.IsType<ResultEvent>(RunnerEvent.Parse(line));

        Assert.Equal((null, null, null), (result.ClusterUuid, result.Seqno, result.ToLsn));
    }

    [Theory]
    [InlineData("")]
    [InlineData("gzip: stdout: No space left on device")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("\"ready\"")]
    [InlineData("""{"event":null}""")]
    [InlineData("""{"event":7}""")]
    [InlineData("""{"event":"gone"}""")]
    [InlineData("""{"event":"ready"} trailing""")]
    [InlineData("""{"event":"log"}""")]
    [InlineData("""{"event":"log","message":null}""")]
    [InlineData("""{"event":"log","message":["x"]}""")]
    [InlineData("""{"event":"log","message":"\ud800"}""")]
    [InlineData("""{"event":"error","id":null,"message":"x"}""")]
    [InlineData("""{"event":"copied","status":"0","milliseconds":1}""")]
    [InlineData("""{"event":"copied","status":99999999999,"milliseconds":1}""")]
    [InlineData("""{"event":"copied","status":0,"milliseconds":9223372036854775807}""")]
    [InlineData("""{"event":"copied","status":0,"milliseconds":1.5}""")]
    [InlineData("""{"event":"progress","bytes":1e400,"totalBytes":1,"storedBytes":1}""")]
    [InlineData("""{"event":"result","id":null,"toLsn":1,"streamedBytes":1,"storedBytes":1,"databaseKiB":1,"serverVersion":""}""")]
    public void What_is_no_event_is_only_a_line(string line) => Assert.Null(RunnerEvent.Parse(line));

    // Not as InlineData: half a surrogate pair does not survive a test's name.
    [Fact]
    public void Text_that_is_not_Unicode_is_only_a_line() => Assert.Null(RunnerEvent.Parse("{\"event\":\"log\",\"message\":\"\ud800\"}"));

    [Fact]
    public void No_string_at_all_makes_it_throw() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(
            ArbMap.Default.ArbFor<string>().Filter(text => text is not null), text => RunnerEvent.Parse(text) is null));

    [Fact]
    public void No_damaged_line_makes_it_throw()
    {
        var damaged =
            from line in Gen.Elements(Lines)
            from start in Gen.Choose(0, line.Length)
            from length in Gen.Choose(0, Math.Min(12, line.Length - start))
            from patch in Gen.Elements("", "null", "{}", "[", "\"", "\\", "\0", "-1", "1e999", "9223372036854775808", "\ud800", "\\ud800", "true", ",")
            select line.Remove(start, length).Insert(start, patch);

        // Whatever comes out has no hole where its type promises a text.
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(3000), Prop.ForAll(damaged.ToArbitrary(), line => RunnerEvent.Parse(line) switch
        {
            LogEvent log => log.Message is not null,
            ErrorEvent error => error is { ErrorId: not null, Message: not null },
            ResultEvent result => result.BackupId is not null,
            _ => true,
        }));
    }
}
