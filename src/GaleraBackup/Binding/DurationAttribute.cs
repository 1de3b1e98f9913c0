using System.Globalization;
using System.Management.Automation;

namespace GaleraBackup.Binding;

/// <summary>
/// Lets a TimeSpan parameter also take <c>7d</c>, <c>12h</c>, <c>90m</c>, <c>30s</c>, and a plain number as seconds (PowerShell itself would
/// take it for ticks of 100 ns).
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class DurationAttribute : ArgumentTransformationAttribute
{
    public override object? Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject wrapped ? wrapped.BaseObject : inputData) switch
        {
            string text => Parse(text),
            sbyte or byte or short or ushort or int or uint or long or float or double or decimal =>
                TimeSpan.FromSeconds(Convert.ToDouble(inputData is PSObject number ? number.BaseObject : inputData, CultureInfo.InvariantCulture)),
            var other => other,
        };

    private static object Parse(string text)
    {
        var trimmed = text.Trim();
        Func<double, TimeSpan>? unit = trimmed.Length == 0 ? null : char.ToLowerInvariant(trimmed[^1]) switch
        {
            'd' => TimeSpan.FromDays,
            'h' => TimeSpan.FromHours,
            'm' => TimeSpan.FromMinutes,
            's' => TimeSpan.FromSeconds,
            >= '0' and <= '9' when !trimmed.Contains(':') => TimeSpan.FromSeconds,
            _ => null,
        };
        var number = unit is not null && char.IsLetter(trimmed[^1]) ? trimmed[..^1] : trimmed;
        if (unit is not null && double.TryParse(number, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            return unit(value);
        }

        return TimeSpan.TryParse(trimmed, CultureInfo.InvariantCulture, out var span)
            ? span
            : throw new ArgumentTransformationMetadataException(
                $"'{text}' is no duration. Use a number of seconds, or 30s, 90m, 12h, 7d, or hh:mm:ss.");
    }
}
