using GaleraBackup.Policy;

namespace GaleraBackup.Host.Tests;

public sealed class ExitCodeTests
{
    [Theory]
    [InlineData(Outcome.Succeeded, Outcome.Skipped, Outcome.Succeeded, Outcome.Skipped, 0)]
    [InlineData(Outcome.Succeeded, Outcome.Succeeded, Outcome.Succeeded, Outcome.Succeeded, 0)]
    [InlineData(Outcome.Succeeded, Outcome.Skipped, Outcome.Failed, Outcome.Skipped, 2)]
    [InlineData(Outcome.Succeeded, Outcome.Skipped, Outcome.TimedOut, Outcome.Skipped, 2)]
    [InlineData(Outcome.Succeeded, Outcome.Skipped, Outcome.Succeeded, Outcome.Failed, 2)]
    [InlineData(Outcome.Succeeded, Outcome.Failed, Outcome.Succeeded, Outcome.Succeeded, 2)]
    [InlineData(Outcome.Failed, Outcome.Skipped, Outcome.Failed, Outcome.Skipped, 1)]
    [InlineData(Outcome.TimedOut, Outcome.Skipped, Outcome.Succeeded, Outcome.Skipped, 4)]
    [InlineData(Outcome.Skipped, Outcome.Skipped, Outcome.Failed, Outcome.Skipped, 1)]
    [InlineData(Outcome.Skipped, Outcome.Skipped, Outcome.Skipped, Outcome.Skipped, 0)]
    public void A_run_is_judged_by_its_outcomes(Outcome backup, Outcome verify, Outcome resync, Outcome prune, int expected) =>
        Assert.Equal(expected, ExitCode.Of(Samples.Run(backup, verify, resync, prune)));

    [Theory]
    [InlineData(FailureKind.Refused, Outcome.Succeeded, 3)]
    [InlineData(FailureKind.Denied, Outcome.Succeeded, 3)]
    [InlineData(FailureKind.Unreachable, Outcome.Succeeded, 1)]
    [InlineData(FailureKind.Refused, Outcome.TimedOut, 1)]
    public void A_refusal_is_one_only_if_the_replica_came_back(FailureKind kind, Outcome resync, int expected) =>
        Assert.Equal(expected, ExitCode.Of(Samples.Run(Outcome.Failed, Outcome.Skipped, resync, Outcome.Skipped, new RunError("Id", kind, "", ""))));

    [Fact]
    public void An_error_within_another_counts_as_what_it_is() =>
        Assert.Equal(4, ExitCode.Of(new InvalidOperationException("", new GaleraBackupException("Id", FailureKind.TimedOut, "", ""))));

    [Theory]
    [InlineData(0, 2, 2)]
    [InlineData(2, 3, 3)]
    [InlineData(3, 4, 4)]
    [InlineData(4, 1, 1)]
    [InlineData(1, 2, 1)]
    [InlineData(0, 0, 0)]
    public void The_worst_wins(int one, int other, int expected)
    {
        Assert.Equal(expected, ExitCode.Worst(one, other));
        Assert.Equal(expected, ExitCode.Worst(other, one));
    }

    [Theory]
    [InlineData(FailureKind.Failed, 1)]
    [InlineData(FailureKind.NotFound, 1)]
    [InlineData(FailureKind.Unreachable, 1)]
    [InlineData(FailureKind.Refused, 3)]
    [InlineData(FailureKind.Denied, 3)]
    [InlineData(FailureKind.TimedOut, 4)]
    public async Task The_process_tells_the_kind_of_an_error(FailureKind kind, int expected)
    {
        var run = await Host.RunProcessAsync("-Command", "param($kind) throw [GaleraBackup.GaleraBackupException]::new('SomeId', $kind, 'What was wrong.', 'What to do.')", $"{kind}");
        Assert.Equal(expected, run.ExitCode);
        Assert.Contains("What was wrong. [SomeId]", run.Error, StringComparison.Ordinal);
        Assert.Contains("What to do.", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Theory]
    [InlineData("New-Run", 0)]
    [InlineData("New-Run -Resync TimedOut -ErrorId ResyncTimedOut -Kind TimedOut", 2)]
    [InlineData("New-Run -Prune Failed -ErrorId PruneFailed -Kind Failed", 2)]
    [InlineData("New-Run -Backup Failed -ErrorId RunnerFailed -Kind Failed", 1)]
    [InlineData("New-Run -Backup Failed -ErrorId NotEnoughSpace -Kind Refused", 3)]
    [InlineData("New-Run -Backup TimedOut -ErrorId RunnerTimedOut -Kind TimedOut", 4)]
    [InlineData("New-Run; New-Run -Resync Failed; New-Run -Backup Failed", 1)]
    [InlineData("New-Run -Backup Failed; exit 0", 0)]
    [InlineData("New-Run; exit 42", 42)]
    [InlineData("nonsense-that-is-not-there", 1)]
    [InlineData("1 +", 1)]
    public async Task A_script_s_runs_decide_unless_it_says_exit(string script, int expected)
    {
        var run = await Host.RunProcessAsync("-Command", script);
        Assert.True(expected == run.ExitCode, $"{run.ExitCode}: {run.Error}");
    }

    [Fact]
    public async Task A_script_s_exit_is_the_process_s()
    {
        Assert.Equal(42, (await Host.RunProcessAsync("-Command", "try { 'a' } finally { exit 42 }")).ExitCode);
        Assert.Equal(0, (await Host.RunProcessAsync("-Command", "'a'")).ExitCode);
    }

    [Theory]
    [InlineData("Get-Argument", "-Nope", "x")]
    [InlineData("Get-Argument", "-KeepLast", "many")]
    [InlineData("Get-Argument", "-Name", "-Fast")]
    [InlineData("Get-Argument", "-Fast:maybe")]
    [InlineData("Get-Argument", "-Confirm")]
    [InlineData("Get-Argumant")]
    [InlineData("--output", "xml", "Get-Argument")]
    [InlineData("--nope")]
    [InlineData("-File", "missing.ps1")]
    [InlineData]
    public async Task A_wrong_command_line_is_a_failure_that_explains_itself(params string[] args)
    {
        var run = await Host.RunHereAsync(args);
        Assert.Equal(1, run.ExitCode);
        Assert.NotEmpty(run.Error);
    }
}
