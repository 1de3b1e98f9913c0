using System.Text;
using GaleraBackup.Ports;
using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>The Kubernetes API through KubernetesClient. Each method is one request unless it says otherwise.</summary>
internal sealed partial class KubernetesCluster(IKubernetes client, string defaultNamespace) : IKubernetesCluster
{
    public string DefaultNamespace => defaultNamespace;

    public async Task<IReadOnlyList<StatefulSetSnapshot>> ListStatefulSetsAsync(string ns, CancellationToken cancellationToken)
    {
        var list = await ApiErrors.TranslateAsync(
            $"list the StatefulSets in namespace '{ns}'", ns,
            () => client.AppsV1.ListNamespacedStatefulSetAsync(ns, cancellationToken: cancellationToken),
            cancellationToken).ConfigureAwait(false);
        return [.. list.Items.Select(Mapping.ToSnapshot)];
    }

    public async Task<IReadOnlyList<PodSnapshot>> ListPodsAsync(string ns, string? labelSelector, CancellationToken cancellationToken)
    {
        var list = await ApiErrors.TranslateAsync(
            $"list the pods in namespace '{ns}'", ns,
            () => client.CoreV1.ListNamespacedPodAsync(ns, labelSelector: labelSelector, cancellationToken: cancellationToken),
            cancellationToken).ConfigureAwait(false);
        return [.. list.Items.Select(Mapping.ToSnapshot)];
    }

    public async Task<IReadOnlyList<ServiceSnapshot>> ListServicesAsync(string ns, CancellationToken cancellationToken)
    {
        var list = await ApiErrors.TranslateAsync(
            $"list the Services in namespace '{ns}'", ns,
            () => client.CoreV1.ListNamespacedServiceAsync(ns, cancellationToken: cancellationToken),
            cancellationToken).ConfigureAwait(false);
        return [.. list.Items.Select(Mapping.ToSnapshot)];
    }

    public async Task<ClaimSnapshot?> ReadClaimAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            var claim = await ApiErrors.TranslateAsync(
                $"read the PersistentVolumeClaim '{ns}/{name}'", name,
                () => client.CoreV1.ReadNamespacedPersistentVolumeClaimAsync(name, ns, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
            return Mapping.ToSnapshot(claim);
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            return null;
        }
    }

    public async Task<string> ReadSecretValueAsync(string ns, SecretKeyReference secret, CancellationToken cancellationToken)
    {
        V1Secret found;
        try
        {
            found = await ApiErrors.TranslateAsync(
                $"read the Secret '{ns}/{secret.Name}'", secret.Name,
                () => client.CoreV1.ReadNamespacedSecretAsync(secret.Name, ns, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            throw SecretNotFound($"Namespace '{ns}' has no Secret '{secret.Name}'.");
        }

        return found.Data is not null && found.Data.TryGetValue(secret.Key, out var value)
            ? Encoding.UTF8.GetString(value)
            : throw SecretNotFound($"The Secret '{ns}/{secret.Name}' has no key '{secret.Key}'.");

        GaleraBackupException SecretNotFound(string message) => new(
            "SecretNotFound", FailureKind.NotFound, message, "Pass the login with -Credential.", secret.Name);
    }

    public Task CreateSecretAsync(
        string ns, string name, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> values, CancellationToken cancellationToken)
    {
        var secret = new V1Secret
        {
            ApiVersion = "v1",
            Kind = "Secret",
            Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = ns, Labels = new Dictionary<string, string>(labels) },
            Type = "Opaque",
            StringData = new Dictionary<string, string>(values),
        };
        return ApiErrors.TranslateAsync(
            $"create the Secret '{ns}/{name}'", name,
            () => client.CoreV1.CreateNamespacedSecretAsync(secret, ns, cancellationToken: cancellationToken),
            cancellationToken);
    }

    public async Task DeleteSecretAsync(string ns, string name, CancellationToken cancellationToken)
    {
        try
        {
            await ApiErrors.TranslateAsync(
                $"delete the Secret '{ns}/{name}'", name,
                () => client.CoreV1.DeleteNamespacedSecretAsync(name, ns, cancellationToken: cancellationToken),
                cancellationToken).ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (IsNotFound(exception))
        {
            // Gone already.
        }
    }

    public void Dispose() => client.Dispose();

    private static bool IsNotFound(GaleraBackupException exception) => exception.ErrorId == "ApiNotFound";
}
