using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace GaleraBackup.Lab.Machine;

/// <summary>
/// The lab's network: one bridge, which nothing routes to or from. A node's address cannot be loopback, so the bridge's own address is the
/// node's. It also has the address of the Service <c>kubernetes</c>, since no kube-proxy turns that into another.
/// </summary>
internal static class LabNetwork
{
    public const string Bridge = "lab0";
    public const string HostAddress = "10.250.0.1";
    public const string PodNetwork = "10.250.0.0/24";
    public const int FirstPod = 10;
    public const int LastPod = 200;
    public const string ApiAddress = "10.251.0.1";
    public const string ServiceNetwork = "10.251.0.0/24";
    public const int ApiPort = 16443;
    public const int EtcdPort = 12379;
    public const int EtcdPeerPort = 12380;

    /// <summary>Every TCP address a process of the lab listens on, with the process.</summary>
    public static IReadOnlyList<(IPEndPoint Address, string Process)> Listeners { get; } =
    [
        (new(IPAddress.Loopback, EtcdPort), ControlPlane.Etcd),
        (new(IPAddress.Loopback, EtcdPeerPort), ControlPlane.Etcd),
        (new(IPAddress.Loopback, ApiPort), ControlPlane.ApiServer),
        (new(IPAddress.Loopback, 10257), ControlPlane.ControllerManager),
        (new(IPAddress.Loopback, 10259), ControlPlane.Scheduler),
        (new(IPAddress.Loopback, 10248), ControlPlane.Kubelet),
        (IPEndPoint.Parse($"{HostAddress}:10250"), ControlPlane.Kubelet),
        (IPEndPoint.Parse($"{HostAddress}:10255"), ControlPlane.Kubelet),
        (IPEndPoint.Parse($"{ApiAddress}:443"), ControlPlane.Daemon),
    ];

    public static bool BridgeExists => Directory.Exists($"/sys/class/net/{Bridge}");

    /// <summary>Every address that a pod may get.</summary>
    public static IEnumerable<IPAddress> PodAddresses =>
        Enumerable.Range(FirstPod, LastPod - FirstPod + 1).Select(last => IPAddress.Parse($"{HostAddress[..HostAddress.LastIndexOf('.')]}.{last}"));

    /// <summary>This machine's ends of the pods' links.</summary>
    public static IReadOnlyList<string> Links
    {
        get
        {
            var ports = $"/sys/class/net/{Bridge}/brif";
            return Directory.Exists(ports) ? [.. Directory.EnumerateFileSystemEntries(ports).Select(port => Path.GetFileName(port))] : [];
        }
    }

    /// <summary>Whether a link is set up, whatever its other end is.</summary>
    public static bool IsUp(string link)
    {
        const int Up = 1;
        var flags = $"/sys/class/net/{link}/flags";
        return !File.Exists(flags) || (Convert.ToInt32(File.ReadAllText(flags).Trim(), 16) & Up) != 0;
    }

    public static async Task EnsureBridgeAsync(CancellationToken cancellationToken)
    {
        if (!BridgeExists)
        {
            // A fixed address: a bridge without one takes its ports' lowest, and changes it as pods come and go.
            await Tool.RunAsync("ip", ["link", "add", Bridge, "address", "02:1a:b0:00:00:01", "type", "bridge"], cancellationToken);
        }

        await Tool.RunAsync("ip", ["address", "replace", $"{HostAddress}/24", "dev", Bridge], cancellationToken);
        await Tool.RunAsync("ip", ["address", "replace", $"{ApiAddress}/32", "dev", Bridge], cancellationToken);
        await Tool.RunAsync("ip", ["link", "set", Bridge, "up"], cancellationToken);
    }

    /// <summary>What else on this machine uses the lab's addresses, or null.</summary>
    public static async Task<string?> ConflictAsync(CancellationToken cancellationToken)
    {
        foreach (var link in NetworkInterface.GetAllNetworkInterfaces().Where(link => link.Name != Bridge))
        {
            var addresses = link.GetIPProperties().UnicastAddresses
                .Where(address => address.Address.AddressFamily == AddressFamily.InterNetwork)
                .Select(address => $"{address.Address}/{address.PrefixLength}");
            if (addresses.FirstOrDefault(Overlaps) is { } taken)
            {
                return $"the interface {link.Name} has the address {taken}, which overlaps the lab's {PodNetwork} and {ServiceNetwork}";
            }
        }

        if (!Tool.Exists("ip"))
        {
            return null;
        }

        var (_, routes, _) = await Tool.TryRunAsync("ip", ["-4", "-o", "route", "show", "table", "main"], cancellationToken);
        return routes.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(route => !route.Contains($" dev {Bridge} ", StringComparison.Ordinal) && char.IsDigit(route[0]))
            .Select(route => route.Split(' ')[0])
            .Where(Overlaps)
            .Select(route => $"this machine has a route to {route}, which overlaps the lab's {PodNetwork} and {ServiceNetwork}")
            .FirstOrDefault();
    }

    private static bool Overlaps(string network)
    {
        var other = Range(network);
        return new[] { PodNetwork, ServiceNetwork }.Select(Range).Any(own => own.First <= other.Last && other.First <= own.Last);
    }

    private static (uint First, uint Last) Range(string network)
    {
        var parts = network.Split('/');
        var address = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(IPAddress.Parse(parts[0]).GetAddressBytes());
        var bits = parts.Length > 1 ? int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : 32;
        var host = bits == 0 ? uint.MaxValue : (uint)((1UL << (32 - bits)) - 1);
        return (address & ~host, address | host);
    }
}
