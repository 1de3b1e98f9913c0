using System.Management.Automation;
using System.Text.RegularExpressions;

namespace GaleraBackup.Binding;

/// <summary>A folder on a claim: relative names of plain characters, no way out of the claim.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed partial class BackupPathAttribute : ValidateArgumentsAttribute
{
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is not string path || !Pattern().IsMatch(path))
        {
            throw new ValidationMetadataException(
                $"'{arguments}' is no folder on a claim. Use names of letters, digits, '.', '_' and '-', joined by '/', without '..'.");
        }
    }

    [GeneratedRegex(@"\A(?:(?!\.{1,2}(?:/|\z))[A-Za-z0-9._-]+(?:/(?!\.{1,2}(?:/|\z))[A-Za-z0-9._-]+)*)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
