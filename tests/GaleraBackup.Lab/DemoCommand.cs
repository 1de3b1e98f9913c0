namespace GaleraBackup.Lab;

/// <summary>What the README's first command shows.</summary>
internal static class DemoCommand
{
    public static async Task<int> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        await Lab.UpAsync(output, cancellationToken);
        return 0;
    }
}
