using System.Management.Automation;

namespace GaleraBackup.Host;

/// <summary>What a run has come to: filled while it runs, read once it has ended.</summary>
internal sealed class RunResult
{
    /// <summary>What came out, kept only for JSON: text is written as it comes.</summary>
    public List<object?> Objects { get; } = [];

    public bool KeepObjects { get; init; }

    /// <summary>The worst so far.</summary>
    public int ExitCode { get; private set; } = Policy.ExitCode.Good;

    public void Add(int exitCode) => ExitCode = Policy.ExitCode.Worst(ExitCode, exitCode);

    public void Add(PSObject result)
    {
        if (result.BaseObject is BackupRun run)
        {
            Add(Policy.ExitCode.Of(run));
        }

        if (KeepObjects)
        {
            Objects.Add(result);
        }
    }
}

/// <summary>Ends every pipeline of the host: sees each result before it is formatted, and keeps it from that for JSON.</summary>
[Cmdlet("Out", "Result")]
internal sealed class OutResultCommand : PSCmdlet
{
    /// <summary>For the host's pipelines only: no script can name it.</summary>
    public static CmdletInfo Info { get; } = new("Out-Result", typeof(OutResultCommand));

    [Parameter(ValueFromPipeline = true)]
    public PSObject? InputObject { get; set; }

    [Parameter(Mandatory = true)]
    public RunResult Result { get; set; } = null!;

    protected override void ProcessRecord()
    {
        if (InputObject is null)
        {
            return;
        }

        Result.Add(InputObject);
        if (!Result.KeepObjects)
        {
            WriteObject(InputObject);
        }
    }
}
