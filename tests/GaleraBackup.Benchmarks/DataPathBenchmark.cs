using System.Globalization;
using GaleraBackup.Infrastructure;
using GaleraBackup.Lab;
using GaleraBackup.Policy;
using GaleraBackup.Ports;
using GaleraBackup.Runner;
using GaleraBackup.Workflow;
using k8s;

namespace GaleraBackup.Benchmarks;

/// <summary>
/// The runner's way from the server's files to a published backup, beside what others ship and beside the copy alone: each in a pod as the
/// module builds it for the same replica, of the same image, with the same volumes and login, only the script is another. From the start of
/// mariadb-backup until the backup is complete and synced, by the times that the container's log has for the two lines that say so.
/// </summary>
internal static class DataPathBenchmark
{
    private const int Rounds = 5;
    private const double LeastGain = 5;
    private const double LargestCost = 2.5;
    private const double Megabyte = 1e6;
    private static readonly TimeSpan RunLimit = TimeSpan.FromMinutes(5);

    private const string Begin = """
        set -euo pipefail
        export HOME=/run/galera-backup
        target=$GALERA_BACKUP_ROOT/$GALERA_BACKUP_ID
        mkdir -p "$target" /tmp/target
        password=$(</run/secrets/galera-backup/password)
        password=${password//\\/\\\\}
        printf '[client]\nuser=%s\npassword="%s"\n' "$(</run/secrets/galera-backup/username)" "${password//\"/\\\"}" >"$HOME/login.cnf"
        backup() {
          mariadb-backup --defaults-extra-file="$HOME/login.cnf" --backup --galera-info --host="$GALERA_BACKUP_HOST" --port="$GALERA_BACKUP_PORT" \
            --datadir="$GALERA_BACKUP_DATADIR" "$@" 2>"$HOME/log"
        }
        echo '{"event":"copying"}'

        """;

    private const string End = """

        sync "$(dirname "$target")"
        echo '{"event":"result"}'
        tail -n 1 "$HOME/log"
        [[ $(tail -n 1 "$HOME/log") == *'completed OK!' ]]
        """;

    private static readonly (string Name, string Script)[] Variants =
    [
        ("ours", Scripts.BackupRunner),
        ("gzip", $"""{Begin}backup --stream=xbstream --target-dir=/tmp/target | gzip >"$target/backup.stream.gz"; sync "$target"/* "$target"{End}"""),
        ("directory", $$"""{{Begin}}backup --target-dir="$target/data"; find "$target" -exec sync {} +{{End}}"""),
    ];

    public static async Task<bool> RunAsync(Lab.Lab lab, SeededDatabase database, CancellationToken cancellationToken)
    {
        using var client = lab.CreateClient();
        using var root = new BackupRoot(lab);
        await database.ResizeAsync(SeededDatabase.LargeBytes, cancellationToken);

        var scope = new ClusterScope { KubeConfig = lab.KubeConfig, Namespace = Lab.Lab.Namespace };
        using var gateway = await ClusterGateway.OpenAsync(scope, cancellationToken);
        var context = new BackupContext(gateway.Kubernetes, gateway.Galera, new Silence(), TimeProvider.System);
        var replica = ReplicaSelection.Select(await ClusterInspection.InspectAsync(context, scope, cancellationToken), allowUnsafe: false);

        var seconds = Variants.ToDictionary(variant => variant.Name, _ => new Figures());
        var sizes = Variants.ToDictionary(variant => variant.Name, _ => new Figures());
        for (var round = 0; round < Rounds; round++)
        {
            for (var turn = 0; turn < Variants.Length; turn++)
            {
                var (name, script) = Variants[(round + turn) % Variants.Length];
                var pod = RunnerPods.ForBackup(replica, new RunnerOptions { BackupClaim = Lab.Lab.BackupClaim, BackupPath = root.Name }, "benchmark", context.Now, owner: null);
                var took = await RunAsync(client, gateway.Kubernetes, pod with { Script = script }, cancellationToken);
                var bytes = new DirectoryInfo(Path.Combine(root.Folder, "base")).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
                root.Clear();
                seconds[name].Add(took.TotalSeconds);
                sizes[name].Add(bytes / Megabyte);
                Console.Error.WriteLine($"round {round + 1}: {name} {took.TotalSeconds:0.00} s, {bytes / Megabyte:0} MB");
            }
        }

        Console.WriteLine($"From the start of mariadb-backup to the published and synced backup, {Rounds} rounds:");
        Console.WriteLine("variant      min s  median s   max s  stored MB  of ours");
        foreach (var (name, _) in Variants)
        {
            var figures = seconds[name];
            Console.WriteLine($"{name,-9}  {figures.Min,7:0.00}  {figures.Median,8:0.00}  {figures.Max,6:0.00}  {sizes[name].Median,9:0.0}  {figures.Median / seconds["ours"].Median,7:0.00}");
        }

        var (ours, gain, cost) = (sizes["ours"].Median, seconds["gzip"].Median / seconds["ours"].Median, seconds["ours"].Median / seconds["directory"].Median);
        var bounds = new Bounds();
        bounds.Require(gain >= LeastGain, $"Ours is {gain:0.0} times as fast as mariadb-backup --stream=xbstream | gzip (bound: {LeastGain}).");
        bounds.Require(cost <= LargestCost, $"Ours takes {cost:0.00} times as long as mariadb-backup into a directory (bound: {LargestCost}).");
        bounds.Require(ours < sizes["gzip"].Median, $"Ours is {ours:0.0} MB, gzip's {sizes["gzip"].Median:0.0} MB (bound: smaller).");
        return bounds.Held;
    }

    private static async Task<TimeSpan> RunAsync(IKubernetes client, IKubernetesCluster cluster, RunnerPod pod, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(RunLimit);
        await cluster.CreatePodAsync(pod, limit.Token);
        try
        {
            await foreach (var line in cluster.FollowLogAsync(pod.Namespace, pod.Name, RunnerPod.Container, limit.Token))
            {
                // The runner's script waits for the word that the replica is desynced; here it may stay.
                if (RunnerEvent.Parse(line) is ReadyEvent)
                {
                    await cluster.ExecAsync(pod.Namespace, pod.Name, RunnerPod.Container, ["/bin/bash", "-c", $"echo go >{RunnerPod.RunPath}/go"], limit.Token);
                }
            }

            using var reader = new StreamReader(await client.CoreV1.ReadNamespacedPodLogAsync(pod.Name, pod.Namespace, timestamps: true, cancellationToken: limit.Token));
            var log = await reader.ReadToEndAsync(limit.Token);
            await foreach (var seen in cluster.WatchPodAsync(pod.Namespace, pod.Name, limit.Token))
            {
                if (seen is not { Phase: "Pending" or "Running" })
                {
                    return seen is { Phase: "Succeeded" } ? TimeOf(log, "result") - TimeOf(log, "copying") : throw new InvalidOperationException($"The pod {pod.Name} failed: {log}");
                }
            }

            throw new InvalidOperationException($"The pod {pod.Name} was not seen to end.");
        }
        finally
        {
            await cluster.DeletePodAsync(pod.Namespace, pod.Name, TimeSpan.FromSeconds(5), CancellationToken.None);
        }
    }

    private static DateTimeOffset TimeOf(string log, string step)
    {
        var line = log.Split('\n').First(line => line.Contains($$"""{"event":"{{step}}""", StringComparison.Ordinal));
        return DateTimeOffset.Parse(line.AsSpan(0, line.IndexOf(' ', StringComparison.Ordinal)), CultureInfo.InvariantCulture);
    }

    private sealed class Silence : IProgressSink
    {
        public void Progress(WorkflowProgress progress)
        {
        }

        public void Verbose(string message)
        {
        }

        public void Warning(string message) => Console.Error.WriteLine(message);
    }
}
