using System.Globalization;
using System.Management.Automation.Host;

namespace GaleraBackup.Host;

/// <summary>What the engine runs in: a console without a keyboard.</summary>
internal sealed class ConsoleHost(ConsoleUI ui) : PSHost
{
    /// <summary>What a script said with <c>exit N</c>.</summary>
    public int? ExitCode { get; private set; }

    public override string Name => "GaleraBackup.Host";

    public override Version Version => typeof(ConsoleHost).Assembly.GetName().Version!;

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override PSHostUserInterface UI => ui;

    public override CultureInfo CurrentCulture => CultureInfo.InvariantCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.InvariantCulture;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    public override void EnterNestedPrompt() => throw ConsoleUI.NotInteractive("A nested prompt");

    public override void ExitNestedPrompt()
    {
    }

    public override void NotifyBeginApplication()
    {
    }

    public override void NotifyEndApplication()
    {
    }
}
