using System.Management.Automation;

namespace GaleraBackup.Host;

/// <summary>
/// Gives a command its arguments from argv. Nothing is parsed as script: every value reaches PowerShell's binder, which converts and
/// validates it, as the one string that it is. Only what a string cannot say is done here: switches, truth values and lists.
/// </summary>
internal static class ArgumentBinding
{
    /// <exception cref="UsageException">A parameter lacks its value.</exception>
    public static void AddArguments(this PowerShell pipeline, CommandInfo command, IReadOnlyList<string> arguments)
    {
        var named = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var positional = new List<string>();
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            if (argument == "--")
            {
                positional.AddRange(arguments.Skip(i + 1));
                break;
            }

            if (!IsParameter(argument))
            {
                positional.Add(argument);
                continue;
            }

            var (name, value) = Split(argument);
            if (Find(command, name) is not { } parameter)
            {
                if (command is FunctionInfo { CmdletBinding: false })
                {
                    // A simple script takes what it does not know in $args.
                    positional.Add(argument);
                    continue;
                }

                // Unknown or ambiguous: the binder has the words for it.
                pipeline.AddParameter(name, value);
                continue;
            }

            if (value is null && parameter.ParameterType != typeof(SwitchParameter))
            {
                value = i + 1 < arguments.Count && !IsParameter(arguments[i + 1]) && arguments[i + 1] != "--"
                    ? arguments[++i]
                    : throw new UsageException($"-{name} needs a value; one that begins with a dash is written -{name}:VALUE.");
            }

            named.Add(parameter.Name);
            pipeline.AddParameter(parameter.Name, value is null ? true : ToArgument(value, parameter.ParameterType, name));
        }

        var types = PositionalTypes(command, named);
        for (var i = 0; i < positional.Count; i++)
        {
            pipeline.AddArgument(i < types.Count && types[i].IsArray ? SplitList(positional[i]) : positional[i]);
        }
    }

    // As in pwsh: -5 is a number, -x a parameter. So a forgotten value never swallows the next parameter.
    private static bool IsParameter(string argument) =>
        argument.Length > 1 && argument[0] == '-' && argument != "--" && !char.IsAsciiDigit(argument[1]) && argument[1] != '.';

    private static (string Name, string? Value) Split(string argument)
    {
        var colon = argument.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (argument[1..], null) : (argument[1..colon], argument[(colon + 1)..]);
    }

    private static ParameterMetadata? Find(CommandInfo command, string name)
    {
        var exact = command.Parameters.Values.FirstOrDefault(parameter => Names(parameter).Contains(name, StringComparer.OrdinalIgnoreCase));
        if (exact is not null)
        {
            return exact;
        }

        var candidates = command.Parameters.Values
            .Where(parameter => Names(parameter).Any(known => known.StartsWith(name, StringComparison.OrdinalIgnoreCase))).ToList();
        if (candidates.Count > 1)
        {
            candidates.RemoveAll(parameter =>
                Cmdlet.CommonParameters.Contains(parameter.Name) || Cmdlet.OptionalCommonParameters.Contains(parameter.Name));
        }

        return candidates.Count == 1 ? candidates[0] : null;
    }

    private static IEnumerable<string> Names(ParameterMetadata parameter) => parameter.Aliases.Prepend(parameter.Name);

    private static object ToArgument(string value, Type type, string name)
    {
        var target = Nullable.GetUnderlyingType(type) ?? type;
        if (target == typeof(SwitchParameter) || target == typeof(bool))
        {
            return value.TrimStart('$').ToUpperInvariant() switch
            {
                "TRUE" or "1" => true,
                "FALSE" or "0" => false,
                _ => throw new UsageException($"-{name} is $true or $false, not '{value}'."),
            };
        }

        return target.IsArray ? SplitList(value) : value;
    }

    private static string[] SplitList(string value) => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Types of the parameters that take positional values, in order, in the default parameter set.</summary>
    private static List<Type> PositionalTypes(CommandInfo command, HashSet<string> named)
    {
        var sets = command.ParameterSets;
        var set = sets.FirstOrDefault(candidate => candidate.IsDefault) ?? (sets.Count > 0 ? sets[0] : null);
        return set is null
            ? []
            : [.. set.Parameters.Where(parameter => parameter.Position >= 0 && !named.Contains(parameter.Name))
                .OrderBy(parameter => parameter.Position).Select(parameter => parameter.ParameterType)];
    }
}
