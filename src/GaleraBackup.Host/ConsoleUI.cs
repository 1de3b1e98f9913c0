using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;
using System.Security;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GaleraBackup.Host;

/// <summary>
/// Where the engine writes. Standard output carries results only; warnings, errors, verbose lines and progress go to standard error,
/// as text or, with --output json, as one JSON object a line. Nothing is ever asked.
/// </summary>
internal sealed class ConsoleUI : PSHostUserInterface
{
    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Lock _lock = new();
    private readonly Terminal _output;
    private readonly Terminal _error;
    private readonly bool _json;
    private readonly bool _quiet;
    private readonly ProgressDisplay _progress;
    private readonly StringBuilder _unfinished = new();
    private readonly bool _color;
    private string? _information;

    public ConsoleUI(Terminal output, Terminal error, bool json, bool quiet, TimeProvider time)
    {
        _output = output;
        _error = json ? error with { IsTerminal = false } : error;
        _json = json;
        _quiet = quiet;
        _progress = new ProgressDisplay(_error, LogProgress, time);
        var plain = !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        _color = _error.IsTerminal && !plain;
        SupportsVirtualTerminal = output.IsTerminal && !plain && !json;
        RawUI = new ConsoleRawUI(output.Width);
    }

    public override PSHostRawUserInterface RawUI { get; }

    public override bool SupportsVirtualTerminal { get; }

    public static HostException NotInteractive(string what) => new(
        $"{what} was asked for, and galera-backup never asks: give every value as an argument, and -Confirm:$false where a confirmation is wanted.",
        null, "NotInteractive", ErrorCategory.InvalidOperation);

    public void WriteError(ErrorReport report)
    {
        if (_json)
        {
            Log("error", report.Message, new
            {
                level = "error",
                errorId = report.ErrorId,
                message = report.Message,
                recommendation = report.Recommendation,
                category = report.Category,
                target = report.Target,
                position = report.Position,
            });
        }
        else
        {
            Log("error", report.ToString(), null);
        }
    }

    /// <summary>The last output: nothing may be left on the line.</summary>
    public void Finish()
    {
        lock (_lock)
        {
            _progress.Clear();
            if (_unfinished.Length > 0)
            {
                WriteHostLine("");
            }
        }
    }

    public override void Write(string value)
    {
        lock (_lock)
        {
            _information = null;
            if (_json)
            {
                _unfinished.Append(value);
                return;
            }

            _progress.Clear();
            _output.Writer.Write(GetOutputString(value, SupportsVirtualTerminal));
        }
    }

    public override void Write(ConsoleColor foregroundColor, ConsoleColor backgroundColor, string value) => Write(value);

    public override void WriteLine(string value)
    {
        lock (_lock)
        {
            // The engine shows an information record by this same method, right after it has handed the record over.
            var isInformation = _information is not null && _information == value;
            _information = null;
            if (isInformation)
            {
                Log("information", value, null);
            }
            else
            {
                WriteHostLine(value);
            }
        }
    }

    public override void WriteInformation(InformationRecord record)
    {
        lock (_lock)
        {
            _information = record.ToString();
        }
    }

    public override void WriteErrorLine(string value) => Log("error", value, null);

    public override void WriteWarningLine(string message) => Log("warning", message, null);

    public override void WriteVerboseLine(string message) => Log("verbose", message, null);

    public override void WriteDebugLine(string message) => Log("debug", message, null);

    public override void WriteProgress(long sourceId, ProgressRecord record)
    {
        if (_quiet)
        {
            return;
        }

        lock (_lock)
        {
            _progress.Show(record);
        }
    }

    public override string ReadLine() => throw NotInteractive("A line of input");

    public override SecureString ReadLineAsSecureString() => throw NotInteractive("A password");

    public override Dictionary<string, PSObject> Prompt(string caption, string message, Collection<FieldDescription> descriptions) =>
        throw NotInteractive($"A value for {string.Join(", ", descriptions.Select(field => field.Name))}");

    public override int PromptForChoice(string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice) =>
        throw NotInteractive($"A confirmation ({message.ReplaceLineEndings(" ")})");

    public override PSCredential PromptForCredential(string caption, string message, string userName, string targetName) =>
        throw NotInteractive("A password");

    public override PSCredential PromptForCredential(
        string caption, string message, string userName, string targetName, PSCredentialTypes allowedCredentialTypes, PSCredentialUIOptions options) =>
        throw NotInteractive("A password");

    // What a script shows by itself (Out-Host, "What if:") belongs to the results, except where those must be pure.
    private void WriteHostLine(string value)
    {
        if (_json)
        {
            var line = _unfinished.Append(value).ToString();
            _unfinished.Clear();
            Log("output", line, null);
            return;
        }

        _progress.Clear();

        // The engine decorates in any case, and leaves it to the host to take that off where it would not be understood.
        _output.Writer.WriteLine(GetOutputString(value, SupportsVirtualTerminal));
    }

    private void LogProgress(ProgressRecord record) => Log("progress", ProgressDisplay.Describe(record), !_json ? null : new
    {
        level = "progress",
        activity = record.Activity,
        status = record.StatusDescription,
        percent = record.PercentComplete < 0 ? (int?)null : record.PercentComplete,
        secondsRemaining = record.SecondsRemaining < 0 ? (int?)null : record.SecondsRemaining,
    });

    private void Log(string level, string message, object? fields)
    {
        lock (_lock)
        {
            _progress.Clear();
            if (_json)
            {
                _error.Writer.WriteLine(JsonSerializer.Serialize(fields ?? new { level, message }, s_json));
                return;
            }

            var (prefix, color) = level switch
            {
                "error" => ("", "31"),
                "warning" => ("WARNING: ", "33"),
                "verbose" => ("VERBOSE: ", "36"),
                "debug" => ("DEBUG: ", "36"),
                _ => ("", ""),
            };
            _error.Writer.WriteLine(_color && color.Length > 0 ? $"\u001b[{color}m{prefix}{message}\u001b[0m" : prefix + message);
        }
    }
}
