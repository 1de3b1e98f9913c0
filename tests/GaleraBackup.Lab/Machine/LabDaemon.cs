using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using k8s;

namespace GaleraBackup.Lab.Machine;

/// <summary>
/// The lab's own part of the cluster: its DNS, the stand-in for the vendor's controller, and the way from pods to the API. Runs from a copy
/// of the build, so that building again under a lab that is up pulls no file from under it.
/// </summary>
internal static class LabDaemon
{
    public const string Verb = "serve";

    /// <summary>Makes the copy where this build has none yet, and removes the others.</summary>
    public static LabProcess Prepare(LabPaths paths)
    {
        var folder = Path.Combine(paths.State, "daemon");
        var files = Files();
        var copy = Path.Combine(folder, Key(files));
        if (!Directory.Exists(copy))
        {
            var temporary = copy + ".new";
            Cache.Discard(temporary);
            Directory.CreateDirectory(temporary);
            foreach (var file in files)
            {
                File.Copy(file, Path.Combine(temporary, Path.GetFileName(file)));
            }

            Directory.Move(temporary, copy);
        }

        return new LabProcess(paths, ControlPlane.Daemon, DotNet(), ["exec", Path.Combine(copy, "GaleraBackup.Lab.dll"), Verb])
        {
            Environment = new Dictionary<string, string>
            {
                ["GALERABACKUP_LAB_STATE"] = paths.State,
                ["GALERABACKUP_LAB_CACHE"] = paths.Cache,
                ["DOTNET_gcServer"] = "0",
                ["DOTNET_TieredPGO"] = "0",
            },
        };
    }

    /// <summary>The daemon, whichever build it runs from: to find and to stop it.</summary>
    public static LabProcess AnyOf(LabPaths paths) => new(paths, ControlPlane.Daemon, "dotnet", ["exec"]);

    /// <summary>Removes copies that nothing runs from any more.</summary>
    public static void RemoveOthers(LabPaths paths, LabProcess current)
    {
        var keep = Path.GetDirectoryName(current.Arguments[1]);
        foreach (var copy in Directory.EnumerateDirectories(Path.Combine(paths.State, "daemon")).Where(copy => copy != keep))
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    /// <summary>Serves until told to end; each of the three is begun again where it fails.</summary>
    public static async Task ServeAsync(LabPaths paths, CancellationToken cancellationToken)
    {
        using var dns = Client(ControlPlane.KubeConfig(paths, "labdns"));
        using var controller = Client(ControlPlane.KubeConfig(paths, "labcontroller"));
        var dnsAddress = IPEndPoint.Parse($"{LabNetwork.HostAddress}:53");
        var serviceAddress = IPEndPoint.Parse($"{LabNetwork.ApiAddress}:443");
        var apiServer = new IPEndPoint(IPAddress.Loopback, LabNetwork.ApiPort);
        await Task.WhenAll(
            KeepAsync("dns", token => LabDns.RunAsync(dns, dnsAddress, token), cancellationToken),
            KeepAsync("controller", token => MariaDbController.RunAsync(controller, Lab.Namespace, token), cancellationToken),
            KeepAsync("relay", token => ApiRelay.RunAsync(serviceAddress, apiServer, token), cancellationToken));
    }

    private static async Task KeepAsync(string name, Func<CancellationToken, Task> run, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await run(cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // It has no caller to tell; the log is where somebody looks.
                await Console.Error.WriteLineAsync($"{DateTime.UtcNow:O} {name}: {exception}");
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static Kubernetes Client(string kubeConfig) => new(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeConfig));

    private static string DotNet()
    {
        // .../shared/Microsoft.NETCore.App/10.0.1/ is where this runs from.
        var root = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        return Path.Combine(root, "dotnet");
    }

    // What the lab's own dependency file lists: beside it are other files, where a test project's build holds the lab.
    private static List<string> Files()
    {
        var assembly = typeof(LabDaemon).Assembly.Location;
        var folder = Path.GetDirectoryName(assembly)!;
        var dependencies = Path.Combine(folder, "GaleraBackup.Lab.deps.json");
        using var document = JsonDocument.Parse(File.ReadAllBytes(dependencies));
        var libraries = document.RootElement.GetProperty("targets").EnumerateObject().First().Value.EnumerateObject()
            .Select(library => library.Value)
            .Where(library => library.TryGetProperty("runtime", out _))
            .SelectMany(library => library.GetProperty("runtime").EnumerateObject())
            .Select(file => Path.Combine(folder, Path.GetFileName(file.Name)));
        string[] own = [assembly, dependencies, Path.Combine(folder, "GaleraBackup.Lab.runtimeconfig.json")];
        return [.. libraries.Concat(own).Distinct().Where(File.Exists)];
    }

    private static string Key(IEnumerable<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in files.OrderBy(Path.GetFileName, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file)));
            hash.AppendData(File.ReadAllBytes(file));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
