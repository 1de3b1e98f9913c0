using System.Globalization;

namespace GaleraBackup.Host;

/// <summary>One of the two output streams, and whether a person is looking at it.</summary>
internal sealed record Terminal(TextWriter Writer, bool IsTerminal, Func<int> Width)
{
    private const int DefaultWidth = 120;

    /// <summary>A writer that is not the process's own console is never a terminal.</summary>
    public static Terminal Of(TextWriter writer)
    {
        var redirected = ReferenceEquals(writer, Console.Out) ? Console.IsOutputRedirected
            : !ReferenceEquals(writer, Console.Error) || Console.IsErrorRedirected;
        var isTerminal = !redirected && Environment.GetEnvironmentVariable("TERM") != "dumb";
        return new Terminal(writer, isTerminal, isTerminal ? WindowWidth : RedirectedWidth);
    }

    private static int WindowWidth() => Console.WindowWidth is > 20 and var width ? width : DefaultWidth;

    private static int RedirectedWidth() =>
        int.TryParse(Environment.GetEnvironmentVariable("COLUMNS"), CultureInfo.InvariantCulture, out var columns) && columns > 20 ? columns : DefaultWidth;
}
