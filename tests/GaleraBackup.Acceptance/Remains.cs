using k8s;

namespace Acceptance;

/// <summary>What tests may not leave behind, whatever became of them.</summary>
public static class Remains
{
    private const string OfTheModule = "app.kubernetes.io/name=galera-backup";

    /// <summary>Whether a pod of the module was deleted and is not gone yet.</summary>
    public static async Task<bool> AnyPodIsEndingAsync(IKubernetes client) =>
        (await client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: OfTheModule)).Items.Any(pod => pod.Metadata.DeletionTimestamp is not null);

    /// <summary>Everything of the module and of faults that is still in the cluster, a line each.</summary>
    public static async Task<IReadOnlyList<string>> InClusterAsync(IKubernetes client)
    {
        const string Ns = Lab.Namespace;
        var found = new List<string>();
        foreach (var selector in (string[])[OfTheModule, Fault.Selector])
        {
            found.AddRange((await client.CoreV1.ListNamespacedPodAsync(Ns, labelSelector: selector)).Items.Select(pod => $"pod {pod.Metadata.Name}"));
            found.AddRange((await client.CoreV1.ListNamespacedSecretAsync(Ns, labelSelector: selector)).Items.Select(secret => $"Secret {secret.Metadata.Name}"));
            found.AddRange((await client.CoreV1.ListNamespacedPersistentVolumeClaimAsync(Ns, labelSelector: selector)).Items.Select(claim => $"claim {claim.Metadata.Name}"));
            found.AddRange((await client.RbacAuthorizationV1.ListNamespacedRoleAsync(Ns, labelSelector: selector)).Items.Select(role => $"Role {role.Metadata.Name}"));
            found.AddRange((await client.CoreV1.ListNamespacedResourceQuotaAsync(Ns, labelSelector: selector)).Items.Select(quota => $"quota {quota.Metadata.Name}"));
        }

        var leases = await client.CoordinationV1.ListNamespacedLeaseAsync(Ns);
        found.AddRange(leases.Items.Select(lease => lease.Metadata.Name).Where(name => name.StartsWith("galera-backup-", StringComparison.Ordinal)).Select(name => $"lease {name}"));
        var node = await client.CoreV1.ReadNodeAsync(Lab.Node);
        found.AddRange(node.Spec.Unschedulable == true ? [$"node {Lab.Node} is cordoned"] : []);
        for (var ordinal = 0; ordinal < 3; ordinal++)
        {
            var endpoint = await DatabaseEndpoint.OfAdminAsync(client, ordinal, CancellationToken.None);
            var rows = await endpoint.QueryAsync("SELECT @@GLOBAL.wsrep_desync", CancellationToken.None);
            found.AddRange(rows[0][0] == "0" ? [] : [$"member {ordinal} is desynced"]);
        }

        return found;
    }

    /// <summary>The folders of tests on the backup volume, and half backups anywhere on it.</summary>
    public static IReadOnlyList<string> OnVolume(Lab lab)
    {
        var root = new DirectoryInfo(lab.Paths.BackupVolume);
        var folders = root.EnumerateDirectories($"{Lab.TestFolderPrefix}*").Select(folder => folder.FullName);
        var partial = new DirectoryInfo(Path.Combine(root.FullName, ".partial"));
        return [.. folders, .. partial.Exists ? partial.EnumerateFileSystemInfos().Select(entry => entry.FullName) : []];
    }
}
