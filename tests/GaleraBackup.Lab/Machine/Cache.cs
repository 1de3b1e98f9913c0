using System.Security.Cryptography;
using System.Text;

namespace GaleraBackup.Lab.Machine;

/// <summary>
/// What takes long to make, kept across labs. An entry is a folder, named for what it is made from; it is made elsewhere in the cache and
/// renamed when it is whole, so a half-made one never counts.
/// </summary>
internal sealed class Cache(LabPaths paths)
{
    /// <summary>A name for these inputs.</summary>
    public static string Key(params IEnumerable<string> inputs) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\0', inputs))))[..16];

    /// <summary>Where the entry of that name is, if it is.</summary>
    public string PathOf(string name) => Path.Combine(paths.Cache, name);

    /// <summary>The newest whole entry with that prefix and suffix, or null.</summary>
    public string? Find(string prefix, string suffix) =>
        !Directory.Exists(paths.Cache)
            ? null
            : Directory.EnumerateDirectories(paths.Cache, $"{prefix}*{suffix}").MaxBy(Directory.GetLastWriteTimeUtc);

    /// <summary>The entry of that name, made by <paramref name="make"/> in an empty folder where it is not there.</summary>
    public async Task<string> GetAsync(string name, Func<string, Task> make)
    {
        var entry = Path.Combine(paths.Cache, name);
        if (Directory.Exists(entry))
        {
            return entry;
        }

        var temporary = Scratch(name);
        await make(temporary);
        Directory.Move(temporary, entry);
        return entry;
    }

    /// <summary>An empty folder to work in. What an earlier run left there when it was killed is removed.</summary>
    public string Scratch(string name)
    {
        var folder = Path.Combine(paths.Cache, ".tmp", name);
        Discard(folder);
        return Directory.CreateDirectory(folder).FullName;
    }

    /// <summary>Removes a folder, but nothing that is mounted in it.</summary>
    public static void Discard(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        if (Mounts.All().FirstOrDefault(mount => mount.StartsWith(folder + "/", StringComparison.Ordinal)) is { } mount)
        {
            throw new LabException($"{mount} is mounted, so {folder} is not deleted: unmount it first");
        }

        Directory.Delete(folder, recursive: true);
    }
}
