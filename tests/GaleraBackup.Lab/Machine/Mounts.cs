using System.Text.RegularExpressions;

namespace GaleraBackup.Lab.Machine;

/// <summary>The mounts that this process sees.</summary>
internal static partial class Mounts
{
    /// <summary>Their mount points, in the order they were mounted.</summary>
    public static IReadOnlyList<string> All() =>
        [.. File.ReadLines("/proc/self/mountinfo").Select(line => Octal().Replace(line.Split(' ')[4], Character))];

    /// <summary>Unmounts all below a folder, the last mounted first. True where nothing is left.</summary>
    public static async Task<bool> UnmountBelowAsync(string folder, CancellationToken cancellationToken)
    {
        foreach (var mount in All().Where(mount => mount.StartsWith(folder + "/", StringComparison.Ordinal)).Reverse())
        {
            await UnmountAsync(mount, cancellationToken);
        }

        return !All().Any(mount => mount.StartsWith(folder + "/", StringComparison.Ordinal));
    }

    /// <summary>Unmounts one; as soon as it can be, where something still uses it.</summary>
    public static async Task UnmountAsync(string mount, CancellationToken cancellationToken)
    {
        if (All().Contains(mount) && (await Tool.TryRunAsync("umount", [mount], cancellationToken)).Code != 0)
        {
            await Tool.TryRunAsync("umount", ["--lazy", mount], cancellationToken);
        }
    }

    // Spaces and the like are written as octal numbers.
    private static string Character(Match match) => ((char)Convert.ToInt32(match.Groups[1].Value, 8)).ToString();

    [GeneratedRegex(@"\\(\d{3})")]
    private static partial Regex Octal();
}
