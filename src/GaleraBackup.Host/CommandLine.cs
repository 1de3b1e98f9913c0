namespace GaleraBackup.Host;

internal enum RunMode
{
    /// <summary>A cmdlet with its arguments.</summary>
    Cmdlet,

    /// <summary>Script text.</summary>
    Command,

    /// <summary>A script file.</summary>
    File,
    Help,
    Version,
}

/// <summary>A command line that makes no sense; the message says why.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The host's own options. What is left is the cmdlet's, untouched.</summary>
internal sealed record CommandLine
{
    public required RunMode Mode { get; init; }

    /// <summary>The cmdlet's name, the script text or the script's path.</summary>
    public string Target { get; init; } = "";

    public IReadOnlyList<string> Arguments { get; init; } = [];
    public bool Json { get; init; }
    public bool Quiet { get; init; }

    /// <exception cref="UsageException"/>
    public static CommandLine Parse(IReadOnlyList<string> args)
    {
        var rest = new List<string>();
        bool json = false, quiet = false;
        RunMode? mode = null;
        for (var i = 0; i < args.Count; i++)
        {
            switch (args[i])
            {
                case "--":
                    // The binder sees it too: what follows is a value, whatever it looks like.
                    rest.AddRange(args.Skip(i));
                    i = args.Count;
                    break;
                case "--output":
                    json = IsJson(++i < args.Count ? args[i] : "");
                    break;
                case var option when option.StartsWith("--output=", StringComparison.Ordinal):
                    json = IsJson(option["--output=".Length..]);
                    break;
                case "--quiet":
                    quiet = true;
                    break;
                case "--help" or "-h" or "-?" when rest.Count == 0 && mode is null:
                    return new CommandLine { Mode = RunMode.Help };
                case "--version" when rest.Count == 0 && mode is null:
                    return new CommandLine { Mode = RunMode.Version };
                case var option when rest.Count == 0 && mode is null && ModeOf(option) is { } asked:
                    mode = asked;
                    break;
                case var option when rest.Count == 0 && mode is null && option.StartsWith('-'):
                    throw new UsageException($"Unknown option '{option}'.");
                case var argument:
                    rest.Add(argument);
                    break;
            }
        }

        if (rest.Count == 0 || rest[0] == "--")
        {
            throw new UsageException(mode switch
            {
                RunMode.Command => "-Command needs the script's text.",
                RunMode.File => "-File needs a script file.",
                _ => "Nothing to run: name a cmdlet, or give -Command or -File.",
            });
        }

        return new CommandLine { Mode = mode ?? RunMode.Cmdlet, Target = rest[0], Arguments = rest[1..], Json = json, Quiet = quiet };
    }

    private static RunMode? ModeOf(string option) => option.ToUpperInvariant() switch
    {
        "-COMMAND" or "-C" => RunMode.Command,
        "-FILE" or "-F" => RunMode.File,
        _ => null,
    };

    private static bool IsJson(string format) => format switch
    {
        "json" => true,
        "text" => false,
        _ => throw new UsageException($"--output is json or text, not '{format}'."),
    };
}
