using System.Net;
using System.Text;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>The position in Galera's history that a backup stands at.</summary>
public sealed record GaleraPosition(string Uuid, long Seqno);

/// <summary>Where a backup is, and what server it is of.</summary>
/// <param name="KeySecret">A Secret with the item <c>keyfile</c>, which its data is encrypted with; null for plain data.</param>
public sealed record BackupPlace(string Namespace, string Claim, string Image, string? KeySecret)
{
    /// <summary>The backups of the lab's cluster.</summary>
    public static BackupPlace OfCluster { get; } = new(ClusterNames.Namespace, ClusterNames.BackupClaim, ClusterNames.Image, KeySecret: null);
}

/// <summary>A server in a pod of its own, without network and without wsrep, on the unpacked and prepared copy of one backup.</summary>
public sealed class ThrowawayServer : IAsyncDisposable
{
    private const string Container = "mariadb";
    private const string BackupMount = "/backup";
    private static readonly TimeSpan DeleteDeadline = TimeSpan.FromSeconds(60);

    private readonly IKubernetes client;
    private readonly string ns;

    private ThrowawayServer(IKubernetes client, string ns, string pod)
    {
        this.client = client;
        this.ns = ns;
        Pod = pod;
    }

    /// <summary>The pod's name.</summary>
    public string Pod { get; }

    /// <summary>Restores a full backup: a stream of mariabackup, plain, <c>.gz</c> or <c>.zst</c>.</summary>
    /// <param name="client">The lab's cluster.</param>
    /// <param name="backup">The file's path inside the backup claim, as <c>base/2026-01-31_01-00-00/backup.stream.gz</c>.</param>
    /// <param name="deadline">How long unpacking, preparing and starting may take together.</param>
    /// <param name="cancellationToken">Ends the wait, and removes the pod.</param>
    /// <exception cref="InvalidOperationException">The backup does not become a server; the message has the pod's log.</exception>
    /// <exception cref="TimeoutException">It takes too long; the message has the pod's log.</exception>
    public static Task<ThrowawayServer> StartAsync(
        IKubernetes client, string backup, TimeSpan deadline, CancellationToken cancellationToken) =>
        StartAsync(client, BackupPlace.OfCluster, backup, unpack: string.Empty, deadline, cancellationToken);

    /// <summary>Restores what <paramref name="unpack"/> makes of a file or folder in the backup claim.</summary>
    /// <param name="client">The lab's cluster.</param>
    /// <param name="place">The claim, and the server's image.</param>
    /// <param name="backup">The path inside the backup claim; <c>$BACKUP</c> in the script.</param>
    /// <param name="unpack">Bash that fills the empty folder <c>$DATA</c>, for <c>mariabackup --prepare</c> to work on.</param>
    /// <param name="deadline">How long unpacking, preparing and starting may take together.</param>
    /// <param name="cancellationToken">Ends the wait, and removes the pod.</param>
    /// <exception cref="InvalidOperationException">The backup does not become a server; the message has the pod's log.</exception>
    /// <exception cref="TimeoutException">It takes too long; the message has the pod's log.</exception>
    public static async Task<ThrowawayServer> StartAsync(
        IKubernetes client, BackupPlace place, string backup, string unpack, TimeSpan deadline, CancellationToken cancellationToken)
    {
        var pod = Describe($"throwaway-{Guid.NewGuid().ToString("N")[..8]}", place, backup, unpack);
        await client.CoreV1.CreateNamespacedPodAsync(pod, place.Namespace, cancellationToken: cancellationToken);
        var server = new ThrowawayServer(client, place.Namespace, pod.Metadata.Name);
        try
        {
            await server.WaitUntilReadyAsync(deadline, cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs one statement, and gives its rows as the client prints them: a NULL is the text <c>NULL</c>.</summary>
    /// <exception cref="InvalidOperationException">The server refused it, or is gone; the message has the reason.</exception>
    public async Task<string?[][]> QueryAsync(string sql, CancellationToken cancellationToken)
    {
        var output = await RunAsync(["mariadb", "--no-defaults", "--socket=/restore/mysqld.sock", "-NBe", sql], cancellationToken);
        if (output.Length == 0)
        {
            return [];
        }

        return [.. (output.EndsWith('\n') ? output[..^1] : output).Split('\n').Select(line => line.Split('\t').Select(Unescape).ToArray())];
    }

    /// <summary>The position that mariabackup recorded with <c>--galera-info</c>.</summary>
    /// <exception cref="InvalidOperationException">The backup holds none.</exception>
    public async Task<GaleraPosition> GaleraInfoAsync(CancellationToken cancellationToken)
    {
        // The first is the name up to MariaDB 10.11, the second from 11.1 on.
        const string Read = "cd /restore/data && { cat xtrabackup_galera_info || cat mariadb_backup_galera_info; } 2> /dev/null";
        var text = (await RunAsync(["bash", "-c", Read], cancellationToken)).Trim();
        var position = text.Split(' ', '\n')[0];
        var colon = position.LastIndexOf(':');
        return colon > 0 && long.TryParse(position.AsSpan(colon + 1), out var seqno)
            ? new GaleraPosition(position[..colon], seqno)
            : throw new InvalidOperationException($"The backup's Galera position is not UUID:SEQNO, but: {text}");
    }

    /// <summary>What <c>mariabackup --prepare</c> said.</summary>
    public Task<string> PrepareLogAsync(CancellationToken cancellationToken) => RunAsync(["cat", "/restore/prepare.log"], cancellationToken);

    /// <summary>Runs a command in the server's container, and gives its output. The prepared copy is in <c>/restore/data</c>.</summary>
    /// <exception cref="InvalidOperationException">It failed; the message has what it wrote to standard error.</exception>
    public async Task<string> RunAsync(IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        var result = await PodExec.RunAsync(client, ns, Pod, Container, command, cancellationToken);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"{command[0]} in {Pod} ended with {result.ExitCode}: {result.Error}{result.Output}");
    }

    /// <summary>Deletes the pod, and waits until it is gone.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await client.CoreV1.DeleteNamespacedPodAsync(Pod, ns, gracePeriodSeconds: 1);
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == HttpStatusCode.NotFound)
        {
            return;
        }

        await PodWatch.WaitAsync(client, ns, Pod, pod => pod is null, DeleteDeadline, CancellationToken.None);
    }

    private static V1Pod Describe(string name, BackupPlace place, string backup, string unpack) => new()
    {
        Metadata = new V1ObjectMeta
        {
            Name = name,
            Labels = new Dictionary<string, string> { ["application"] = "galerabackup-lab", ["component"] = "throwaway-server" },
        },
        Spec = new V1PodSpec
        {
            RestartPolicy = "Never",
            AutomountServiceAccountToken = false,
            EnableServiceLinks = false,
            TerminationGracePeriodSeconds = 1,
            NodeSelector = new Dictionary<string, string> { ["kubernetes.io/hostname"] = ClusterNames.Node },
            SecurityContext = new V1PodSecurityContext { RunAsUser = 999, RunAsGroup = 999 },
            Containers =
            [
                new V1Container
                {
                    Name = Container,
                    Image = place.Image,
                    ImagePullPolicy = "Never",
                    Command = ["/bin/bash", "-c", ClusterManifests.ReadResource("throwaway.sh")],
                    Env =
                    [
                        new V1EnvVar { Name = "BACKUP", Value = $"{BackupMount}/{backup.TrimStart('/')}" },
                        new V1EnvVar { Name = "UNPACK", Value = unpack },
                    ],
                    ReadinessProbe = new V1Probe
                    {
                        Exec = new V1ExecAction
                        {
                            Command = ["mariadb", "--no-defaults", "--socket=/restore/mysqld.sock", "-NBe", "SELECT 1"],
                        },
                        PeriodSeconds = 1,
                        TimeoutSeconds = 5,
                    },
                    VolumeMounts =
                    [
                        new V1VolumeMount { Name = "backup", MountPath = BackupMount, ReadOnlyProperty = true },
                        new V1VolumeMount { Name = "work", MountPath = "/restore" },
                        .. place.KeySecret is null ? (V1VolumeMount[])[] : [new V1VolumeMount { Name = "keys", MountPath = "/etc/mysql/keys" }],
                    ],
                },
            ],
            Volumes =
            [
                new V1Volume
                {
                    Name = "backup",
                    PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource
                    {
                        ClaimName = place.Claim, ReadOnlyProperty = true,
                    },
                },
                new V1Volume { Name = "work", EmptyDir = new V1EmptyDirVolumeSource() },
                .. place.KeySecret is not { } secret
                    ? (V1Volume[])[]
                    :
                    [
                        new V1Volume
                        {
                            Name = "keys",
                            Secret = new V1SecretVolumeSource { SecretName = secret, Items = [new V1KeyToPath { Key = "keyfile", Path = "keyfile" }] },
                        },
                    ],
            ],
        },
    };

    private async Task WaitUntilReadyAsync(TimeSpan deadline, CancellationToken cancellationToken)
    {
        V1Pod? pod;
        try
        {
            pod = await PodWatch.WaitAsync(
                client, ns, Pod, pod => pod is null || IsReady(pod) || HasEnded(pod), deadline, cancellationToken);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"{exception.Message}\n{await LogAsync(cancellationToken)}", exception);
        }

        if (pod is null || !IsReady(pod))
        {
            throw new InvalidOperationException($"The backup did not become a server.\n{await LogAsync(cancellationToken)}");
        }
    }

    private static bool IsReady(V1Pod pod) =>
        pod.Status?.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    private static bool HasEnded(V1Pod pod) => pod.Status?.Phase is "Failed" or "Succeeded";

    private async Task<string> LogAsync(CancellationToken cancellationToken)
    {
        try
        {
            var log = await client.CoreV1.ReadNamespacedPodLogAsync(
                Pod, ns, tailLines: 100, cancellationToken: cancellationToken);
            using var reader = new StreamReader(log);
            return await reader.ReadToEndAsync(cancellationToken);
        }
        catch (HttpOperationException exception)
        {
            return $"(no log: {exception.Response.Content})";
        }
    }

    /// <summary>The client's batch mode writes these characters as escapes, so that a row is a line.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\', StringComparison.Ordinal))
        {
            return field;
        }

        var text = new StringBuilder(field.Length);
        for (var i = 0; i < field.Length; i++)
        {
            if (field[i] != '\\' || i + 1 == field.Length)
            {
                text.Append(field[i]);
                continue;
            }

            i++;
            text.Append(field[i] switch { 'n' => '\n', 't' => '\t', '0' => '\0', var other => other });
        }

        return text.ToString();
    }
}
