using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace GaleraBackup.Lab.Machine;

[JsonConverter(typeof(JsonStringEnumConverter<HostChangeKind>))]
internal enum HostChangeKind
{
    /// <summary>A link in place of nothing, or of an empty directory, whose mode and owner are kept.</summary>
    Link,

    /// <summary>A network bridge.</summary>
    Bridge,

    /// <summary>A kernel setting that kubelet changes; its value from before.</summary>
    Sysctl,

    /// <summary>A path that was not there, and is made by a program that the lab runs.</summary>
    Path,

    /// <summary>A Debian package. Kept on the way down: something else may need it by then.</summary>
    Package,
}

/// <summary>One change outside the lab's own folders.</summary>
internal sealed record HostChange(HostChangeKind Kind, string Target, string? Before = null);

/// <summary>
/// Every change to the host, written before it is made, so that a lab which crashed anywhere can be undone. One JSON object a line.
/// </summary>
internal sealed class HostJournal(LabPaths paths)
{
    public IReadOnlyList<HostChange> Read() =>
        !File.Exists(paths.Journal)
            ? []
            : [.. File.ReadAllLines(paths.Journal).Select(Parse).OfType<HostChange>()];

    /// <summary>Writes the change down where it is not yet. What was there before the lab is only true the first time.</summary>
    public void Record(HostChange change)
    {
        if (Read().Any(known => known.Kind == change.Kind && known.Target == change.Target))
        {
            return;
        }

        Directory.CreateDirectory(paths.State);
        using var stream = new FileStream(paths.Journal, FileMode.Append, FileAccess.Write);
        stream.Write(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(change) + "\n"));
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Forgets what has been undone.</summary>
    public void Forget(IReadOnlyCollection<HostChange> undone)
    {
        if (!File.Exists(paths.Journal))
        {
            return;
        }

        var temporary = paths.Journal + ".new";
        File.WriteAllLines(temporary, Read().Where(change => !undone.Contains(change)).Select(change => JsonSerializer.Serialize(change)));
        File.Move(temporary, paths.Journal, overwrite: true);
    }

    // The last line is half there after a crash at the wrong moment; what it announced has not been done then.
    private static HostChange? Parse(string line)
    {
        try
        {
            return JsonSerializer.Deserialize<HostChange>(line);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
