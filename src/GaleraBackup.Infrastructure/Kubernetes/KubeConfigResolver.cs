using System.Security.Cryptography;
using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using YamlDotNet.Core;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>
/// Finds the client configuration: the scope's file and context, else KUBECONFIG, else in-cluster, else ~/.kube/config. The client's
/// own search falls back to localhost:8080 in silence, takes an empty KUBECONFIG for a file name and knows no context argument.
/// </summary>
internal static class KubeConfigResolver
{
    private const string EnvironmentVariable = "KUBECONFIG";

    /// <exception cref="GaleraBackupException"><c>KubeConfigNotFound</c>, <c>KubeConfigInvalid</c>, <c>ContextNotFound</c>.</exception>
    public static (KubernetesClientConfiguration Config, bool InCluster) Resolve(ClusterScope scope)
    {
        if (FilesNamed(scope) is { } named)
        {
            return (FromFiles(named, scope.Context), false);
        }

        // A context is a thing of a kubeconfig: who asks for one does not mean the cluster that this process happens to run in.
        if (scope.Context is null && KubernetesClientConfiguration.IsInCluster())
        {
            return (KubernetesClientConfiguration.InClusterConfig(), true);
        }

        var standard = KubernetesClientConfiguration.KubeConfigDefaultLocation;
        return File.Exists(standard)
            ? (FromFiles([standard], scope.Context), false)
            : throw NotFound($"There is no kubeconfig: neither -KubeConfig nor {EnvironmentVariable} names one, this is not a pod, and {standard} does not exist.");
    }

    private static IReadOnlyList<string>? FilesNamed(ClusterScope scope)
    {
        if (scope.KubeConfig is { } file)
        {
            return File.Exists(file) ? [file] : throw NotFound($"The kubeconfig '{file}' does not exist.");
        }

        var named = (Environment.GetEnvironmentVariable(EnvironmentVariable) ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(path => path.Trim('"'))
            .ToList();
        if (named.Count == 0)
        {
            return null;
        }

        // As kubectl does: files of the list that do not exist are passed over.
        var existing = named.Where(File.Exists).ToList();
        return existing.Count > 0 ? existing : throw NotFound($"{EnvironmentVariable} names {string.Join(", ", named)}, which does not exist.");
    }

    private static KubernetesClientConfiguration FromFiles(IReadOnlyList<string> files, string? context)
    {
        try
        {
            var config = Merge(files.Select(Load));
            if ((context ?? config.CurrentContext) is not { Length: > 0 } wanted)
            {
                throw ContextNotFound($"{string.Join(", ", files)} has no current context.", config);
            }

            return config.Contexts.Any(known => known.Name == wanted)
                ? KubernetesClientConfiguration.BuildConfigFromConfigObject(config, wanted)
                : throw ContextNotFound($"{string.Join(", ", files)} has no context '{wanted}'.", config);
        }
        catch (Exception exception) when (
            exception is KubeConfigException or YamlException or IOException or UnauthorizedAccessException or FormatException
            or CryptographicException
            or InvalidOperationException) // What YamlDotNet's scanner throws for some text that is no YAML.
        {
            throw Invalid($"The kubeconfig {string.Join(", ", files)}", exception, files[0]);
        }
    }

    private static K8SConfiguration Load(string file)
    {
        var config = KubernetesClientConfiguration.LoadKubeConfig(file, useRelativePaths: false)
            ?? throw new KubeConfigException($"{file} is empty.");

        // As kubectl writes them once the last entry is gone.
        config.Clusters ??= [];
        config.Users ??= [];
        config.Contexts ??= [];
        var folder = Path.GetDirectoryName(Path.GetFullPath(file))!;

        // Relative paths are relative to the file in which they stand; after the merge nobody would know which one that was.
        foreach (var cluster in config.Clusters.Select(cluster => cluster.ClusterEndpoint).OfType<ClusterEndpoint>())
        {
            cluster.CertificateAuthority = Absolute(cluster.CertificateAuthority);
        }

        foreach (var user in config.Users.Select(user => user.UserCredentials).OfType<UserCredentials>())
        {
            user.ClientCertificate = Absolute(user.ClientCertificate);
            user.ClientKey = Absolute(user.ClientKey);
            if (user.ExternalExecution is { Command: { } command } plugin && command.Contains('/'))
            {
                plugin.Command = Absolute(command);
            }
        }

        return config;

        string? Absolute(string? path) => string.IsNullOrEmpty(path) ? path : Path.Combine(folder, path);
    }

    // The first file that has a name wins, for each name.
    private static K8SConfiguration Merge(IEnumerable<K8SConfiguration> files)
    {
        var all = files.ToList();
        return new K8SConfiguration
        {
            CurrentContext = all.Select(config => config.CurrentContext).FirstOrDefault(name => !string.IsNullOrEmpty(name)),
            Contexts = [.. all.SelectMany(config => config.Contexts).DistinctBy(context => context.Name)],
            Clusters = [.. all.SelectMany(config => config.Clusters).DistinctBy(cluster => cluster.Name)],
            Users = [.. all.SelectMany(config => config.Users).DistinctBy(user => user.Name)],
        };
    }

    /// <param name="subject">What cannot be used, as the sentence's subject.</param>
    public static GaleraBackupException Invalid(string subject, Exception exception, object? target = null) => new(
        "KubeConfigInvalid", FailureKind.Refused, $"{subject} cannot be used: {FirstLine(exception.Message)}",
        "Try it with: kubectl config view, kubectl version.", target);

    private static string FirstLine(string message) => message.Split('\n', 2)[0].TrimEnd();

    private static GaleraBackupException NotFound(string message) => new(
        "KubeConfigNotFound", FailureKind.NotFound, message,
        $"Name one with -KubeConfig, or set {EnvironmentVariable}.");

    private static GaleraBackupException ContextNotFound(string message, K8SConfiguration config) => new(
        "ContextNotFound", FailureKind.NotFound, message,
        $"Pass -Context; there are: {string.Join(", ", config.Contexts.Select(context => context.Name))}.");
}
