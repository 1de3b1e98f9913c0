using System.Diagnostics;
using System.Text.RegularExpressions;
using k8s;

namespace Acceptance;

/// <summary>One run at a time, however they are started and whatever their clocks say.</summary>
public sealed class LeaseTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan StartDeadline = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RunDeadline = TimeSpan.FromMinutes(2);

    [Fact]
    public Task Of_two_runs_started_at_once_one_is_refused() => RequireOneAsync(null, null);

    [Fact]
    public Task Clocks_that_are_an_hour_apart_do_not_make_a_lease_look_dead() => RequireOneAsync("-1h", null, "+1h");

    /// <summary>Starts a run for each clock, with a kubeconfig of its own, and has the first of them copy until the others have ended.</summary>
    private async Task RequireOneAsync(params string?[] clocks)
    {
        var kubeConfigs = clocks.Select((_, index) => Lab.WriteKubeConfig(Path.Combine(BackupRoot, $"user-{index}"), $"user-{index}", "system:masters")).ToList();
        var processes = clocks.Zip(kubeConfigs, Start).ToList();
        var runs = processes.Select(process => HostProcess.EndAsync(process, RunDeadline, Token)).ToList();
        try
        {
            var holders = new HashSet<string>();
            await using (await Faults.HoldBackupToolAsync(StartDeadline, Token))
            {
                await EventuallyAsync("all but one have ended", async () =>
                {
                    var leases = await Client.CoordinationV1.ListNamespacedLeaseAsync(Lab.Namespace, cancellationToken: Token);
                    holders.UnionWith(leases.Items.Where(lease => lease.Metadata.Name.StartsWith("galera-backup-", StringComparison.Ordinal))
                        .Select(lease => lease.Spec.HolderIdentity));
                    return runs.Count(run => run.IsCompleted) >= clocks.Length - 1;
                }, within: RunDeadline);
            }

            var ended = await Task.WhenAll(runs);
            var holder = Assert.Single(holders);
            Assert.Single(ended, run => run.Status == 0);
            Assert.All(ended.Where(run => run.Status != 0), refused =>
            {
                Assert.True(refused.Status == 3, refused.Error);
                Assert.Contains("LeaseHeld", refused.Error);

                // The terminal's width breaks its lines.
                var said = Regex.Replace(refused.Error, @"\s+", "");
                Assert.Contains(holder, said);
                Assert.Matches(@"since\d{4}-\d{2}-\d{2}", said);
            });
            Assert.Single(Backups());
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Dispose();
            }
        }
    }

    private Process Start(string? clock, string kubeConfig) => HostProcess.Start(
        clock, ["Invoke-GaleraBackup", "-KubeConfig", kubeConfig, "-Namespace", Lab.Namespace, "-BackupPath", Path.GetFileName(BackupRoot)]);
}
