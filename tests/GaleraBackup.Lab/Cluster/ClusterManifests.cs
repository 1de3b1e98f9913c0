using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>What runs in the lab's cluster: the Galera StatefulSet with all that belongs to it, and the decoy node.</summary>
public static class ClusterManifests
{
    private const string Manager = "galerabackup-lab";

    /// <summary>
    /// Creates or updates every object by server-side apply; a second call changes nothing. The StatefulSet is set to
    /// <see cref="ClusterNames.Replicas"/> replicas again, and a volume whose claim was deleted is made available again.
    /// The folders of <paramref name="paths"/> must exist and belong to uid and gid 999. Does not wait for pods.
    /// </summary>
    /// <exception cref="HttpOperationException">The API refused an object.</exception>
    public static async Task ApplyAsync(IKubernetes client, LabPaths paths, CancellationToken cancellationToken)
    {
        foreach (var item in Load("10-base.yaml").Concat(Volumes(paths)))
        {
            await ApplyAsync(client, item, cancellationToken);
        }

        await ReleaseOrphanedVolumesAsync(client, paths, cancellationToken);
        await CreateLabConfigAsync(client, cancellationToken);
        var configuration = Configuration();
        await ApplyAsync(client, configuration, cancellationToken);
        await ApplyAsync(client, ServerCertificate(paths), cancellationToken);
        await ApplyDisruptionBudgetAsync(client, cancellationToken);
        foreach (var item in Load("20-mariadb.yaml"))
        {
            if (item is V1StatefulSet set)
            {
                // So that a new configuration restarts the pods, which would not read it otherwise.
                set.Spec.Template.Metadata.Annotations = new Dictionary<string, string>
                {
                    ["lab.local/configuration"] = HashOf(configuration),
                };
            }

            await ApplyAsync(client, item, cancellationToken);
        }
    }

    /// <summary>
    /// Says whether pod 0 may bootstrap from a copy that Galera does not call safe, as it is needed once after all three were killed.
    /// Takes effect when the pod's container starts the next time. A member whose copy is newer than the bootstrapped one then takes
    /// a full state transfer, and what only that member had is lost: leave it off in between.
    /// </summary>
    public static Task SetForceBootstrapAsync(IKubernetes client, bool allowed, CancellationToken cancellationToken)
    {
        var patch = new { data = new Dictionary<string, string> { ["force-bootstrap"] = allowed ? "true" : "false" } };
        return client.CoreV1.PatchNamespacedConfigMapAsync(
            new V1Patch(patch, V1Patch.PatchType.MergePatch), ClusterNames.LabConfigMap, ClusterNames.Namespace,
            cancellationToken: cancellationToken);
    }

    private static async Task CreateLabConfigAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        // Created, not applied: its value is not the manifests' to set back.
        var config = new V1ConfigMap
        {
            Metadata = new V1ObjectMeta { Name = ClusterNames.LabConfigMap },
            Data = new Dictionary<string, string> { ["force-bootstrap"] = "false" },
        };
        try
        {
            await client.CoreV1.CreateNamespacedConfigMapAsync(
                config, ClusterNames.Namespace, cancellationToken: cancellationToken);
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.Conflict)
        {
        }
    }

    private static V1ConfigMap Configuration() => new()
    {
        ApiVersion = V1ConfigMap.KubeApiVersion,
        Kind = V1ConfigMap.KubeKind,
        Metadata = new V1ObjectMeta { Name = "mariadb-galera", NamespaceProperty = ClusterNames.Namespace },
        Data = new[] { "entrypoint.sh", "readiness.sh", "lab.cnf" }.ToDictionary(name => name, ReadResource),
    };

    private static V1Secret ServerCertificate(LabPaths paths)
    {
        var certificates = new Certificates(paths);
        var (certificate, key) = certificates.OfDatabase();
        return new V1Secret
        {
            ApiVersion = V1Secret.KubeApiVersion,
            Kind = V1Secret.KubeKind,
            Metadata = new V1ObjectMeta { Name = "mariadb-tls", NamespaceProperty = ClusterNames.Namespace },
            Type = "kubernetes.io/tls",
            StringData = new Dictionary<string, string>
            {
                ["ca.crt"] = File.ReadAllText(certificates.Authority),
                ["tls.crt"] = certificate,
                ["tls.key"] = key,
            },
        };
    }

    // policy/v1 came with Kubernetes 1.21; the client has no type for what was before.
    private static Task ApplyDisruptionBudgetAsync(IKubernetes client, CancellationToken cancellationToken)
    {
        var budget = new
        {
            apiVersion = "policy/v1beta1",
            kind = "PodDisruptionBudget",
            metadata = new { name = ClusterNames.DisruptionBudget, @namespace = ClusterNames.Namespace },
            spec = new
            {
                maxUnavailable = 1,
                selector = new
                {
                    matchLabels = new Dictionary<string, string>
                    {
                        ["application"] = "mariadb",
                        ["component"] = "server",
                        ["release_group"] = "mariadb",
                    },
                },
            },
        };
        return client.CustomObjects.PatchNamespacedCustomObjectAsync(
            new V1Patch(budget, V1Patch.PatchType.ApplyPatch), "policy", "v1beta1", ClusterNames.Namespace, "poddisruptionbudgets",
            ClusterNames.DisruptionBudget, fieldManager: Manager, force: true, cancellationToken: cancellationToken);
    }

    private static string HashOf(V1ConfigMap configuration)
    {
        var text = string.Join('\0', configuration.Data.OrderBy(item => item.Key, StringComparer.Ordinal).Select(item => item.Value));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    private static IEnumerable<V1PersistentVolume> Volumes(LabPaths paths)
    {
        for (int ordinal = 0; ordinal < ClusterNames.Replicas; ordinal++)
        {
            yield return Volume(ClusterNames.DataClaim(ordinal), paths.DataVolume(ordinal), "10Gi");
        }

        yield return Volume(ClusterNames.BackupClaim, paths.BackupVolume, "20Gi");
    }

    /// <summary>
    /// A folder of this machine as a volume for one claim. The capacity is nominal: nothing enforces it. A <c>local</c> volume would tie
    /// every pod that mounts it to its node; these do not, so that a runner has to pin itself, as it must with volumes on a network.
    /// </summary>
    private static V1PersistentVolume Volume(string claim, string folder, string capacity) => new()
    {
        ApiVersion = V1PersistentVolume.KubeApiVersion,
        Kind = V1PersistentVolume.KubeKind,
        Metadata = new V1ObjectMeta { Name = claim },
        Spec = new V1PersistentVolumeSpec
        {
            StorageClassName = "manual",
            PersistentVolumeReclaimPolicy = "Retain",
            VolumeMode = "Filesystem",
            AccessModes = ["ReadWriteOnce"],
            Capacity = new Dictionary<string, ResourceQuantity> { ["storage"] = new(capacity) },
            ClaimRef = new V1ObjectReference
            {
                ApiVersion = "v1",
                Kind = "PersistentVolumeClaim",
                Name = claim,
                NamespaceProperty = ClusterNames.Namespace,
            },
            HostPath = new V1HostPathVolumeSource { Path = folder, Type = "Directory" },
        },
    };

    /// <summary>A volume remembers the uid of its claim. When that claim is gone, a new one of the same name would wait for ever.</summary>
    private static async Task ReleaseOrphanedVolumesAsync(IKubernetes client, LabPaths paths, CancellationToken cancellationToken)
    {
        foreach (string name in Volumes(paths).Select(volume => volume.Metadata.Name))
        {
            var volume =
                await client.CoreV1.ReadPersistentVolumeAsync(name, cancellationToken: cancellationToken);
            if (volume.Status?.Phase == "Released" && volume.Spec.ClaimRef?.Uid is not null)
            {
                await client.CoreV1.PatchPersistentVolumeAsync(
                    new V1Patch("""{"spec":{"claimRef":{"uid":null,"resourceVersion":null}}}""", V1Patch.PatchType.MergePatch), name,
                    cancellationToken: cancellationToken);
            }
        }
    }

    private static IEnumerable<IKubernetesObject<V1ObjectMeta>> Load(string resource) =>
        KubernetesYaml.LoadAllFromString(ReadResource(resource)).Cast<IKubernetesObject<V1ObjectMeta>>();

    internal static string ReadResource(string fileName)
    {
        var assembly = typeof(ClusterManifests).Assembly;
        string name = assembly.GetManifestResourceNames().Single(name => name.EndsWith($".Manifests.{fileName}", StringComparison.Ordinal));
        using var reader = new StreamReader(assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }

    private static Task ApplyAsync(IKubernetes client, IKubernetesObject<V1ObjectMeta> item, CancellationToken token)
    {
        var patch = new V1Patch(item, V1Patch.PatchType.ApplyPatch);
        var core = client.CoreV1;
        var rbac = client.RbacAuthorizationV1;
        string name = item.Metadata.Name;
        string ns = item.Metadata.NamespaceProperty;
        return item switch
        {
            V1Namespace => core.PatchNamespaceAsync(patch, name, fieldManager: Manager, force: true, cancellationToken: token),
            V1Node => core.PatchNodeAsync(patch, name, fieldManager: Manager, force: true, cancellationToken: token),
            V1PersistentVolume =>
                core.PatchPersistentVolumeAsync(patch, name, fieldManager: Manager, force: true, cancellationToken: token),
            V1PersistentVolumeClaim =>
                core.PatchNamespacedPersistentVolumeClaimAsync(patch, name, ns,
                    fieldManager: Manager, force: true, cancellationToken: token),
            V1ServiceAccount =>
                core.PatchNamespacedServiceAccountAsync(patch, name, ns, fieldManager: Manager, force: true, cancellationToken: token),
            V1Secret => core.PatchNamespacedSecretAsync(patch, name, ns, fieldManager: Manager, force: true, cancellationToken: token),
            V1ConfigMap =>
                core.PatchNamespacedConfigMapAsync(patch, name, ns, fieldManager: Manager, force: true, cancellationToken: token),
            V1Service => core.PatchNamespacedServiceAsync(patch, name, ns, fieldManager: Manager, force: true, cancellationToken: token),
            V1StatefulSet =>
                client.AppsV1.PatchNamespacedStatefulSetAsync(patch, name, ns,
                    fieldManager: Manager, force: true, cancellationToken: token),
            V1StorageClass =>
                client.StorageV1.PatchStorageClassAsync(patch, name, fieldManager: Manager, force: true, cancellationToken: token),
            V1Lease =>
                client.CoordinationV1.PatchNamespacedLeaseAsync(patch, name, ns,
                    fieldManager: Manager, force: true, cancellationToken: token),
            V1Role => rbac.PatchNamespacedRoleAsync(patch, name, ns, fieldManager: Manager, force: true, cancellationToken: token),
            V1RoleBinding =>
                rbac.PatchNamespacedRoleBindingAsync(patch, name, ns, fieldManager: Manager, force: true, cancellationToken: token),
            V1ClusterRole => rbac.PatchClusterRoleAsync(patch, name, fieldManager: Manager, force: true, cancellationToken: token),
            V1ClusterRoleBinding =>
                rbac.PatchClusterRoleBindingAsync(patch, name, fieldManager: Manager, force: true, cancellationToken: token),
            _ => throw new NotSupportedException($"The manifests hold a {item.Kind}, which nothing here applies."),
        };
    }
}
