using System.Management.Automation;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
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

        var toolCommandLines = new HashSet<string>(StringComparer.Ordinal);
        await EventuallyAsync("the run ends", async () =>
        {
            // Every process of the machine, the pods' included: the kubelet's containers are processes here.
            foreach (var commandLine in CommandLines())
            {
                if (Regex.IsMatch(commandLine, @"\A\S*(mariadb-backup|mariabackup) "))
                {
                    toolCommandLines.Add(commandLine);
                }

                seen.AppendLine(commandLine);
            }

            var pods = await Client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: "app.kubernetes.io/name=galera-backup");
            seen.AppendLine(KubernetesJson.Serialize(pods));
            return running.IsCompleted;
        }, within: TimeSpan.FromMinutes(5));

        var result = running.Wait();
        var run = result.Single<BackupRun>();
        Assert.True(toolCommandLines.Count > 0, "mariadb-backup was never seen at work, so the test proves nothing.");

        // The tool masks a password in its argv within milliseconds: that there is one at all gives it away.
        Assert.All(toolCommandLines, line => Assert.DoesNotMatch(@"--(password|user)\b|\s-p", line));
        seen.AppendJoin('\n', result.Verbose).AppendJoin('\n', result.Warnings).AppendJoin('\n', run.Log);
        seen.AppendJoin('\n', result.Progress.Select(record => record.StatusDescription)).AppendLine(JsonSerializer.Serialize(run));
        seen.AppendLine(run.ToString());
        var folder = Path.Combine(BackupRoot, run.BackupId);
        foreach (var file in Directory.GetFiles(folder).Where(file => !file.EndsWith(".gz", StringComparison.Ordinal)))
        {
            seen.AppendLine(await File.ReadAllTextAsync(file, Token));
        }

        var text = seen.ToString();
        Assert.All(passwords.SelectMany(Spellings), spelling => Assert.DoesNotContain(spelling, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Typed_logins_work_and_leave_no_secret_behind()
    {
        var admin = await DatabaseEndpoint.OfAdminAsync(Client, 2, Token);
        var backup = await DatabaseEndpoint.OfBackupUserAsync(Client, 2, Token);
        using var running = Module.Start(
            "Invoke-GaleraBackup @cluster @store -Credential $admin -BackupCredential $backup",
            Cluster, Store, ("admin", ToCredential(admin)), ("backup", ToCredential(backup)));

        var sawSecret = false;
        await EventuallyAsync("the run ends", async () =>
        {
            sawSecret |= (await OurSecretsAsync()).Count > 0;
            return running.IsCompleted;
        }, within: TimeSpan.FromMinutes(5));

        Assert.Equal(Outcome.Succeeded, running.Wait().Single<BackupRun>().Backup);
        Assert.True(sawSecret, "The typed login never was a Secret: how did the runner get it?");
        Assert.Empty(await OurSecretsAsync());
    }

    // Quotes and backslashes look otherwise inside JSON, and a Secret's value is base64: each spelling would be a leak.
    private static IEnumerable<string> Spellings(string password)
    {
        yield return password;
        yield return JsonSerializer.Serialize(password)[1..^1];
        yield return JsonSerializer.Serialize(password, new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })[1..^1];
        yield return KubernetesJson.Serialize(password)[1..^1];
        yield return Convert.ToBase64String(Encoding.UTF8.GetBytes(password));
    }

    private static PSCredential ToCredential(DatabaseEndpoint endpoint) =>
        new(endpoint.User, new NetworkCredential("", endpoint.Password).SecurePassword);

    private async Task<IReadOnlyList<string>> OurSecretsAsync()
    {
        var secrets = await Client.CoreV1.ListNamespacedSecretAsync(Lab.Namespace, labelSelector: "app.kubernetes.io/name=galera-backup");
        return [.. secrets.Items.Select(secret => secret.Metadata.Name)];
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
