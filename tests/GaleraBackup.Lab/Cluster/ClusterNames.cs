namespace GaleraBackup.Lab;

/// <summary>The names of what the lab's manifests create, as openstack-helm and MOSK have them.</summary>
public static class ClusterNames
{
    public const string Namespace = Lab.Namespace;
    public const string StatefulSet = Lab.StatefulSet;
    public const int Replicas = 3;
    public const string Container = "mariadb";
    public const string Image = "lab.local/mariadb-galera:10.11";

    /// <summary>Selects the database's pods.</summary>
    public const string PodSelector = "application=mariadb,component=server";

    /// <summary>The vendor's controller sets it to <c>primary</c>, and on a desynced former primary to <c>backup</c>.</summary>
    public const string RoleLabel = "mariadb_role";

    public const string Service = "mariadb";
    public const string PrimaryService = "mariadb-primary";
    public const string DiscoveryService = "mariadb-discovery";

    public const string DisruptionBudget = "mariadb-server";

    public const string BackupClaim = Lab.BackupClaim;
    public const string AdminSecret = "mariadb-dbadmin-password";
    public const string BackupSecret = "mariadb-backup-user";

    /// <summary>Holds <c>force-bootstrap</c>: whether pod 0 may start a cluster from a copy that Galera does not call safe.</summary>
    public const string LabConfigMap = "mariadb-lab";

    /// <summary>The node that has a kubelet.</summary>
    public const string Node = Lab.Node;

    /// <summary>The node that has none.</summary>
    public const string DecoyNode = "decoy-node";

    public static string Pod(int ordinal) => $"{StatefulSet}-{ordinal}";

    public static string DataClaim(int ordinal) => $"mysql-data-{Pod(ordinal)}";
}
