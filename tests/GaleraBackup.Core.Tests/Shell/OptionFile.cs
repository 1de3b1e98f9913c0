using System.Text;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>Reads an option file as MariaDB's own parser does (mysys/my_default.c: search_default_file_with_ext, find_end_comment).</summary>
internal static class OptionFile
{
    public static Dictionary<string, string> Read(string text)
    {
        var options = new Dictionary<string, string>();
        foreach (var raw in text.Split('\n'))
        {
            var line = raw.TrimStart();
            if (line.Length == 0 || line[0] is '#' or ';' or '[')
            {
                continue;
            }

            line = StripComment(line);
            var equals = line.IndexOf('=');
            if (equals < 0)
            {
                options.Add(line.Trim(), "");
                continue;
            }

            Assert.True(equals > 0, $"No option: {line}");
            options.Add(line[..equals].TrimEnd(), Unquote(line[(equals + 1)..].Trim()));
        }

        return options;
    }

    private static string StripComment(string line)
    {
        char? quote = null;
        var escape = false;
        for (var index = 0; index < line.Length; index++)
        {
            var letter = line[index];
            if (letter is '\'' or '"' && !escape)
            {
                quote = quote is null ? letter : quote == letter ? null : quote;
            }

            if (quote is null && letter == '#')
            {
                return line[..index];
            }

            escape = quote is not null && letter == '\\' && !escape;
        }

        return line;
    }

    private static string Unquote(string value)
    {
        if (value.Length > 1 && value[0] is '"' or '\'' && value[^1] == value[0])
        {
            value = value[1..^1];
        }

        var text = new StringBuilder();
        for (var index = 0; index < value.Length; index++)
        {
            if (value[index] != '\\' || index == value.Length - 1)
            {
                text.Append(value[index]);
                continue;
            }

            index++;
            text.Append(value[index] switch
            {
                'n' => "\n",
                't' => "\t",
                'r' => "\r",
                'b' => "\b",
                's' => " ",
                '"' => "\"",
                '\'' => "'",
                '\\' => "\\",
                var other => $"\\{other}",
            });
        }

        return text.ToString();
    }
}
