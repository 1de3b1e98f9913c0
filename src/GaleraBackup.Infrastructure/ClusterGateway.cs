using System.Security.Cryptography;
using GaleraBackup.Infrastructure.Kubernetes;
using GaleraBackup.Infrastructure.Sql;
using GaleraBackup.Ports;

namespace GaleraBackup.Infrastructure;

/// <summary>The way to one Kubernetes cluster and to the databases in it: what a cmdlet opens at its start and disposes at its end.</summary>
public sealed class ClusterGateway : IDisposable
{
    private ClusterGateway(k8s.Kubernetes client, string defaultNamespace, bool inCluster)
    {
        Kubernetes = new KubernetesCluster(client, defaultNamespace);
        Galera = new GaleraConnector(client, inCluster);
    }

    public IKubernetesCluster Kubernetes { get; }

    public IGaleraConnector Galera { get; }

    /// <summary>
    /// Finds the kubeconfig (the scope's own, KUBECONFIG, in-cluster, ~/.kube/config). Does not call the API; a kubeconfig's credential
    /// plugin is run.
    /// </summary>
    /// <exception cref="GaleraBackupException"><c>KubeConfigNotFound</c>, <c>KubeConfigInvalid</c>, <c>ContextNotFound</c>.</exception>
    public static Task<ClusterGateway> OpenAsync(ClusterScope scope, CancellationToken cancellationToken)
    {
        // A credential plugin blocks for as long as it likes, up to two minutes: off this thread, and left behind on Ctrl+C.
        return Task.Run(() => Open(scope), cancellationToken).WaitAsync(cancellationToken);
    }

    public void Dispose() => Kubernetes.Dispose();

    // Only here the client's certificate and key are read.
    private static k8s.Kubernetes Create(k8s.KubernetesClientConfiguration config)
    {
        try
        {
            return KubernetesClientFactory.Create(config);
        }
        catch (Exception exception) when (
            exception is CryptographicException or IOException or UnauthorizedAccessException or FormatException or ArgumentException
            or k8s.Exceptions.KubeConfigException)
        {
            throw KubeConfigResolver.Invalid($"The kubeconfig's entry for {config.Host}", exception);
        }
    }

    private static ClusterGateway Open(ClusterScope scope)
    {
        var (config, inCluster) = KubeConfigResolver.Resolve(scope);
        var client = Create(config);
        return new ClusterGateway(client, string.IsNullOrWhiteSpace(config.Namespace) ? "default" : config.Namespace.Trim(), inCluster);
    }
}
