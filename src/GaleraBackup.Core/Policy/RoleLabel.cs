namespace GaleraBackup.Policy;

/// <summary>The label that MOSK's MariaDB controller keeps on the pods. We only read it; its Services select by it.</summary>
public static class RoleLabel
{
    public const string Name = "mariadb_role";
    public const string Primary = "primary";

    public static bool IsPrimary(PodSnapshot pod) => pod.Labels.TryGetValue(Name, out var role) && role == Primary;
}
