namespace GaleraBackup;

// What the module reads of the Kubernetes API, as plain records: Core decides on these, Infrastructure fills them.

public sealed record StatefulSetSnapshot
{
    public required string Name { get; init; }
    public required string Namespace { get; init; }
    public required string Uid { get; init; }

    /// <summary>Replicas asked for in the spec.</summary>
    public required int Replicas { get; init; }

    /// <summary>The label selector in the API's own syntax (<c>a=b,c=d</c>).</summary>
    public required string Selector { get; init; }

    /// <summary>True while pods of an older revision are being replaced (status.updateRevision is not yet status.currentRevision).</summary>
    public bool RollingOut { get; init; }

    public required IReadOnlyList<ContainerSnapshot> Containers { get; init; }
}

public sealed record PodSnapshot
{
    public required string Name { get; init; }
    public required string Namespace { get; init; }
    public required string Uid { get; init; }
    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>The StatefulSet that owns the pod, if one does.</summary>
    public string? StatefulSet { get; init; }

    /// <summary>The Kubernetes node it runs on; null while it is not scheduled.</summary>
    public string? NodeName { get; init; }
    public string? PodIP { get; init; }

    /// <summary>Pending, Running, Succeeded, Failed or Unknown.</summary>
    public required string Phase { get; init; }

    /// <summary>The pod's Ready condition.</summary>
    public bool Ready { get; init; }
    public bool Terminating { get; init; }

    /// <summary>Why it does not run, in the cluster's own words (Unschedulable, ErrImageNeverPull, Evicted …), if it says so.</summary>
    public string? Reason { get; init; }
    public string? Message { get; init; }
    public long? RunAsUser { get; init; }
    public long? RunAsGroup { get; init; }
    public long? FsGroup { get; init; }
    public IReadOnlyList<long> SupplementalGroups { get; init; } = [];
    public SeLinuxOptions? SeLinux { get; init; }
    public IReadOnlyList<string> ImagePullSecrets { get; init; } = [];
    public IReadOnlyList<PodToleration> Tolerations { get; init; } = [];
    public IReadOnlyList<ContainerSnapshot> Containers { get; init; } = [];
    public IReadOnlyList<VolumeSnapshot> Volumes { get; init; } = [];
}

public sealed record ContainerSnapshot
{
    public required string Name { get; init; }
    public required string Image { get; init; }

    /// <summary>Always, IfNotPresent or Never.</summary>
    public string? ImagePullPolicy { get; init; }
    public IReadOnlyList<int> Ports { get; init; } = [];
    public IReadOnlyList<EnvironmentEntry> Environment { get; init; } = [];
    public IReadOnlyList<MountSnapshot> Mounts { get; init; } = [];
    public long? RunAsUser { get; init; }
    public long? RunAsGroup { get; init; }
    public SeLinuxOptions? SeLinux { get; init; }
    public ProbeSnapshot? ReadinessProbe { get; init; }
    public int RestartCount { get; init; }

    /// <summary>True while its process runs.</summary>
    public bool Running { get; init; }

    /// <summary>When its process before this one ended (UTC); null if it never was restarted.</summary>
    public DateTimeOffset? RestartedAt { get; init; }

    /// <summary>Exit status once the container has ended; null before.</summary>
    public int? ExitCode { get; init; }

    /// <summary>Reason of a waiting or ended container (ImagePullBackOff, OOMKilled, Error …).</summary>
    public string? Reason { get; init; }
    public string? Message { get; init; }
}

public sealed record EnvironmentEntry(string Name, string? Value, SecretKeyReference? Secret);

public sealed record SecretKeyReference(string Name, string Key);

public sealed record MountSnapshot(string Volume, string MountPath, string? SubPath);

/// <summary>A volume of a pod.</summary>
/// <param name="Kind">Its source, as the API names it: persistentVolumeClaim, secret, configMap, projected, emptyDir …</param>
/// <param name="ClaimName">Of a persistentVolumeClaim.</param>
/// <param name="Definition">The volume as the API gave it, in JSON: passed on whole to a pod that mounts the same. Names Secrets, never holds one.</param>
public sealed record VolumeSnapshot(string Name, string Kind, string? ClaimName = null, string? Definition = null);

/// <summary>Times in seconds, as the API has them.</summary>
public sealed record ProbeSnapshot(int PeriodSeconds, int TimeoutSeconds, int FailureThreshold);

/// <summary>seLinuxOptions of a pod or a container.</summary>
public sealed record SeLinuxOptions(string? User, string? Role, string? Type, string? Level);

public sealed record PodToleration(string? Key, string? Operator, string? Value, string? Effect, long? TolerationSeconds);

public sealed record ServiceSnapshot
{
    public required string Name { get; init; }
    public IReadOnlyDictionary<string, string> Selector { get; init; } = new Dictionary<string, string>();

    /// <summary>Such a Service keeps pods that are not ready; nobody may wait for one to leave it.</summary>
    public bool PublishesNotReadyAddresses { get; init; }
}

public sealed record ClaimSnapshot
{
    public required string Name { get; init; }

    /// <summary>Bound, Pending or Lost.</summary>
    public required string Phase { get; init; }

    /// <summary>ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod.</summary>
    public IReadOnlyList<string> AccessModes { get; init; } = [];
}

/// <summary>A coordination.k8s.io/v1 Lease. <see cref="ResourceVersion"/> makes every write a compare-and-swap.</summary>
public sealed record LeaseSnapshot
{
    public required string Name { get; init; }
    public required string Namespace { get; init; }
    public string? HolderIdentity { get; init; }
    public TimeSpan Duration { get; init; }
    public DateTimeOffset? AcquiredAt { get; init; }
    public DateTimeOffset? RenewedAt { get; init; }
    public string? ResourceVersion { get; init; }
    public IReadOnlyDictionary<string, string> Annotations { get; init; } = new Dictionary<string, string>();
}

public sealed record ExecResult(int ExitCode, string Output, string Error);
