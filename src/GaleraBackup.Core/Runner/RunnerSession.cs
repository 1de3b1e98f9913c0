using System.Globalization;
using GaleraBackup.Ports;
using GaleraBackup.Workflow;

namespace GaleraBackup.Runner;

/// <summary>
/// One runner pod from its creation to its end. It is started before the replica is touched: all that can be refused (claims, node,
/// image, space, rights on the volume) is refused while the replica still serves. Disposing it removes the pod.
/// </summary>
public sealed class RunnerSession : IAsyncDisposable
{
    /// <summary>A kubelet may keep a pod that is deleted while its container starts for most of a minute (seen on 1.20: 47 s).</summary>
    private static readonly TimeSpan CleanUpTimeout = TimeSpan.FromSeconds(90);

    /// <summary>For a command in a pod that only passes a word.</summary>
    private static readonly TimeSpan ExecTimeout = TimeSpan.FromSeconds(60);

    /// <summary>Only ErrImagePull may still turn out well: the registry's first hiccup. The kubelet tries again, or says ImagePullBackOff.</summary>
    private static readonly HashSet<string> ImageReasons = new(StringComparer.Ordinal)
    {
        "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "ImageInspectError", "SignatureValidationFailed", TransientImageReason,
    };

    private static readonly HashSet<string> HopelessReasons = new(StringComparer.Ordinal)
    {
        "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    };

    private const string TransientImageReason = "ErrImagePull";

    private readonly BackupContext _context;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _startLimit;
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<CopiedEvent> _copied = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<ResultEvent> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> _log = [];
    private readonly RunnerOptions _options;
    private Task _following = Task.CompletedTask;
    private RunnerProgress? _progress;
    private volatile PodSnapshot? _seen;
    private ErrorEvent? _error;
    private ResultEvent? _result;
    private bool _going;
    private long _wentAt;
    private bool _hasSecret;
    private bool _hasPod;
    private bool _disposed;

    private RunnerSession(BackupContext context, RunnerPod pod, RunnerOptions options)
    {
        (_context, Pod, _options) = (context, pod, options);
        _startLimit = new CancellationTokenSource(options.StartTimeout, context.Clock);
    }

    public RunnerPod Pod { get; }

    /// <summary>What the runner said so far, mariadb-backup's log above all.</summary>
    public IReadOnlyList<string> Log
    {
        get
        {
            lock (_log)
            {
                return [.. _log];
            }
        }
    }

    // One limit for the whole of what follows the word, however many steps it is waited for in.
    private TimeSpan Remaining
    {
        get
        {
            var remaining = _options.Timeout - _context.Clock.GetElapsedTime(_wentAt);
            return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
        }
    }

    /// <summary>Creates the pod and waits until it has checked everything and waits for the word.</summary>
    /// <exception cref="GaleraBackupException">
    /// <c>ClaimNotFound</c>, <c>ClaimNotShareable</c>, <c>RunnerNotScheduled</c>, <c>RunnerImageNotPulled</c>, <c>RunnerNotStarted</c>, and what
    /// the runner refuses: <c>NotEnoughSpace</c>, <c>BackupPathNotWritable</c>, <c>SqlAccessDenied</c>, <c>WrongServer</c> …
    /// </exception>
    public static async Task<RunnerSession> StartAsync(
        BackupContext context, RunnerPod pod, RunnerOptions options, CancellationToken cancellationToken)
    {
        await RequireClaimAsync(context, pod, cancellationToken).ConfigureAwait(false);
        var session = new RunnerSession(context, pod, options);
        try
        {
            await session.CreateAsync(cancellationToken).ConfigureAwait(false);
            await session.WaitUntilReadyAsync(cancellationToken).ConfigureAwait(false);
            return session;
        }
        catch
        {
            await session.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The uid and gid that own the data directory, asked of the target pod itself; null if its spec already says as whom it runs.</summary>
    public static async Task<(long Uid, long Gid)?> FindOwnerAsync(BackupContext context, GaleraNode node, CancellationToken cancellationToken)
    {
        var layout = node.Layout!;
        if (layout.RunAsUser is not null)
        {
            return null;
        }

        var result = await ExecAsync(
            context, node.PodSnapshot.Namespace, node.Pod, layout.Container, ["stat", "-c", "%u %g", layout.DataMountPath], cancellationToken).ConfigureAwait(false);
        var parts = result.Output.Split(' ', StringSplitOptions.TrimEntries);
        return result.ExitCode == 0 && parts.Length == 2 && long.TryParse(parts[0], out var uid) && long.TryParse(parts[1], out var gid)
            ? (uid, gid)
            : throw new GaleraBackupException(
                "DataOwnerUnknown", FailureKind.Refused,
                $"The owner of {layout.DataMountPath} in pod {node.Pod} cannot be read: {result.Error.Trim()}",
                "The runner must run as the owner of the data directory.", node.Pod);
    }

    /// <summary>Tells the runner that the replica is desynced.</summary>
    public async Task GoAsync(CancellationToken cancellationToken)
    {
        _going = true;
        _wentAt = _context.Clock.GetTimestamp();
        var result = await ExecAsync(
            _context, Pod.Namespace, Pod.Name, RunnerPod.Container, ["/bin/bash", "-c", $"echo go >{RunnerPod.RunPath}/go"], cancellationToken).ConfigureAwait(false);
        if (result.ExitCode != 0)
        {
            throw Failed("RunnerFailed", $"The runner {Pod.Name} did not take the word: {result.Error.Trim()}");
        }
    }

    /// <summary>Waits until mariadb-backup has ended: from then on the replica is free, while the runner finishes the files.</summary>
    /// <exception cref="GaleraBackupException"><c>BackupToolFailed</c>, <c>RunnerFailed</c>, <c>RunnerTimedOut</c>.</exception>
    public Task<CopiedEvent> WaitUntilCopiedAsync(CancellationToken cancellationToken) =>
        Deadline.RunAsync(_context.Clock, Remaining, TimedOut, token => _copied.Task.WaitAsync(token), cancellationToken);

    /// <summary>Waits until the backup is published and the pod has ended with 0.</summary>
    /// <exception cref="GaleraBackupException">As <see cref="WaitUntilCopiedAsync"/>, and <c>StreamFailed</c>.</exception>
    public Task<ResultEvent> WaitUntilCompletedAsync(CancellationToken cancellationToken) =>
        Deadline.RunAsync(_context.Clock, Remaining, TimedOut, token => _completed.Task.WaitAsync(token), cancellationToken);

    /// <summary>Removes the pod, and with it whatever it still does; its own trap removes the partial backup.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _following.ConfigureAwait(false);
        using var limit = new CancellationTokenSource(CleanUpTimeout, _context.Clock);
        if (_hasPod)
        {
            await RemoveAsync(
                "pod", () => _context.Kubernetes.DeletePodAsync(Pod.Namespace, Pod.Name, TimeSpan.FromSeconds(20), limit.Token)).ConfigureAwait(false);
        }

        // The password goes even if the pod does not: with a limit of its own.
        if (_hasSecret)
        {
            using var secretLimit = new CancellationTokenSource(CleanUpTimeout, _context.Clock);
            await RemoveAsync("secret", () => _context.Kubernetes.DeleteSecretAsync(Pod.Namespace, Pod.Name, secretLimit.Token)).ConfigureAwait(false);
        }

        _stop.Dispose();
        _startLimit.Dispose();
    }

    private static Task<ExecResult> ExecAsync(
        BackupContext context, string ns, string pod, string container, IReadOnlyList<string> command, CancellationToken cancellationToken) =>
        Deadline.RunAsync(
            context.Clock, ExecTimeout,
            () => new GaleraBackupException(
                "ExecTimedOut", FailureKind.TimedOut, $"A command in pod {ns}/{pod} gave no answer within {ExecTimeout.TotalSeconds:0} s.",
                "See whether the pod's kubelet answers: kubectl exec.", pod),
            token => context.Kubernetes.ExecAsync(ns, pod, container, command, token), cancellationToken);

    private async Task RemoveAsync(string kind, Func<Task> remove)
    {
        try
        {
            await remove().ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is GaleraBackupException or OperationCanceledException)
        {
            _context.Progress.Warning(
                $"The runner's {kind} {Pod.Namespace}/{Pod.Name} could not be removed: {exception.Message} Remove it with: kubectl delete {kind}.");
        }
    }

    internal static GaleraBackupException ClaimNotFound(RunnerPod pod) => new(
        "ClaimNotFound", FailureKind.Refused,
        $"Namespace '{pod.Namespace}' has no PersistentVolumeClaim '{pod.BackupClaim}' for the backups.",
        "Create it, or name another with -BackupClaim.", pod.BackupClaim);

    private static async Task RequireClaimAsync(BackupContext context, RunnerPod pod, CancellationToken cancellationToken)
    {
        // A pod with a missing claim would stay Pending until the start's deadline.
        if (await context.Kubernetes.ReadClaimAsync(pod.Namespace, pod.BackupClaim, cancellationToken).ConfigureAwait(false) is null)
        {
            throw ClaimNotFound(pod);
        }

        foreach (var name in pod.Mounts.Select(mount => mount.Volume.ClaimName).OfType<string>().Distinct())
        {
            if (await context.Kubernetes.ReadClaimAsync(pod.Namespace, name, cancellationToken).ConfigureAwait(false) is { } claim
                && claim.AccessModes.Contains("ReadWriteOncePod"))
            {
                throw new GaleraBackupException(
                    "ClaimNotShareable", FailureKind.Refused,
                    $"The database's claim {name} is ReadWriteOncePod: no second pod can mount it, so no runner can read it.",
                    "Give the database's claims the access mode ReadWriteOnce.", name);
            }
        }
    }

    private async Task CreateAsync(CancellationToken cancellationToken)
    {
        if (Pod.Login?.Typed is { } login)
        {
            // A login that was typed reaches the pod as a Secret of its own, never through its spec.
            var values = new Dictionary<string, string> { ["username"] = login.UserName, ["password"] = login.Password };
            _hasSecret = true;
            await CreateAsync(
                () => _context.Kubernetes.CreateSecretAsync(Pod.Namespace, Pod.Name, Pod.Labels, values, cancellationToken),
                () => _hasSecret = false).ConfigureAwait(false);
        }

        _context.Progress.Progress(new WorkflowProgress("Starting the runner", Pod.Name));
        _hasPod = true;
        await CreateAsync(() => _context.Kubernetes.CreatePodAsync(Pod, cancellationToken), () => _hasPod = false).ConfigureAwait(false);
        _context.Progress.Verbose($"Runner pod {Pod.Name} created on node {Pod.NodeName}.");
        _following = Task.Run(() => FollowAsync(_stop.Token), CancellationToken.None);
    }

    // Ours to remove even if the answer is lost; never what another run, started in the same second, has under this name.
    private static async Task CreateAsync(Func<Task> create, Action isAnothers)
    {
        try
        {
            await create().ConfigureAwait(false);
        }
        catch (GaleraBackupException exception) when (exception.ErrorId == "ApiConflict")
        {
            isAnothers();
            throw;
        }
    }

    // While a full backup is read that is to be continued, the limit is for the next sign that it goes on.
    private async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_startLimit.Token, cancellationToken);
        try
        {
            await _ready.Task.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_startLimit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw NotStarted();
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        try
        {
            await RequireStartAsync(cancellationToken).ConfigureAwait(false);
            await foreach (var line in _context.Kubernetes
                .FollowLogAsync(Pod.Namespace, Pod.Name, RunnerPod.Container, cancellationToken).ConfigureAwait(false))
            {
                Handle(line);
            }

            var pod = await _context.Kubernetes.WatchPodAsync(Pod.Namespace, Pod.Name, cancellationToken)
                .FirstAsync(pod => pod is null or { Phase: "Succeeded" or "Failed" } || RunnerOf(pod)?.ExitCode is not null, cancellationToken).ConfigureAwait(false);
            if (_result is null || (pod is not { Phase: "Succeeded" } && RunnerOf(pod)?.ExitCode != 0))
            {
                throw HowItEnded(pod);
            }

            _completed.TrySetResult(_result);
        }
        catch (OperationCanceledException)
        {
            _ready.TrySetCanceled(cancellationToken);
            _copied.TrySetCanceled(cancellationToken);
            _completed.TrySetCanceled(cancellationToken);
        }
        catch (Exception exception)
        {
            _ready.TrySetException(exception);
            _copied.TrySetException(exception);
            _completed.TrySetException(exception);
        }
    }

    private async Task RequireStartAsync(CancellationToken cancellationToken)
    {
        var pod = await _context.Kubernetes.WatchPodAsync(Pod.Namespace, Pod.Name, cancellationToken)
            .FirstAsync(
                pod =>
                {
                    _seen = pod;
                    return pod is null or not { Phase: "Pending" } || IsHopeless(pod);
                },
                cancellationToken).ConfigureAwait(false);
        if (pod is null || pod.Phase == "Pending")
        {
            throw CannotStart(Pod, pod, "cannot start");
        }
    }

    /// <summary>Why a pod of ours does not run, in the cluster's own words.</summary>
    /// <param name="pod">As it was last seen; null once it is gone.</param>
    /// <param name="what">What became of it, to be read after its name.</param>
    internal static GaleraBackupException CannotStart(RunnerPod wanted, PodSnapshot? pod, string what)
    {
        var container = pod?.Containers.FirstOrDefault(container => ImageReasons.Contains(container.Reason ?? "") || HopelessReasons.Contains(container.Reason ?? ""))
            ?? RunnerOf(pod);
        if (container?.Reason is { } reason && ImageReasons.Contains(reason))
        {
            return Refused(
                "RunnerImageNotPulled", $"{reason}. {container.Message ?? container.Image}",
                container.Name == RunnerPod.CompressorContainer
                    ? $"Its image {container.Image} was given with -CompressorImage: see its name, the pull secrets, and node {wanted.NodeName}."
                    : $"Its image {container.Image} is that of the replica's server: see the pull policy {wanted.ImagePullPolicy}, the pull secrets, and node {wanted.NodeName}.");
        }

        if (pod is { Phase: "Pending", NodeName: null })
        {
            return Refused(
                "RunnerNotScheduled", $"{pod.Reason ?? "Unschedulable"}. {pod.Message}",
                $"It must run on node {wanted.NodeName}, where the replica's volume is: see the node's resources and taints, and the claims.");
        }

        var why = pod is null ? "it is gone" : container?.Reason ?? pod.Reason;
        return Refused(
            "RunnerNotStarted", $"{why}. {container?.Message ?? pod?.Message}",
            $"See: kubectl describe pod {wanted.Name}. It must run on node {wanted.NodeName}, where the replica's volume is.");

        GaleraBackupException Refused(string errorId, string why, string recommendation) => new(
            errorId, FailureKind.Refused, $"The pod {wanted.Name} {what}: {why.Trim(' ', '.')}.", recommendation, wanted.Name);
    }

    // With a second container beside it the pod may live on for a while.
    private static ContainerSnapshot? RunnerOf(PodSnapshot? pod) => pod?.Containers.FirstOrDefault(container => container.Name == RunnerPod.Container);

    internal static bool IsHopeless(PodSnapshot pod) =>
        pod.Containers.Any(container => container.Reason is { } reason && HopelessReasons.Contains(reason));

    private void Handle(string line)
    {
        var step = RunnerEvent.Parse(line);
        lock (_log)
        {
            _log.Add(step is LogEvent log ? log.Message : line);
        }

        switch (step)
        {
            case SpaceEvent space:
                _context.Progress.Verbose(
                    $"Data directory {ByteSize.Format(space.DatabaseKiB * 1024)}; the backup volume has {ByteSize.Format(space.AvailableKiB * 1024)} available, more than {ByteSize.Format(space.RequiredKiB * 1024)} is required.");
                break;
            case CheckingEvent checking:
                _startLimit.CancelAfter(_options.StartTimeout);
                _context.Progress.Progress(new WorkflowProgress("Starting the runner", $"read {ByteSize.Format(checking.Bytes)} of the full backup to be continued"));
                break;
            case ReadyEvent:
                _context.Progress.Progress(new WorkflowProgress("Starting the runner", "ready", Completed: true));
                _ready.TrySetResult();
                break;
            case CopyingEvent:
                _context.Progress.Verbose("mariadb-backup is running.");
                _progress = new RunnerProgress(_context.Clock);
                break;
            case ProgressEvent progress when _progress is not null:
                _context.Progress.Progress(_progress.Read(progress));
                break;
            case LogEvent log:
                _context.Progress.Verbose($"runner: {log.Message}");
                break;
            case CopiedEvent copied:
                _context.Progress.Progress(new WorkflowProgress("Copying", "done", 100, Completed: true));
                _copied.TrySetResult(copied);
                break;
            case ResultEvent result:
                _result = result;
                break;
            case ErrorEvent error:
                _error ??= error;
                break;
        }
    }

    private GaleraBackupException HowItEnded(PodSnapshot? pod)
    {
        if (_error is { } error)
        {
            return Failed(error.ErrorId, error.Message);
        }

        if (pod is { Reason: "DeadlineExceeded" })
        {
            return TimedOut();
        }

        var container = RunnerOf(pod);
        var how = pod is null
            ? "it was deleted"
            : $"{container?.Reason ?? pod.Reason ?? pod.Phase}, exit status {container?.ExitCode?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}";
        return Failed("RunnerFailed", $"The runner {Pod.Name} ended without a backup: {how}. {Log.LastOrDefault()}".TrimEnd());
    }

    // Before the word nothing has been touched: then it is a refusal, not a failed backup.
    private GaleraBackupException Failed(string errorId, string message) => new(
        errorId, _going ? FailureKind.Failed : FailureKind.Refused, message,
        errorId switch
        {
            "NotEnoughSpace" => "Free space with Remove-OldBackup, or enlarge the backup volume.",
            "SqlAccessDenied" => "Check -BackupCredential or -BackupCredentialSecret, or the Secret that the pod's environment names.",
            "SqlTlsFailed" => "Check -SslMode and -SslCa, and the server's certificate.",
            "BackupPathUnsafe" => "Replace the link on the backup volume by a real folder, or name another with -BackupPath.",
            "BackupPathNotWritable" => $"Let uid {Pod.RunAsUser} write to the backup volume.",
            "StreamFailed" => "See the backup volume: its space, its inodes, its health. What was written of this backup is removed.",
            _ => "The run's Log has what the runner said.",
        },
        Pod.Name);

    private GaleraBackupException NotStarted()
    {
        var what = $"was not ready within {_options.StartTimeout.TotalSeconds:0} s";
        return _seen is { Phase: not "Pending" }
            ? new GaleraBackupException(
                "RunnerNotStarted", FailureKind.Refused, $"The pod {Pod.Name} {what}: it runs, and its checks take longer. {Log.LastOrDefault()}".TrimEnd(),
                $"See: kubectl logs {Pod.Name}. A slow backup volume needs a longer start.", Pod.Name)
            : CannotStart(Pod, _seen, what);
    }

    private GaleraBackupException TimedOut() => new(
        "RunnerTimedOut", FailureKind.TimedOut,
        $"The runner {Pod.Name} was not done within {_options.Timeout.TotalSeconds:0} s.",
        "Give it longer with -Timeout; its partial backup is removed.", Pod.Name);
}
