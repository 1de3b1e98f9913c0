using System.Globalization;

namespace GaleraBackup;

/// <summary>Sizes for people, in binary units.</summary>
public static class ByteSize
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

    public static string Format(long bytes)
    {
        var unit = 0;
        double value = bytes;

        // Rounded as it will be shown: just below a mebibyte is "1 MiB", not "1024 KiB".
        while (Math.Abs(Math.Round(value, 1)) >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value:0.#} {Units[unit]}");
    }
}
