using System.Globalization;

namespace GaleraBackup.Policy;

/// <summary>
/// Finds in a pod's spec what a backup needs: pure, and the same for openstack-helm/MOSK, mariadb-operator and Bitnami layouts.
/// </summary>
public static class Discovery
{
    private const int MySqlPort = 3306;

    // Where known charts put the logins: user name variable, password variable, user name when no variable gives one.
    private static readonly (string User, string Password, string DefaultUser)[] AdminVariables =
    [
        ("MYSQL_DBADMIN_USERNAME", "MYSQL_DBADMIN_PASSWORD", "root"), // openstack-helm, MOSK
        ("MARIADB_ROOT_USER", "MARIADB_ROOT_PASSWORD", "root"), // Bitnami, mariadb-operator, the docker image
        ("MYSQL_ROOT_USER", "MYSQL_ROOT_PASSWORD", "root"),
    ];

    private static readonly (string User, string Password, string DefaultUser)[] BackupVariables =
    [
        ("MYSQL_BACKUP_USERNAME", "MYSQL_BACKUP_PASSWORD", "backup"),
        ("MARIADB_GALERA_MARIABACKUP_USER", "MARIADB_GALERA_MARIABACKUP_PASSWORD", "mariabackup"), // Bitnami
    ];

    /// <summary>The layout of a pod, or null if none of its containers looks like a MariaDB server on a claim.</summary>
    public static MariaDbLayout? FindLayout(PodSnapshot pod)
    {
        var claims = pod.Volumes.Where(volume => volume.ClaimName is not null).ToDictionary(volume => volume.Name, volume => volume.ClaimName!);
        var found = pod.Containers
            .SelectMany(container => container.Mounts
                .Where(mount => claims.ContainsKey(mount.Volume))
                .Select(mount => (Container: container, Mount: mount, Score: Score(container, mount))))
            .Where(candidate => candidate.Score > 0)
            .OrderByDescending(candidate => candidate.Score)
            .FirstOrDefault();
        if (found.Container is null)
        {
            return null;
        }

        return new MariaDbLayout
        {
            Container = found.Container.Name,
            Image = found.Container.Image,
            ImagePullPolicy = found.Container.ImagePullPolicy,
            DataClaim = claims[found.Mount.Volume],
            DataMountPath = found.Mount.MountPath,
            DataSubPath = found.Mount.SubPath,
            AdminLogin = FindLogin(found.Container, AdminVariables),
            BackupLogin = FindLogin(found.Container, BackupVariables),
            RunAsUser = found.Container.RunAsUser ?? pod.RunAsUser,
            RunAsGroup = found.Container.RunAsGroup ?? pod.RunAsGroup,
        };
    }

    /// <summary>True if the containers of a StatefulSet's template look like a MariaDB server.</summary>
    public static bool LooksLikeMariaDb(StatefulSetSnapshot statefulSet) =>
        statefulSet.Containers.Any(container => container.Ports.Contains(MySqlPort) && NamesMariaDb(container));

    /// <summary>The number at the end of a StatefulSet pod's name.</summary>
    /// <exception cref="FormatException">The name has none.</exception>
    public static int Ordinal(string podName) =>
        int.Parse(podName.AsSpan(podName.LastIndexOf('-') + 1), NumberStyles.None, CultureInfo.InvariantCulture);

    private static int Score(ContainerSnapshot container, MountSnapshot mount) =>
        (container.Ports.Contains(MySqlPort) ? 4 : 0)
        + (NamesMariaDb(container) ? 2 : 0)
        + (mount.MountPath is "/var/lib/mysql" or "/bitnami/mariadb" ? 1 : -3);

    private static bool NamesMariaDb(ContainerSnapshot container) =>
        container.Name.Contains("mariadb", StringComparison.OrdinalIgnoreCase)
        || container.Image.Contains("mariadb", StringComparison.OrdinalIgnoreCase)
        || container.Name.Contains("mysql", StringComparison.OrdinalIgnoreCase);

    private static LoginReference? FindLogin(ContainerSnapshot container, (string User, string Password, string DefaultUser)[] variables)
    {
        foreach (var (userVariable, passwordVariable, defaultUser) in variables)
        {
            if (container.Environment.FirstOrDefault(entry => entry.Name == passwordVariable)?.Secret is { } password)
            {
                var user = container.Environment.FirstOrDefault(entry => entry.Name == userVariable);
                return new LoginReference(user?.Secret is null ? user?.Value ?? defaultUser : null, user?.Secret, password);
            }
        }

        return null;
    }
}
