using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using System.Reflection;

namespace Acceptance;

/// <summary>The built module in an engine of its own, imported by path as a user does.</summary>
public sealed class HostedModule : IDisposable
{
    private readonly Runspace _runspace;

    public HostedModule()
    {
        _runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        _runspace.Open();
        using var import = PowerShell.Create(_runspace);
        import.AddCommand("Import-Module").AddParameter("Name", Path).AddParameter("ErrorAction", "Stop").Invoke();
    }

    public static string Path { get; } = Metadata("ModuleDirectory").TrimEnd('/');

    public static string HostExecutable { get; } = Metadata("HostExecutable");

    /// <summary>Runs a script to its end; what it throws is part of the result.</summary>
    public HostedRun Invoke(string script, params (string Name, object Value)[] variables)
    {
        using var running = Start(script, variables);
        return running.Wait();
    }

    /// <summary>Starts a script, so that a test can look, or stop it as Ctrl+C does.</summary>
    public RunningScript Start(string script, params (string Name, object Value)[] variables)
    {
        foreach (var (name, value) in variables)
        {
            _runspace.SessionStateProxy.SetVariable(name, value);
        }

        return new RunningScript(PowerShell.Create(_runspace).AddScript(script));
    }

    public void Dispose() => _runspace.Dispose();

    private static string Metadata(string key) =>
        typeof(HostedModule).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}

public sealed class RunningScript : IDisposable
{
    private readonly PowerShell _shell;
    private readonly PSDataCollection<PSObject> _output = [];
    private readonly IAsyncResult _running;

    internal RunningScript(PowerShell shell)
    {
        _shell = shell;
        _running = shell.BeginInvoke<PSObject, PSObject>(null, _output);
    }

    public PSDataCollection<ProgressRecord> Progress => _shell.Streams.Progress;

    public PSDataCollection<VerboseRecord> Verbose => _shell.Streams.Verbose;

    public bool IsCompleted => _running.IsCompleted;

    /// <summary>Ctrl+C; returns when the pipeline has cleaned up.</summary>
    public void Stop() => _shell.Stop();

    public HostedRun Wait()
    {
        Exception? thrown = null;
        try
        {
            _shell.EndInvoke(_running);
        }
        catch (RuntimeException exception)
        {
            thrown = exception;
        }

        return new HostedRun(
            [.. _output.Select(item => item.BaseObject)],
            [.. _shell.Streams.Error.Concat(thrown is IContainsErrorRecord { ErrorRecord: { } record } ? [record] : Array.Empty<ErrorRecord>())],
            [.. _shell.Streams.Warning.Select(warning => warning.Message)],
            [.. _shell.Streams.Verbose.Select(verbose => verbose.Message)],
            [.. _shell.Streams.Progress],
            thrown);
    }

    public void Dispose() => _shell.Dispose();
}

/// <summary>What a script left behind in each stream.</summary>
public sealed record HostedRun(
    IReadOnlyList<object> Output, IReadOnlyList<ErrorRecord> Errors, IReadOnlyList<string> Warnings, IReadOnlyList<string> Verbose,
    IReadOnlyList<ProgressRecord> Progress, Exception? Thrown)
{
    /// <summary>The only object, after making sure that nothing went wrong.</summary>
    public T Single<T>()
    {
        Assert.True(Errors.Count == 0, string.Join(Environment.NewLine, Errors.Select(error => $"{error.FullyQualifiedErrorId}: {error}")));
        return Assert.IsType<T>(Assert.Single(Output));
    }

    public bool HasError(string errorId) => Errors.Any(error => error.FullyQualifiedErrorId.Split(',')[0] == errorId);
}
