using System.Collections.Frozen;
using System.Net;
using System.Net.Sockets;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>
/// The cluster's DNS. It answers <c>&lt;service&gt;.&lt;namespace&gt;.svc.cluster.local</c> and, for pods that have one,
/// <c>&lt;hostname&gt;.&lt;service&gt;.…</c> with the addresses of the Endpoints. There is no kube-proxy in the lab, so that a Service
/// with a ClusterIP answers with its pods too. Pods that are not ready are among them where the Service publishes those.
/// </summary>
public static class LabDns
{
    private const string Domain = ".svc.cluster.local";
    private const int LargestQuery = 1500;

    /// <summary>The API inside the cluster: an address of the lab's bridge, on which the apiserver itself listens.</summary>
    private static readonly IPAddress Api = IPAddress.Parse(LabNetwork.ApiAddress);

    /// <summary>Serves until cancelled.</summary>
    /// <exception cref="SocketException">The address is taken, or not one of this machine's.</exception>
    public static async Task RunAsync(IKubernetes client, IPEndPoint bind, CancellationToken cancellationToken)
    {
        using var socket = new Socket(bind.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(bind);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var names = FrozenDictionary<string, IReadOnlyList<IPAddress>>.Empty;
        var known = new TaskCompletionSource();
        var follow = ResourceFollower.FollowAsync<V1Endpoints, V1EndpointsList>(
            "dns",
            token => client.CoreV1.ListEndpointsForAllNamespacesAsync(cancellationToken: token),
            (version, seconds, onError, token) => client.CoreV1.WatchListEndpointsForAllNamespacesAsync(
                resourceVersion: version, timeoutSeconds: seconds, onError: onError, cancellationToken: token),
            all =>
            {
                Volatile.Write(ref names, NamesOf(all));
                known.TrySetResult();
            },
            stop.Token);
        try
        {
            // Silence makes a resolver ask again; "no such name" from an empty table would make it give up.
            await Task.WhenAny(known.Task, follow).WaitAsync(cancellationToken);
            await ServeAsync(socket, name => Volatile.Read(ref names).GetValueOrDefault(name), cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await follow;
        }
    }

    private static async Task ServeAsync(Socket socket, Func<string, IReadOnlyList<IPAddress>?> lookUp, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[LargestQuery];
        var anyone = new IPEndPoint(IPAddress.Any, 0);
        while (true)
        {
            try
            {
                var received = await socket.ReceiveFromAsync(buffer, anyone, cancellationToken);
                if (DnsQuestion.TryParse(buffer.AsMemory(0, received.ReceivedBytes), out var question))
                {
                    byte[] reply = question.Answer(lookUp(question.Name));
                    await socket.SendToAsync(reply, received.RemoteEndPoint, cancellationToken);
                }
            }
            catch (SocketException exception)
            {
                // A packet that is too long, or a client that is gone already (its ICMP answer arrives here).
                Console.Error.WriteLine($"dns: {exception.Message}");
            }
        }
    }

    private static FrozenDictionary<string, IReadOnlyList<IPAddress>> NamesOf(IEnumerable<V1Endpoints> all)
    {
        var names = new Dictionary<string, List<IPAddress>>();
        foreach (var endpoints in all)
        {
            string service = $"{endpoints.Metadata.Name}.{endpoints.Metadata.NamespaceProperty}{Domain}";
            AddressesOf(service);
            foreach (var address in (endpoints.Subsets ?? []).SelectMany(subset => subset.Addresses ?? []))
            {
                if (!IPAddress.TryParse(address.Ip, out var ip) || ip.AddressFamily != AddressFamily.InterNetwork)
                {
                    continue;
                }

                AddressesOf(service).Add(ip);
                if (!string.IsNullOrEmpty(address.Hostname))
                {
                    AddressesOf($"{address.Hostname}.{service}").Add(ip);
                }
            }
        }

        names[$"kubernetes.default{Domain}"] = [Api];
        return names.ToFrozenDictionary(pair => pair.Key, pair => (IReadOnlyList<IPAddress>)pair.Value);

        List<IPAddress> AddressesOf(string name) =>
            names.TryGetValue(name, out var addresses) ? addresses : names[name] = [];
    }
}
