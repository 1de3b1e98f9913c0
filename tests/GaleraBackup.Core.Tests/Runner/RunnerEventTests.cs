using FsCheck;
using FsCheck.Fluent;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Runner;

public sealed class RunnerEventTests
{
    private static readonly string Result = Make.ResultLine("base/2026-01-31_01-00-00");

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
    };

    [Theory]
    [MemberData(nameof(Known))]
    public void Each_event_is_read(string line, RunnerEvent expected) => Assert.Equal(expected, RunnerEvent.Parse(line));

    [Fact]
    public void A_result_is_the_manifest_that_was_hashed()
    {
        var result = Assert.IsType<ResultEvent>(RunnerEvent.Parse(Result));

        Assert.Equal(("base/2026-01-31_01-00-00", 4711L), (result.Manifest.Id, result.Manifest.Position.Seqno));
    }

    [Fact]
    public void A_result_with_another_hash_is_none() =>
        Assert.Null(RunnerEvent.Parse(Result.Replace("\"sha256\":\"", "\"sha256\":\"00", StringComparison.Ordinal)));

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
    [InlineData("""{"event":"result","manifest":"e30=","sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}""")]
    [InlineData("""{"event":"result","manifest":"no base64","sha256":""}""")]
    [InlineData("""{"event":"result"}""")]
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
            ResultEvent result => result.Manifest.Id is not null,
            _ => true,
        }));
    }
}
