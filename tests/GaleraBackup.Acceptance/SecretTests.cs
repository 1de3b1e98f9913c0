using System.Text;
using System.Text.Json;
using k8s;

namespace Acceptance;

/// <summary>The passwords of the lab are nowhere but where they belong.</summary>
public sealed class SecretTests(LabFixture fixture) : LabTest(fixture)
{
    [Fact]
    public async Task No_password_stands_in_argv_pod_spec_log_result_or_message()
    {
        var passwords = await ReadPasswordsAsync();
        var seen = new StringBuilder();
        using var running = Module.Start("Invoke-GaleraBackup @cluster @store -Verbose", Cluster, Store);

        var sawTool = false;
        await EventuallyAsync("the run ends", async () =>
        {
            // Every process of the machine, the pods' included: the kubelet's containers are processes here.
            foreach (var commandLine in CommandLines())
            {
                sawTool |= commandLine.Contains("--galera-info", StringComparison.Ordinal);
                seen.AppendLine(commandLine);
            }

            var pods = await Client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: "app.kubernetes.io/name=galera-backup");
            seen.AppendLine(KubernetesJson.Serialize(pods));
            return running.IsCompleted;
        }, within: TimeSpan.FromMinutes(5));

        var result = running.Wait();
        var run = result.Single<BackupRun>();
        Assert.True(sawTool, "mariadb-backup was never seen at work, so the test proves nothing.");
        seen.AppendJoin('\n', result.Verbose).AppendJoin('\n', result.Warnings).AppendJoin('\n', run.Log);
        seen.AppendJoin('\n', result.Progress.Select(record => record.StatusDescription)).AppendLine(JsonSerializer.Serialize(run));
        seen.AppendLine(run.ToString());
        var folder = Path.Combine(BackupRoot, run.BackupId);
        foreach (var file in Directory.GetFiles(folder).Where(file => !file.EndsWith(".gz", StringComparison.Ordinal)))
        {
            seen.AppendLine(await File.ReadAllTextAsync(file, Token));
        }

        var text = seen.ToString();
        Assert.All(passwords, password => Assert.DoesNotContain(password, text, StringComparison.Ordinal));
    }

    private static IEnumerable<string> CommandLines()
    {
        foreach (var process in Directory.GetDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out _)))
        {
            string? line = null;
            try
            {
                line = File.ReadAllText(Path.Combine(process, "cmdline")).Replace('\0', ' ');
            }
            catch (IOException)
            {
                // It has ended.
            }

            if (line is not null)
            {
                yield return line;
            }
        }
    }

    private async Task<IReadOnlyList<string>> ReadPasswordsAsync()
    {
        var admin = await DatabaseEndpoint.OfAdminAsync(Client, 2, Token);
        var backup = await DatabaseEndpoint.OfBackupUserAsync(Client, 2, Token);
        return [admin.Password, backup.Password];
    }
}
