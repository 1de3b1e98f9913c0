using System.Management.Automation;
using System.Management.Automation.Language;
using System.Management.Automation.Runspaces;
using System.Reflection;
using Microsoft.PowerShell;

namespace GaleraBackup.Host;

/// <summary>
/// The GaleraBackup module in an embedded PowerShell engine: what the executable does, for programs that would rather not start one.
/// </summary>
public static class HostedEngine
{
    /// <summary>Names the module to load (a folder or a file) in place of the one beside the program.</summary>
    public const string ModuleVariable = "GALERABACKUP_MODULE";

    private const CommandTypes Runnable = CommandTypes.Cmdlet | CommandTypes.Function | CommandTypes.Alias;

    /// <summary>Runs one command line of galera-backup, as <c>--help</c> explains it.</summary>
    /// <param name="args">The arguments, without the program's name.</param>
    /// <param name="output">Takes results only. Give <see cref="Console.Out"/> itself to have a terminal's width and colours respected.</param>
    /// <param name="error">Takes errors, warnings and progress; <see cref="Console.Error"/> itself to have progress redrawn on a terminal.</param>
    /// <param name="cancellationToken">Stops the pipeline; the task ends once the cmdlets have cleaned up.</param>
    /// <returns>The exit code; 130 if it was stopped.</returns>
    public static Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(args);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(error);
        return Task.Factory.StartNew(
            () => Run(args, output, error, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        CommandLine commandLine;
        try
        {
            commandLine = CommandLine.Parse(args);
        }
        catch (UsageException exception)
        {
            var ui = new ConsoleUI(Terminal.Of(output), Terminal.Of(error), json: false, quiet: false, TimeProvider.System);
            ui.WriteError(ErrorReport.Usage(exception.Message));
            return Policy.ExitCode.Failed;
        }

        switch (commandLine.Mode)
        {
            case RunMode.Help:
                output.WriteLine(HelpText.Usage);
                return Policy.ExitCode.Good;
            case RunMode.Version:
                output.WriteLine($"galera-backup {VersionOf(typeof(HostedEngine))} (PowerShell engine {VersionOf(typeof(PowerShell))})");
                return Policy.ExitCode.Good;
        }

        return RunInEngine(commandLine, output, error, cancellationToken);
    }

    private static int RunInEngine(CommandLine commandLine, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        // Whatever a script or a library prints behind the engine's back must not end up inside the JSON document.
        var guarded = commandLine.Json && ReferenceEquals(output, Console.Out);
        if (guarded)
        {
            Console.SetOut(error);
        }

        try
        {
            var ui = new ConsoleUI(Terminal.Of(output), Terminal.Of(error), commandLine.Json, commandLine.Quiet, TimeProvider.System);
            return Run(commandLine, new ConsoleHost(ui), ui, output, cancellationToken);
        }
        finally
        {
            if (guarded)
            {
                Console.SetOut(output);
            }
        }
    }

    private static int Run(CommandLine commandLine, ConsoleHost host, ConsoleUI ui, TextWriter output, CancellationToken cancellationToken)
    {
        var result = new RunResult { KeepObjects = commandLine.Json };
        try
        {
            using var runspace = RunspaceFactory.CreateRunspace(host, SessionState());
            runspace.Open();
            var module = ImportModule(runspace);
            try
            {
                using var pipeline = PowerShell.Create(runspace);
                pipeline.Streams.Error.DataAdded += (_, added) => Report(ErrorReport.From(pipeline.Streams.Error[added.Index]), ui, result);
                var command = Resolve(runspace, commandLine);

                // By name, functions bind as functions; by their CommandInfo all would bind as cmdlets, without $args.
                (command is FunctionInfo ? pipeline.AddCommand(command.Name) : pipeline.AddCommand(command)).AddArguments(command, commandLine.Arguments);
                pipeline.AddCommand(OutResultCommand.Info).AddParameter(nameof(OutResultCommand.Result), result).AddCommand("Out-Default");
                using var stop = cancellationToken.Register(() => pipeline.BeginStop(null, null));
                cancellationToken.ThrowIfCancellationRequested();
                pipeline.Invoke();
            }
            finally
            {
                // The module's own clean-up: sessions that a script left open are closed, and their lease is given back.
                Remove(runspace, module);
            }
        }
        catch (UsageException exception)
        {
            Report(ErrorReport.Usage(exception.Message), ui, result);
        }
        catch (Exception exception) when (cancellationToken.IsCancellationRequested
            && exception is (PipelineStoppedException or OperationCanceledException or InvalidPowerShellStateException))
        {
            // Stopped, and what had to be cleaned up has been. What failed on the way out is another exception, and said below.
        }
        catch (Exception exception)
        {
            Report(ErrorReport.From(exception), ui, result);
        }

        ui.Finish();
        if (commandLine.Json)
        {
            output.WriteLine(JsonOutput.Serialize(result.Objects));
        }

        return cancellationToken.IsCancellationRequested ? 130 : host.ExitCode ?? result.ExitCode;
    }

    private static void Report(ErrorReport report, ConsoleUI ui, RunResult result)
    {
        result.Add(report.ExitCode);
        ui.WriteError(report);
    }

    private static InitialSessionState SessionState()
    {
        // A backup job does not report to Microsoft; the engine reads this when it starts.
        Environment.SetEnvironmentVariable("POWERSHELL_TELEMETRY_OPTOUT", "1");
        var state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows())
        {
            state.ExecutionPolicy = ExecutionPolicy.Bypass;
        }

        return state;
    }

    /// <summary>Imports the module and returns its name.</summary>
    private static string ImportModule(Runspace runspace)
    {
        // Core's types are there for scripts too, and are the ones that this program knows: its own copy is loaded before the module's.
        GC.KeepAlive(typeof(BackupRun));
        var path = Environment.GetEnvironmentVariable(ModuleVariable);
        path = Path.GetFullPath(string.IsNullOrEmpty(path) ? Path.Combine(AppContext.BaseDirectory, "Modules", "GaleraBackup") : path);
        if (!File.Exists(path) && !Directory.Exists(path))
        {
            throw new GaleraBackupException("ModuleNotFound", FailureKind.NotFound, $"There is no module at {path}.",
                $"Keep the folder Modules beside the program, or name the module's folder in {ModuleVariable}.", path);
        }

        try
        {
            using var import = PowerShell.Create(runspace);
            return import.AddCommand("Import-Module").AddParameter("Name", path).AddParameter("PassThru").AddParameter("ErrorAction", ActionPreference.Stop)
                .Invoke<PSModuleInfo>().Single().Name;
        }
        catch (Exception exception) when (exception is RuntimeException or InvalidOperationException)
        {
            throw new GaleraBackupException("ModuleNotLoaded", FailureKind.Failed, $"The module at {path} could not be loaded: {exception.Message}",
                "Use the module that was built together with this program.", path, exception);
        }
    }

    private static void Remove(Runspace runspace, string module)
    {
        using var remove = PowerShell.Create(runspace);
        remove.AddCommand("Remove-Module").AddParameter("Name", module).AddParameter("Force").AddParameter("ErrorAction", ActionPreference.SilentlyContinue);
        remove.Invoke();
    }

    /// <summary>Scripts become functions, so that their parameters are bound like a cmdlet's and <c>exit N</c> reaches the host.</summary>
    private static CommandInfo Resolve(Runspace runspace, CommandLine commandLine)
    {
        var commands = runspace.SessionStateProxy.InvokeCommand;
        switch (commandLine.Mode)
        {
            case RunMode.Cmdlet:
                var command = commands.GetCommand(commandLine.Target, Runnable) ?? throw new CommandNotFoundException(
                    $"There is no cmdlet '{commandLine.Target}'. 'galera-backup Get-Command -Module GaleraBackup' lists those that there are.");
                return command is AliasInfo { ResolvedCommand: { } target } ? target : command;
            case RunMode.Command:
                return Define("script", Parser.ParseInput(commandLine.Target, out _, out var textErrors), textErrors);
            default:
                var path = Path.GetFullPath(commandLine.Target);
                if (!File.Exists(path) || !path.EndsWith(".ps1", StringComparison.OrdinalIgnoreCase))
                {
                    throw new UsageException($"-File needs a .ps1 file, and '{path}' is none.");
                }

                return Define(Path.GetFileName(path), Parser.ParseFile(path, out _, out var fileErrors), fileErrors);
        }

        CommandInfo Define(string name, ScriptBlockAst script, ParseError[] errors)
        {
            if (errors.Length > 0)
            {
                throw new ParseException(errors);
            }

            runspace.SessionStateProxy.InvokeProvider.Item.Set([$"Function:global:{name}"], script.GetScriptBlock(), force: true, literalPath: true);
            return commands.GetCommand(name, CommandTypes.Function);
        }
    }

    private static string VersionOf(Type type) =>
        type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+', ' ')[0]
        ?? type.Assembly.GetName().Version!.ToString();
}
