using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using GaleraBackup.Policy;
using GaleraBackup.Ports;
using GaleraBackup.Runner;
using GaleraBackup.Workflow;
using Microsoft.Extensions.Time.Testing;

namespace GaleraBackup.Core.Tests.Workflow;

/// <summary>
/// Three nodes, their pods and Services, a backup claim and the pods that run beside a node: a state machine in virtual time. A desync takes
/// effect after a while, readiness and endpoints follow a probe later, and what changed the cluster is noted in <see cref="Steps"/> in its order.
/// </summary>
public sealed class FakeCluster : IKubernetesCluster, IGaleraConnector, IProgressSink
{
    public const string Claim = "mariadb-phy-backup-data";
    public const string LeaseName = "galera-backup-mariadb-server";
    public static readonly TimeSpan ServerLag = TimeSpan.FromMilliseconds(250);
    public static readonly TimeSpan ProbeLag = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly List<string> _steps = [];
    private readonly List<string> _warnings = [];
    private readonly Dictionary<string, FakeRunner> _pods = [];
    private readonly Dictionary<string, (string User, string Password)> _secrets = [];
    private readonly List<ITimer> _timers = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LeaseSnapshot? _lease;
    private readonly Dictionary<string, string> _manifests = [];
    private long _resourceVersion;
    private int _sessions;

    public FakeCluster()
    {
        Clock = new FakeTimeProvider(Make.Now);
        Nodes = [new FakeNode(this, 0), new FakeNode(this, 1), new FakeNode(this, 2)];
        Context = new BackupContext(this, this, this, Clock);
    }

    public FakeTimeProvider Clock { get; }
    public BackupContext Context { get; }
    public FakeNode[] Nodes { get; private set; }

    /// <summary>Requests to the API that only read.</summary>
    public int ApiReads { get; private set; }

    /// <summary>How many sessions were open at once at most.</summary>
    public int MostSessions { get; private set; }

    /// <summary>Held by whoever reads a server's status: so that a test can let many do it at once.</summary>
    public Task ServersAnswer { get; set; } = Task.CompletedTask;

    /// <summary>The node that a backup is taken from.</summary>
    public FakeNode Target => Nodes[2];

    public string DefaultNamespace => "openstack";

    /// <summary>How far virtual time goes at once.</summary>
    public TimeSpan Step { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Called in the middle of a port's method, once the cluster has changed.</summary>
    public Action<string>? OnStep { get; set; }

    /// <summary>Called before the cluster changes: somebody else is faster.</summary>
    public Action<string>? BeforeStep { get; set; }

    /// <summary>What the runner's script says and does, beginning when its container runs.</summary>
    public Action<FakeRunner> OnRunnerStarted { get; set; } = runner => runner.SayReady();

    /// <summary>What it does at the word.</summary>
    public Action<FakeRunner> OnGo { get; set; } = runner => runner.Copy();

    /// <summary>Why the runner's container waits, if it never starts.</summary>
    public string? RunnerWaits { get; set; }

    /// <summary>The scheduler's words, if it finds no place for the runner.</summary>
    public string? Unschedulable { get; set; }

    /// <summary>What is in the Secrets.</summary>
    public Func<SecretKeyReference, string> ReadSecret { get; set; } = _ => "admin-password";

    /// <summary>Access modes of claims other than the default.</summary>
    public Dictionary<string, string> AccessModes { get; } = [];

    /// <summary>Another run's runner was created a moment earlier, with the same name.</summary>
    public bool RunnerNameIsTaken { get; set; }

    /// <summary>How long a pod takes to end once it is deleted.</summary>
    public TimeSpan GracePeriod { get; set; }

    /// <summary>A full backup of this cluster, with its manifest.</summary>
    public void AddBackup(string id) => _manifests.Add(id, Make.Manifest(id).ReplaceLineEndings(""));

    /// <summary>Called with each pod that is created.</summary>
    public Action<RunnerPod>? OnPodCreated { get; set; }

    /// <summary>True while nobody has written a backup to the claim.</summary>
    public bool IsNewVolume { get; set; }

    /// <summary>Ids on the backup claim; a trailing <c>?</c> marks a partial one.</summary>
    public List<string> Backups { get; } = [];

    /// <summary>The error of a step that the API refuses, by the step's name.</summary>
    public Dictionary<string, GaleraBackupException> Refusals { get; } = [];

    /// <summary>What changed the cluster, and what the runner was told and said of note.</summary>
    public IReadOnlyList<string> Steps
    {
        get
        {
            lock (_lock)
            {
                return [.. _steps];
            }
        }
    }

    public IReadOnlyList<string> Warnings
    {
        get
        {
            lock (_lock)
            {
                return [.. _warnings];
            }
        }
    }

    public LeaseSnapshot? Lease
    {
        get
        {
            lock (_lock)
            {
                return _lease;
            }
        }
        set
        {
            lock (_lock)
            {
                _lease = value is null ? null : value with { ResourceVersion = NextVersion() };
            }
        }
    }

    public IReadOnlyCollection<string> Pods
    {
        get
        {
            lock (_lock)
            {
                return [.. _pods.Keys];
            }
        }
    }

    public IReadOnlyDictionary<string, (string User, string Password)> Secrets
    {
        get
        {
            lock (_lock)
            {
                return new Dictionary<string, (string, string)>(_secrets);
            }
        }
    }

    /// <summary>Lets virtual time pass until the work is done; fails if it is not after a while of real time.</summary>
    public async Task<T> RunAsync<T>(Task<T> work)
    {
        await RunUntilAsync(() => work.IsCompleted);
        return await work;
    }

    /// <summary>Lets virtual time pass until the condition holds.</summary>
    public async Task RunUntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition())
        {
            Assert.False(limit.IsCancellationRequested, $"It did not come about; the last steps were: {string.Join(", ", Steps.TakeLast(5))}");

            // What the last step of time has set in motion comes first: the thread pool takes turns.
            for (var turn = 0; turn < 20; turn++)
            {
                await Task.Yield();
            }

            await Task.Delay(1, CancellationToken.None);
            Clock.Advance(Step);
        }
    }

    /// <summary>The given steps, in the order in which they came.</summary>
    public IReadOnlyList<string> StepsAmong(params string[] steps) => [.. Steps.Where(steps.Contains)];

    public void Change(Action change, string? step = null)
    {
        lock (_lock)
        {
            change();
            if (step is not null)
            {
                _steps.Add(step);
            }

            var changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            changed.SetResult();
        }

        if (step is not null)
        {
            OnStep?.Invoke(step);
        }
    }

    public void Later(TimeSpan delay, Action change)
    {
        var timer = Clock.CreateTimer(_ => Change(change), null, delay, Timeout.InfiniteTimeSpan);
        lock (_lock)
        {
            _timers.Add(timer);
        }
    }

    public void Grow(int nodes) => Nodes = [.. Enumerable.Range(0, nodes).Select(ordinal => new FakeNode(this, ordinal))];

    internal void CountSession(int change)
    {
        lock (_lock)
        {
            _sessions += change;
            MostSessions = Math.Max(MostSessions, _sessions);
        }
    }

    private Task<T> ReadAsync<T>(T value)
    {
        lock (_lock)
        {
            ApiReads++;
        }

        return Task.FromResult(value);
    }

    public Task<IReadOnlyList<StatefulSetSnapshot>> ListStatefulSetsAsync(string ns, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<StatefulSetSnapshot>>(
        [
            new StatefulSetSnapshot
            {
                Name = "mariadb-server",
                Namespace = ns,
                Uid = "uid-set",
                Replicas = Nodes.Length,
                Selector = "application=mariadb,component=server",
                Containers = [Make.Container()],
            },
        ]);

    public Task<IReadOnlyList<PodSnapshot>> ListPodsAsync(string ns, string? labelSelector, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<PodSnapshot>>([.. Nodes.Select(node => node.Pod)]);

    public Task<IReadOnlyList<ServiceSnapshot>> ListServicesAsync(string ns, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ServiceSnapshot>>(
        [
            new ServiceSnapshot { Name = "mariadb", Selector = new Dictionary<string, string> { ["application"] = "mariadb" } },
            new ServiceSnapshot
            {
                Name = "mariadb-discovery",
                Selector = new Dictionary<string, string> { ["application"] = "mariadb" },
                PublishesNotReadyAddresses = true,
            },
            new ServiceSnapshot { Name = "other", Selector = new Dictionary<string, string> { ["application"] = "other" } },
        ]);

    public Task<ClaimSnapshot?> ReadClaimAsync(string ns, string name, CancellationToken cancellationToken) =>
        Task.FromResult(name == Claim || AccessModes.ContainsKey(name)
            ? new ClaimSnapshot { Name = name, Phase = "Bound", AccessModes = [AccessModes.GetValueOrDefault(name, "ReadWriteMany")] }
            : null);

    public Task<string> ReadSecretValueAsync(string ns, SecretKeyReference secret, CancellationToken cancellationToken) =>
        ReadAsync(ReadSecret(secret));

    public Task CreateSecretAsync(
        string ns, string name, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> values, CancellationToken cancellationToken) =>
        ActAsync("secret created", () => _secrets.Add(name, (values["username"], values["password"])), cancellationToken);

    public Task DeleteSecretAsync(string ns, string name, CancellationToken cancellationToken) =>
        Secrets.ContainsKey(name) ? ActAsync("secret deleted", () => _secrets.Remove(name), cancellationToken) : Task.CompletedTask;

    public IAsyncEnumerable<PodSnapshot?> WatchPodAsync(string ns, string name, CancellationToken cancellationToken) =>
        WatchAsync(() => Nodes.FirstOrDefault(node => node.Name == name)?.Pod ?? _pods.GetValueOrDefault(name)?.Pod, cancellationToken);

    public IAsyncEnumerable<IReadOnlySet<string>> WatchServicesOfPodAsync(string ns, string podName, CancellationToken cancellationToken) =>
        WatchAsync<IReadOnlySet<string>>(
            () => Nodes.Single(node => node.Name == podName).InEndpoints
                ? new HashSet<string> { "mariadb", "mariadb-discovery" }
                : new HashSet<string> { "mariadb-discovery" },
            cancellationToken);

    public Task CreatePodAsync(RunnerPod pod, CancellationToken cancellationToken)
    {
        var runner = new FakeRunner(this, pod);
        OnPodCreated?.Invoke(pod);
        if (RunnerNameIsTaken)
        {
            _pods.Add(pod.Name, new FakeRunner(this, null));
        }

        return ActAsync(
            $"{runner.Role} created",
            () =>
            {
                if (!_pods.TryAdd(pod.Name, runner))
                {
                    throw Failure("ApiConflict", FailureKind.Failed);
                }

                runner.StartLater();
            },
            cancellationToken);
    }

    public string RenderPod(RunnerPod pod) => $"name: {pod.Name}";

    public async Task DeletePodAsync(string ns, string name, TimeSpan gracePeriod, CancellationToken cancellationToken)
    {
        FakeRunner? runner;
        lock (_lock)
        {
            _pods.TryGetValue(name, out runner);
        }

        if (runner is null)
        {
            return;
        }

        await Task.Delay(GracePeriod, Clock, cancellationToken);
        await ActAsync(
            $"{runner.Role} deleted",
            () =>
            {
                _pods.Remove(name);
                runner.Log.Writer.TryComplete();
            },
            cancellationToken);
    }

    public async IAsyncEnumerable<string> FollowLogAsync(
        string ns, string podName, string container, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        FakeRunner runner;
        lock (_lock)
        {
            runner = _pods[podName];
        }

        await foreach (var line in runner.Log.Reader.ReadAllAsync(cancellationToken))
        {
            yield return line;
        }
    }

    public async Task<ExecResult> ExecAsync(string ns, string podName, string container, IReadOnlyList<string> command, CancellationToken cancellationToken)
    {
        if (command[0] == "stat")
        {
            return new ExecResult(0, "999 998\n", "");
        }

        if (command[2] == $"echo go >{RunnerPod.RunPath}/go")
        {
            await ActAsync("go", () => { }, cancellationToken);
            OnGo(_pods[podName]);
            return new ExecResult(0, "", "");
        }

        Assert.Equal(["/bin/bash", "-c", "exec /bin/bash -c \"$GALERA_BACKUP_STORE\" \"$@\"", "backup-store", "backup-store"], command.Take(5));
        if (IsNewVolume)
        {
            return new ExecResult(3, "", "/var/backup is no backup root: it has no folder 'base'.");
        }

        if (command[5] == "list")
        {
            await ActAsync("listed", () => { }, cancellationToken);
            var listing = string.Concat(Backups.Select(id =>
                $"f 1 {id.TrimEnd('?')}/backup.stream.gz\n{(id.EndsWith('?') ? "" : $"f 0 {id}/backup.successful\n")}"))
                + string.Concat(_manifests.Select(manifest => $"f 100 {manifest.Key}/backup.stream.zst\nf 1 {manifest.Key}/manifest.json\nm {manifest.Key}/manifest.json:{manifest.Value}\n"));
            return new ExecResult(0, $"{listing}end {listing.Length} {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(listing)))}\n", "");
        }

        var removed = command[6];
        await ActAsync($"removed {removed}", () => Assert.True(Backups.Remove(removed)), cancellationToken);
        return new ExecResult(0, "", "");
    }

    public Task<LeaseSnapshot?> ReadLeaseAsync(string ns, string name, CancellationToken cancellationToken)
    {
        Assert.Equal(LeaseName, name);
        return Task.FromResult(Lease);
    }

    public async Task<LeaseSnapshot> CreateLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken)
    {
        var created = lease;
        await ActAsync(
            "lease created",
            () =>
            {
                RequireVersion(null);
                _lease = created = lease with { ResourceVersion = NextVersion() };
            },
            cancellationToken);
        return created;
    }

    public async Task<LeaseSnapshot> ReplaceLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken)
    {
        var replaced = lease;
        await ActAsync(
            lease.AcquiredAt == lease.RenewedAt ? "lease taken over" : "lease renewed",
            () =>
            {
                RequireVersion(lease.ResourceVersion);
                _lease = replaced = lease with { ResourceVersion = NextVersion() };
            },
            cancellationToken);
        return replaced;
    }

    public Task DeleteLeaseAsync(LeaseSnapshot lease, CancellationToken cancellationToken) => ActAsync(
        "lease deleted",
        () =>
        {
            RequireVersion(lease.ResourceVersion);
            _lease = null;
        },
        cancellationToken);

    public Task<IGaleraNodeSession> ConnectAsync(
        PodSnapshot pod, SqlLogin login, ClusterScope scope, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Assert.Equal(("root", "admin-password"), (login.UserName, login.Password));
        var node = Nodes.Single(node => node.Name == pod.Name);
        if (!node.Answers)
        {
            throw Failure("SqlUnreachable", FailureKind.Unreachable);
        }

        CountSession(+1);
        return Task.FromResult<IGaleraNodeSession>(new FakeSession(this, node));
    }

    public void Progress(WorkflowProgress progress)
    {
    }

    public void Verbose(string message)
    {
    }

    public void Warning(string message)
    {
        lock (_lock)
        {
            _warnings.Add(message);
        }
    }

    public void Dispose()
    {
    }

    public static GaleraBackupException Failure(string id, FailureKind kind) => new(id, kind, $"{id} it is.", "Nothing.");

    // As over a network: what was asked for happens, and then the caller may already be gone.
    internal Task ActAsync(string step, Action change, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (Refusals.GetValueOrDefault(step) is { } refusal)
        {
            throw refusal;
        }

        BeforeStep?.Invoke(step);
        Change(change, step);
        cancellationToken.ThrowIfCancellationRequested();
        return Task.CompletedTask;
    }

    private async IAsyncEnumerable<T> WatchAsync<T>(Func<T> read, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            T value;
            lock (_lock)
            {
                changed = _changed.Task;
                value = read();
            }

            yield return value;
            await changed.WaitAsync(cancellationToken);
        }
    }

    private void RequireVersion(string? version)
    {
        if (_lease?.ResourceVersion != version)
        {
            throw Failure("ApiConflict", FailureKind.Failed);
        }
    }

    private string NextVersion() => (++_resourceVersion).ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>A server and its pod.</summary>
public sealed class FakeNode(FakeCluster cluster, int ordinal)
{
    private readonly Queue<long> _queueSamples = new();
    private int _generation;

    public string Name { get; } = $"mariadb-server-{ordinal}";
    public bool Desync { get; set; }
    public int LocalState { get; set; } = WsrepStatus.Synced;
    public bool PodReady { get; set; } = true;
    public bool InEndpoints { get; set; } = true;
    public bool Answers { get; set; } = true;

    /// <summary>The server takes the statement and nothing follows.</summary>
    public bool NeverLeaves { get; set; }

    /// <summary>Its readiness probe does not ask for Synced.</summary>
    public bool StaysReady { get; set; }
    public bool NeverSyncs { get; set; }
    public ProbeSnapshot? ReadinessProbe { get; set; }
    public TimeSpan ProbeLag { get; set; } = FakeCluster.ProbeLag;

    /// <summary>Label mariadb_role.</summary>
    public string? Role { get; set; }

    /// <summary>State transfers that this node feeds.</summary>
    public int StateTransfers { get; set; }
    public bool NeverBecomesReady { get; set; }

    /// <summary>@@hostname of whatever answers at the pod's address.</summary>
    public string HostName { get; set; } = $"mariadb-server-{ordinal}";

    /// <summary>Counted up, it cuts the connections that are open.</summary>
    public int Connections { get; set; }

    /// <summary>wsrep_local_recv_queue as it was shown at each read, and null for each OFF.</summary>
    public List<long?> QueueReads { get; } = [];

    public PodSnapshot Pod
    {
        get
        {
            var pod = Make.Pod(ordinal, Make.Container() with { ReadinessProbe = ReadinessProbe });
            return pod with
            {
                Ready = PodReady,
                Labels = Role is null ? pod.Labels : new Dictionary<string, string>(pod.Labels) { ["mariadb_role"] = Role },
            };
        }
    }

    public void ShowQueue(params long[] samples)
    {
        foreach (var sample in samples)
        {
            _queueSamples.Enqueue(sample);
        }
    }

    public WsrepStatus Read()
    {
        var queue = Desync && _queueSamples.TryDequeue(out var sample) ? sample : 0;
        if (Desync)
        {
            QueueReads.Add(queue);
        }

        return Make.Wsrep(HostName) with
        {
            Desync = Desync,
            DesyncCount = (Desync ? 1 : 0) + StateTransfers,
            LocalState = LocalState,
            LocalStateComment = LocalState switch { 2 => "Donor/Desynced", 3 => "Joined", _ => "Synced" },
            ReceiveQueue = queue,
            ClusterSize = cluster.Nodes.Count(node => node.Answers),
        };
    }

    public void Set(bool on)
    {
        Desync = on;
        var generation = ++_generation;
        if (on ? NeverLeaves : NeverSyncs)
        {
            return;
        }

        if (on)
        {
            Then(FakeCluster.ServerLag, () => LocalState = WsrepStatus.DonorDesynced);
        }
        else
        {
            QueueReads.Add(null);
            Then(FakeCluster.ServerLag, () => LocalState = LocalState == WsrepStatus.DonorDesynced ? 3 : LocalState);
            Then(FakeCluster.ServerLag * 2, () => LocalState = WsrepStatus.Synced);
        }

        if (on ? !StaysReady : !NeverBecomesReady)
        {
            Then(ProbeLag, () => PodReady = !on);
            Then(ProbeLag * 1.2, () => InEndpoints = !on);
        }

        // A later statement overtakes what the earlier one has set in motion.
        void Then(TimeSpan delay, Action change) => cluster.Later(delay, () =>
        {
            if (generation == _generation)
            {
                change();
            }
        });
    }
}

public sealed class FakeSession(FakeCluster cluster, FakeNode node) : IGaleraNodeSession
{
    private readonly int _connection = node.Connections;
    private bool _disposed;

    public async Task<WsrepStatus> ReadStatusAsync(CancellationToken cancellationToken)
    {
        RequireOpen();
        cancellationToken.ThrowIfCancellationRequested();
        await cluster.ServersAnswer;
        return node.Read();
    }

    public async Task<bool> SetDesyncAsync(bool on, CancellationToken cancellationToken)
    {
        RequireOpen();
        var changes = true;
        await cluster.ActAsync(
            $"{node.Name} desync {(on ? "ON" : "OFF")}",
            () =>
            {
                changes = node.Desync != on;
                node.Set(on);
            },
            cancellationToken);
        return changes;
    }

    public ValueTask DisposeAsync()
    {
        if (!_disposed)
        {
            cluster.CountSession(-1);
        }

        _disposed = true;
        return ValueTask.CompletedTask;
    }

    private void RequireOpen()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_connection != node.Connections || !node.Answers)
        {
            throw FakeCluster.Failure("SqlUnreachable", FailureKind.Unreachable);
        }
    }
}

/// <summary>A pod of ours; what its script says and when it ends is told from outside.</summary>
public sealed class FakeRunner(FakeCluster cluster, RunnerPod? spec)
{
    private string _phase = "Pending";
    private string? _reason;
    private int? _exitCode;

    /// <summary>runner; store, or catalogue if it may only look.</summary>
    public string Role { get; } = spec is null ? "foreign pod" : spec.BackupReadOnly ? "catalogue" : spec.Labels["app.kubernetes.io/component"];
    private string? Waits => Role == "runner" ? cluster.RunnerWaits : null;
    private string? Unschedulable => Role == "runner" ? cluster.Unschedulable : null;
    public Channel<string> Log { get; } = Channel.CreateUnbounded<string>();

    public PodSnapshot Pod => new()
    {
        Name = spec?.Name ?? "foreign",
        Namespace = "openstack",
        Uid = "uid-runner",
        Phase = _phase,
        NodeName = Unschedulable is null ? spec?.NodeName : null,
        Reason = _reason ?? (Unschedulable is null ? null : "Unschedulable"),
        Message = Unschedulable,
        Containers = [new ContainerSnapshot { Name = "runner", Image = "image", ExitCode = _exitCode, Reason = Waits ?? (_exitCode is null or 0 ? null : "Error") }],
    };

    public void StartLater() => cluster.Later(TimeSpan.FromMilliseconds(500), () =>
    {
        if (Waits is not null || Unschedulable is not null)
        {
            return;
        }

        _phase = "Running";
        if (Role == "runner")
        {
            cluster.OnRunnerStarted(this);
        }
    });

    public void Say(string line) => Log.Writer.TryWrite(line);

    public void SayReady()
    {
        Say("""{"event":"space","databaseKiB":1048576,"availableKiB":5242880,"requiredKiB":1258291}""");
        Say("""{"event":"ready"}""");
    }

    /// <summary>A good backup.</summary>
    public void Copy()
    {
        Say("""{"event":"copying"}""");
        Say("""{"event":"log","message":"[00] Connecting to MariaDB server host: 10.0.0.12"}""");
        Say("""{"event":"progress","bytes":1048576,"totalBytes":1073741824,"storedBytes":4096}""");
        cluster.Later(TimeSpan.FromSeconds(3), () =>
        {
            Copied(0);
            cluster.Later(TimeSpan.FromSeconds(5), Publish);
        });
    }

    public void Copied(int status)
    {
        cluster.Change(() => { }, "copied");
        Say($$"""{"event":"copied","status":{{status}},"milliseconds":600000}""");
    }

    public void Publish()
    {
        Say(Make.ResultLine(spec!.Environment["GALERA_BACKUP_ID"]));
        cluster.Backups.Add(spec.Environment["GALERA_BACKUP_ID"]);
        End(0);
    }

    public void Fail(string id)
    {
        Say($$"""{"event":"error","id":"{{id}}","message":"{{id}} it is."}""");
        End(1);
    }

    /// <summary>Somebody deletes the pod.</summary>
    public void Vanish() => _ = cluster.DeletePodAsync("openstack", spec!.Name, TimeSpan.Zero, CancellationToken.None);

    public void End(int exitCode, string? reason = null) => cluster.Change(
        () =>
        {
            (_phase, _exitCode, _reason) = (exitCode == 0 ? "Succeeded" : "Failed", exitCode, reason);
            Log.Writer.TryComplete();
        },
        $"{Role} ended");
}
