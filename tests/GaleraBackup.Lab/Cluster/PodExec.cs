using k8s;

namespace GaleraBackup.Lab;

/// <summary>What a command in a container said, and how it ended.</summary>
public sealed record ExecResult(int ExitCode, string Output, string Error);

/// <summary>Runs commands in a pod's container.</summary>
public static class PodExec
{
    /// <summary>Runs a command to its end. A command that fails is a result, not an exception.</summary>
    public static async Task<ExecResult> RunAsync(
        IKubernetes client, string ns, string pod, string container, IEnumerable<string> command, CancellationToken cancellationToken)
    {
        string output = string.Empty;
        string error = string.Empty;
        // The exit code comes over a third channel of the same socket: either stream left unread would hold it back.
        int exitCode = await client.NamespacedPodExecAsync(
            pod,
            ns,
            container,
            command,
            tty: false,
            async (_, standardOutput, standardError) =>
            {
                using var outputReader = new StreamReader(standardOutput);
                using var errorReader = new StreamReader(standardError);
                var readOutput = outputReader.ReadToEndAsync(cancellationToken);
                var readError = errorReader.ReadToEndAsync(cancellationToken);
                // A read that is under way does not heed the token: leave it behind, and close the streams under it.
                await Task.WhenAll(readOutput, readError).WaitAsync(cancellationToken);
                output = await readOutput;
                error = await readError;
            },
            cancellationToken);
        return new ExecResult(exitCode, output, error);
    }
}
