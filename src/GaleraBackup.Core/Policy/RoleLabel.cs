namespace GaleraBackup.Policy;

/// <summary>The label that MOSK's MariaDB controller keeps on the pods. We only read it; its Services select by it.</summary>
public static class RoleLabel
{
    public const string Name = "mariadb_role";

    public static bool IsPrimary(PodSnapshot pod) => Is(pod, "primary");

    public static bool IsBackup(PodSnapshot pod) => Is(pod, "backup");

    private static bool Is(PodSnapshot pod, string wanted) => pod.Labels.TryGetValue(Name, out var role) && role == wanted;
}
