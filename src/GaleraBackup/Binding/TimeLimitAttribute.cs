using System.Management.Automation;

namespace GaleraBackup.Binding;

/// <summary>
/// A time that can be waited for: more than nothing, and no more than a timer takes (2³²-2 ms). Found out before the replica is desynced.
/// </summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
public sealed class TimeLimitAttribute : ValidateArgumentsAttribute
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(49);

    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is not TimeSpan limit || limit <= TimeSpan.Zero || limit > Longest)
        {
            throw new ValidationMetadataException($"'{arguments}' is no time limit. Use more than 0 and at most {Longest.TotalDays:0} days.");
        }
    }
}
