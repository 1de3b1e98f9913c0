using System.Text.Json;

namespace GaleraBackup.Host.Tests;

public sealed class ArgumentTests
{
    public static TheoryData<string> HostileValues => new(
        "$(throw 'run')", "a; throw 'run'", "`$x`n", "\"", "'", "a b  c", "@{a=1}", "{ 1 }", "a|b", "$env:HOME", "&calc", "-", "-5", "*", "a:b", "a\nb", "ünï");

    [Theory]
    [MemberData(nameof(HostileValues))]
    public async Task A_value_stays_what_it_is(string value)
    {
        foreach (var args in new string[][] { ["-Name", value], [$"-Name:{value}"], [value], ["--", value] })
        {
            Assert.Equal(value, (await GetAsync(args)).GetProperty("Name").GetString());
        }
    }

    [Fact]
    public async Task A_real_process_s_arguments_are_not_script_either()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".ps1");
        await File.WriteAllTextAsync(file, "param([string]$Name, [string[]]$List) $Name; $List; \"$args\"; $PSScriptRoot", TestContext.Current.CancellationToken);
        try
        {
            var run = await Host.RunProcessAsync("-File", file, "-Name", "$(1+1)", "-List", "a,$b", "-Other", "x;y");
            Assert.Equal(["$(1+1)", "a", "$b", "-Other x;y", Path.GetDirectoryName(file)!], Lines(run.Output));
            Assert.Equal(0, run.ExitCode);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task Values_that_begin_with_a_dash_follow_a_colon_or_the_two_dashes()
    {
        Assert.Equal("-rf", (await GetAsync("-Name:-rf")).GetProperty("Name").GetString());
        Assert.Equal("--quiet", (await GetAsync("--", "--quiet")).GetProperty("Name").GetString());
    }

    [Fact]
    public async Task The_binder_converts()
    {
        var got = await GetAsync("-keep", "5", "-TIMEOUT", "00:01:30", "-Flag", "$false", "-Fast");
        Assert.Equal(5, got.GetProperty("KeepLast").GetInt32());
        Assert.Equal("00:01:30", got.GetProperty("Timeout").GetString());
        Assert.False(got.GetProperty("Flag").GetBoolean());
        Assert.True(got.GetProperty("Fast").GetBoolean());
    }

    [Theory]
    [InlineData("-Fast:$true", true)]
    [InlineData("-Fast:true", true)]
    [InlineData("-Fast:$false", false)]
    [InlineData("-Fast:False", false)]
    public async Task A_switch_takes_a_truth_value(string argument, bool expected) =>
        Assert.Equal(expected, (await GetAsync(argument)).GetProperty("Fast").GetBoolean());

    [Fact]
    public async Task A_comma_separates_only_where_a_list_is_meant()
    {
        var named = await GetAsync("-Name", "a,b", "-List", "c, d,e");
        Assert.Equal("a,b", named.GetProperty("Name").GetString());
        Assert.Equal("""["c","d","e"]""", Compact(named.GetProperty("List")));
        var positional = await GetAsync("a,b", "c,d");
        Assert.Equal("a,b", positional.GetProperty("Name").GetString());
        Assert.Equal("""["c","d"]""", Compact(positional.GetProperty("List")));
        Assert.Equal("""["c","d"]""", Compact((await GetAsync("-Name", "x", "c,d")).GetProperty("List")));
    }

    [Fact]
    public async Task Nobody_is_asked()
    {
        Assert.True((await GetAsync("x", "-Confirm:$false")).GetProperty("Done").GetBoolean());
        Assert.True((await GetAsync("x")).GetProperty("Done").GetBoolean());
        var asked = await Host.RunHereAsync("Get-Argument", "x", "-Confirm");
        Assert.Contains("never asks", asked.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WhatIf_shows_what_would_be_done()
    {
        var run = await Host.RunHereAsync("Get-Argument", "x", "-WhatIf");
        Assert.Contains("What if: ", run.Output, StringComparison.Ordinal);
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task Options_of_the_host_stand_anywhere()
    {
        Assert.StartsWith("{", (await Host.RunHereAsync("--output=json", "Get-Argument")).Output, StringComparison.Ordinal);
        Assert.StartsWith("{", (await Host.RunHereAsync("Get-Argument", "--output", "json", "-Fast")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_names_every_exit_code_and_version_the_engine()
    {
        var help = await Host.RunProcessAsync("--help");
        Assert.Equal(0, help.ExitCode);
        Assert.All(["0 ", "1 ", "2 ", "3 ", "4 ", "129, 130, 143 "], code => Assert.Contains($"\n  {code}", help.Output, StringComparison.Ordinal));
        Assert.Matches(@"^galera-backup \d+\.\d+\.\d+ \(PowerShell engine 7\.\d+\.\d+\)", (await Host.RunHereAsync("--version")).Output);
    }

    private static async Task<JsonElement> GetAsync(params string[] args)
    {
        var run = await Host.RunHereAsync(["Get-Argument", "--output", "json", .. args]);
        Assert.True(run.ExitCode == 0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private static string[] Lines(string text) => text.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);
}
