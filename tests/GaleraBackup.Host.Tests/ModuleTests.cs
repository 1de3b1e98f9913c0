namespace GaleraBackup.Host.Tests;

/// <summary>The real module, as the build laid it beside the executable.</summary>
public sealed class ModuleTests
{
    [Fact]
    public async Task The_module_s_types_are_the_host_s()
    {
        var run = await Host.RunWithModuleAsync("-Command", """
            $type = (Get-Command Invoke-GaleraBackup).OutputType[0].Type
            $type -eq [GaleraBackup.BackupRun]
            @([AppDomain]::CurrentDomain.GetAssemblies() | Where-Object { $_.GetName().Name -eq 'GaleraBackup.Core' }).Count
            """);
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(["True", "1"], run.Output.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task The_cmdlets_reach_what_lies_behind_them()
    {
        // No such kubeconfig: an error of the module's own, out of the assemblies that it keeps to itself.
        var run = await Host.RunWithModuleAsync("Test-GaleraCluster", "-Namespace", "openstack", "-KubeConfig", "/nonexistent/config", "--output", "json");
        Assert.NotEqual(0, run.ExitCode);
        Assert.Equal("[]", run.Output.Trim());
        Assert.DoesNotContain("CommandNotFound", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Could not load", run.Error, StringComparison.Ordinal);
        Assert.Contains("recommendation\":\"", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_module_is_a_clear_error()
    {
        var run = await Host.EndAsync(Host.Start("/nonexistent/module", "Get-Argument"));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("There is no module at /nonexistent/module. [ModuleNotFound]", run.Error, StringComparison.Ordinal);
        Assert.Contains(HostedEngine.ModuleVariable, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broken_module_is_a_clear_error()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".psm1");
        await File.WriteAllTextAsync(file, "throw 'cannot be'", TestContext.Current.CancellationToken);
        try
        {
            var run = await Host.EndAsync(Host.Start(file, "Get-Argument"));
            Assert.Equal(1, run.ExitCode);
            Assert.Contains("could not be loaded: cannot be", run.Error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
