using System.Reflection;
using k8s;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>The client with the time limits that it lacks by itself.</summary>
internal static class KubernetesClientFactory
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(10);

    public static k8s.Kubernetes Create(KubernetesClientConfiguration config)
    {
        var version = typeof(KubernetesClientFactory).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
        config.UserAgent = $"GaleraBackup/{version?.Split('+')[0]}";
        config.FirstMessageHandlerSetup = handler =>
        {
            // A watch or a followed log whose peer vanished without a word would otherwise be waited for forever.
            handler.ConnectTimeout = ConnectTimeout;
            handler.KeepAlivePingDelay = PingDelay;
            handler.KeepAlivePingTimeout = PingTimeout;
        };
        return new k8s.Kubernetes(config, new RequestPolicyHandler()) { CreateWebSocketBuilder = () => new PodSocketBuilder() };
    }
}
