using System.ComponentModel;
using System.Diagnostics;

namespace GaleraBackup.Core.Tests.Shell;

public sealed class ShellCheckTests
{
    public static TheoryData<string, string, string> All => new()
    {
        { "backup-runner.sh", "bash", GaleraBackup.Runner.Scripts.BackupRunner },
        { "backup-compressor.sh", "sh", GaleraBackup.Runner.Scripts.BackupCompressor },
        { "backup-store.sh", "bash", GaleraBackup.Runner.Scripts.BackupStore },
    };

    [Theory]
    [MemberData(nameof(All))]
    public async Task The_script_is_shellcheck_clean(string name, string shell, string text)
    {
        Process? shellcheck = null;
        try
        {
            shellcheck = Process.Start(new ProcessStartInfo("shellcheck", [$"--shell={shell}", "--format=gcc", "-"])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            });
        }
        catch (Win32Exception)
        {
            Assert.Skip("shellcheck is not installed.");
        }

        using (shellcheck)
        {
            await shellcheck!.StandardInput.WriteAsync(text);
            shellcheck.StandardInput.Close();
            var findings = await shellcheck.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await shellcheck.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(shellcheck.ExitCode == 0, $"{name}:\n{findings}");
        }
    }
}
