using System.Management.Automation;

namespace GaleraBackup.Host.Tests;

public sealed class ProgressDisplayTests
{
    [Fact]
    public void A_log_gets_a_line_for_a_phase_and_one_every_ten_seconds()
    {
        var clock = new Clock();
        var lines = new List<string>();
        var display = new ProgressDisplay(new Terminal(TextWriter.Null, false, () => 80), record => lines.Add(ProgressDisplay.Describe(record)), clock);
        for (var second = 0; second <= 25; second++)
        {
            display.Show(new ProgressRecord(1, "Copying", $"second {second}") { PercentComplete = second });
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        display.Show(new ProgressRecord(2, "Pruning", " "));
        display.Show(new ProgressRecord(2, "Pruning", " ") { RecordType = ProgressRecordType.Completed });
        Assert.Equal(["Copying: second 0 (0%)", "Copying: second 10 (10%)", "Copying: second 20 (20%)", "Pruning"], lines);
    }

    [Fact]
    public void A_terminal_gets_one_line_that_is_redrawn_and_cleared()
    {
        var clock = new Clock();
        using var written = new StringWriter();
        var display = new ProgressDisplay(new Terminal(written, true, () => 20), _ => Assert.Fail("No lines on a terminal."), clock);
        display.Show(new ProgressRecord(1, "Copying", "very much to be said here"));
        display.Show(new ProgressRecord(1, "Copying", "too soon"));
        clock.Advance(TimeSpan.FromSeconds(1));
        display.Show(new ProgressRecord(1, "Copying", "2") { SecondsRemaining = 61 });
        display.Clear();
        display.Clear();
        Assert.Equal("\r\u001b[KCopying: very much \r\u001b[KCopying: 2, 00:01:0\r\u001b[K", written.ToString());
    }

    private sealed class Clock : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(TimeSpan time) => _ticks += time.Ticks;
    }
}
