using System.Text.Json;

namespace GaleraBackup.Host.Tests;

public sealed class OutputTests
{
    [Fact]
    public async Task Json_leaves_standard_output_to_the_results()
    {
        var run = await Host.RunProcessAsync("Write-Everything", "-Verbose", "-InformationAction", "Continue", "--output", "json");
        Assert.Equal("a result", JsonDocument.Parse(run.Output).RootElement.GetString());
        Assert.Equal(1, run.ExitCode);

        var (json, other) = Split(run.Error);
        Assert.Equal(["behind the back"], other);
        Assert.Equal(["progress", "warning", "verbose", "information", "output", "error"], json.Select(line => line.GetProperty("level").GetString()));
        var error = json[^1];
        Assert.Equal("SomeId", error.GetProperty("errorId").GetString());
        Assert.Equal("an error", error.GetProperty("message").GetString());
        Assert.Equal("NotSpecified", error.GetProperty("category").GetString());
        Assert.Equal("some target", error.GetProperty("target").GetString());
    }

    [Fact]
    public async Task Text_leaves_standard_output_to_what_is_shown()
    {
        var run = await Host.RunProcessAsync("Write-Everything", "-Verbose", "-InformationAction", "Continue");
        Assert.Equal(["on the console", "behind the back", "a result"], Lines(run.Output));
        Assert.Equal(
            ["Copying: 1 of 2", "WARNING: a warning", "VERBOSE: a verbose line", "an information", "Write-Everything: an error [SomeId]"],
            Lines(run.Error).Where(line => !line.StartsWith("  at ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Quiet_means_no_progress()
    {
        var run = await Host.RunHereAsync("Write-Everything", "--quiet");
        Assert.DoesNotContain("Copying", run.Error, StringComparison.Ordinal);
        Assert.Contains("a warning", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_is_one_object_without_secrets()
    {
        var output = (await Host.RunHereAsync("New-Run", "-Resync", "TimedOut", "--output", "json")).Output;
        var run = JsonDocument.Parse(output).RootElement;
        Assert.Equal("Succeeded", run.GetProperty("Backup").GetString());
        Assert.Equal("00:01:30", run.GetProperty("Duration").GetString());
        Assert.Equal(Samples.Time, run.GetProperty("StartedAt").GetDateTimeOffset());
        Assert.Equal(12_345_678_901, run.GetProperty("StoredBytes").GetInt64());
        Assert.Equal(JsonValueKind.Null, run.GetProperty("Seqno").ValueKind);
        var cluster = run.GetProperty("Replica").GetProperty("Cluster");
        Assert.Equal("Warning", cluster.GetProperty("Findings")[0].GetProperty("Severity").GetString());
        Assert.Equal("""{"UserName":"root"}""", JsonSerializer.Serialize(cluster.GetProperty("Scope").GetProperty("Credential")));
        Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "[]")]
    [InlineData("$null", "[]")]
    [InlineData("'one'", "\"one\"")]
    [InlineData("1; 2.5; $true; $null; 'x'", "[1,2.5,true,\"x\"]")]
    [InlineData(",@(1, 2)", "[1,2]")]
    [InlineData("[pscustomobject]@{ a = @{ b = 1 }; c = $null; d = [DayOfWeek]::Monday; e = @(); f = [double]::NaN }",
        """{"a":{"b":1},"c":null,"d":"Monday","e":[],"f":"NaN"}""")]
    [InlineData("[timespan]::FromSeconds(1.5)", "\"00:00:01.5000000\"")]
    [InlineData("[version]'1.2'; [guid]::Empty; [char]'x'; [uri]'http://h/'", """["1.2","00000000-0000-0000-0000-000000000000","x","http://h/"]""")]
    [InlineData("[pscredential]::new('u', [securestring]::new())", """{"UserName":"u"}""")]
    public async Task Json_is_the_object_or_an_array(string script, string expected)
    {
        var run = await Host.RunHereAsync("--output", "json", "-Command", script);
        Assert.Empty(run.Error);
        Assert.Equal(expected, JsonSerializer.Serialize(JsonDocument.Parse(run.Output), new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
    }

    [Fact]
    public async Task Json_ends_even_where_objects_hold_each_other()
    {
        var run = await Host.RunHereAsync("--output", "json", "-Command", "$a = [pscustomobject]@{ Other = $null; All = @() }; $a.Other = $a; $a.All = @($a); $a");
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(run.Output, new JsonDocumentOptions { MaxDepth = 64 }).RootElement.ValueKind);
    }

    [Fact]
    public async Task What_came_before_an_error_is_there()
    {
        var run = await Host.RunHereAsync("--output", "json", "-Command", "New-Run; throw [GaleraBackup.GaleraBackupException]::new('Id', 'Refused', 'm', 'r')");
        Assert.Equal("run1", JsonDocument.Parse(run.Output).RootElement.GetProperty("RunId").GetString());
        Assert.Equal(3, run.ExitCode);
    }

    [Fact]
    public async Task A_table_without_a_terminal_has_no_colours()
    {
        var run = await Host.RunProcessAsync("Get-Argument", "x");
        Assert.Contains("KeepLast", run.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', run.Output);
    }

    private static string[] Lines(string text) => text.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries);

    private static (List<JsonElement> Json, List<string> Other) Split(string text)
    {
        var lines = Lines(text);
        return (
            [.. lines.Where(line => line.StartsWith('{')).Select(line => JsonDocument.Parse(line).RootElement)],
            [.. lines.Where(line => !line.StartsWith('{'))]);
    }
}
