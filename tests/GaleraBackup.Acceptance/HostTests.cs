using System.Diagnostics;
using System.Text.Json;

namespace Acceptance;

/// <summary>The executable that a CronJob runs, as a process of its own: what it says, and what it ends with.</summary>
public sealed class HostTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan RunDeadline = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task A_good_backup_ends_with_0_and_prints_one_json_object()
    {
        var (status, output, _) = await RunAsync("--output", "json", "Invoke-GaleraBackup");

        Assert.Equal(0, status);
        using var run = JsonDocument.Parse(output);
        Assert.Equal("Succeeded", run.RootElement.GetProperty("Backup").GetString());
        Assert.Equal([run.RootElement.GetProperty("BackupId").GetString()!], Backups());
    }

    [Fact]
    public async Task A_refusal_ends_with_3_and_says_why()
    {
        var (status, _, error) = await RunAsync("Invoke-GaleraBackup", "-RequiredSpaceRatio", "1000");

        Assert.Equal(3, status);
        Assert.Contains("NotEnoughSpace", error);
    }

    [Fact]
    public async Task A_deadline_that_passes_ends_with_4()
    {
        var (status, _, error) = await RunAsync("Invoke-GaleraBackup", "-Timeout", "1");

        Assert.Equal(4, status);
        Assert.Contains("RunnerTimedOut", error);
        Assert.Empty(Backups());
    }

    [Fact]
    public async Task A_job_that_is_told_to_end_puts_the_replica_back_first()
    {
        using var process = Start("Invoke-GaleraBackup");
        var ended = process.WaitForExitAsync(Token);
        await EventuallyAsync("the replica is desynced", async () => ended.IsCompleted || await WsrepStateAsync(2) == "Donor/Desynced");
        Assert.False(ended.IsCompleted, "The backup was over before it could be told to end.");

        Process.Start("kill", ["-TERM", $"{process.Id}"]).WaitForExit();
        await ended.WaitAsync(RunDeadline, Token);

        Assert.Equal(128 + 15, process.ExitCode);
        Assert.Equal("Synced", await WsrepStateAsync(2));
        Assert.Empty(Backups());
    }

    [Fact]
    public async Task WhatIf_shows_the_whole_plan_and_changes_nothing()
    {
        string[] older = [AddOlderBackup(2019), AddOlderBackup(2020)];

        var (status, output, error) = await RunAsync("Invoke-GaleraBackup", "-KeepLast", "1", "-WhatIf");

        Assert.True(status == 0, error);
        string[] inOrder = ["kind: Pod", "name: mariadb-phy-backup-runner-", "SET GLOBAL wsrep_desync=ON", "SET GLOBAL wsrep_desync=OFF", older[0], older[1]];
        var at = 0;
        foreach (var part in inOrder)
        {
            at = output.IndexOf(part, at, StringComparison.Ordinal);
            Assert.True(at >= 0, $"'{part}' is not in its place in:\n{output}");
        }

        Assert.Matches($@"{older[0]}.*\([0-9.,]+ (B|KiB|MiB)\)", output);
        Assert.Equal(older, Backups());
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        return await HostProcess.EndAsync(process, RunDeadline, Token);
    }

    private Process Start(params string[] arguments) => HostProcess.Start(
        clock: null, [.. arguments, "-KubeConfig", Lab.KubeConfig, "-Namespace", Lab.Namespace, "-BackupPath", Path.GetFileName(BackupRoot)]);
}
