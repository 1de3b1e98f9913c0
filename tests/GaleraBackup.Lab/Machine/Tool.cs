using System.Diagnostics;
using System.Text;

namespace GaleraBackup.Lab.Machine;

/// <summary>Runs a program of the machine to its end.</summary>
internal static class Tool
{
    /// <summary>Standard output; a <see cref="LabException"/> with the end of standard error where the program fails.</summary>
    /// <param name="onLine">Called with each line of both streams, for what takes long.</param>
    public static async Task<string> RunAsync(
        string program,
        IEnumerable<string> arguments,
        CancellationToken cancellationToken,
        string? workingDirectory = null,
        IReadOnlyDictionary<string, string?>? environment = null,
        Action<string>? onLine = null)
    {
        var (code, stdout, stderr) = await TryRunAsync(program, arguments, cancellationToken, workingDirectory, environment, onLine);
        if (code == 0)
        {
            return stdout;
        }

        var said = stderr.Trim() is { Length: > 0 } error ? error : stdout.Trim();
        var lines = said.Split('\n');
        throw new LabException($"{program} ended with {code}:\n  {string.Join("\n  ", lines[Math.Max(0, lines.Length - 15)..])}");
    }

    /// <summary>As <see cref="RunAsync"/>, for programs whose failure says something.</summary>
    public static async Task<(int Code, string Output, string Error)> TryRunAsync(
        string program,
        IEnumerable<string> arguments,
        CancellationToken cancellationToken,
        string? workingDirectory = null,
        IReadOnlyDictionary<string, string?>? environment = null,
        Action<string>? onLine = null)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "/",
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        // What the tools say is read here: it must not come in the user's language.
        start.Environment["LC_ALL"] = "C.UTF-8";
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception exception)
        {
            throw new LabException($"{program} cannot be started: {exception.Message}", exception);
        }

        using (process)
        {
            process.StandardInput.Close();
            var stdout = ReadAsync(process.StandardOutput, onLine);
            var stderr = ReadAsync(process.StandardError, onLine);
            try
            {
                await process.WaitForExitAsync(cancellationToken);
            }
            catch (OperationCanceledException)
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(CancellationToken.None);
                throw;
            }

            return (process.ExitCode, await stdout, await stderr);
        }
    }

    /// <summary>Whether a program of that name is on the path.</summary>
    public static bool Exists(string program) =>
        SearchPath.Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));

    /// <summary>The caller's path, with the folders of root's tools, which a plain user's shell leaves out even under su.</summary>
    public static string SearchPath { get; } =
        string.Join(':', (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Concat(["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]).Distinct());

    private static async Task<string> ReadAsync(StreamReader reader, Action<string>? onLine)
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync() is { } line)
        {
            text.Append(line).Append('\n');
            onLine?.Invoke(line);
        }

        return text.ToString();
    }
}
