using System.Text.Json;
using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>From the API's objects to Core's records, and back for the lease.</summary>
internal static class Mapping
{
    private const long TicksPerMicrosecond = TimeSpan.TicksPerMillisecond / 1000;

    public static StatefulSetSnapshot ToSnapshot(V1StatefulSet set) => new()
    {
        Name = set.Name(),
        Namespace = set.Namespace(),
        Uid = set.Uid(),
        Replicas = set.Spec.Replicas ?? 1,
        Selector = ToSelector(set.Spec.Selector),
        RollingOut = IsRollingOut(set),
        Containers = [.. set.Spec.Template.Spec.Containers.Select(container => ToSnapshot(container, status: null))],
    };

    public static PodSnapshot ToSnapshot(V1Pod pod)
    {
        var conditions = pod.Status?.Conditions ?? [];
        var unscheduled = conditions.FirstOrDefault(condition => condition is { Type: "PodScheduled", Status: "False" });
        var statuses = (pod.Status?.ContainerStatuses ?? []).ToDictionary(status => status.Name);
        return new PodSnapshot
        {
            Name = pod.Name(),
            Namespace = pod.Namespace(),
            Uid = pod.Uid(),
            Labels = ReadOnly(pod.Metadata.Labels),
            StatefulSet = pod.Metadata.OwnerReferences?.FirstOrDefault(owner => owner is { Kind: "StatefulSet", Controller: true })?.Name,
            NodeName = NullIfEmpty(pod.Spec.NodeName),
            PodIP = NullIfEmpty(pod.Status?.PodIP),
            Phase = pod.Status?.Phase ?? "Unknown",
            Ready = conditions.Any(condition => condition is { Type: "Ready", Status: "True" }),
            Terminating = pod.Metadata.DeletionTimestamp is not null,
            Reason = NullIfEmpty(pod.Status?.Reason) ?? unscheduled?.Reason,
            Message = NullIfEmpty(pod.Status?.Message) ?? unscheduled?.Message,
            RunAsUser = pod.Spec.SecurityContext?.RunAsUser,
            RunAsGroup = pod.Spec.SecurityContext?.RunAsGroup,
            FsGroup = pod.Spec.SecurityContext?.FsGroup,
            SupplementalGroups = [.. (pod.Spec.SecurityContext?.SupplementalGroups ?? []).OfType<long>()],
            SeLinux = ToSeLinux(pod.Spec.SecurityContext?.SeLinuxOptions),
            ImagePullSecrets = [.. (pod.Spec.ImagePullSecrets ?? []).Select(secret => secret.Name)],
            Tolerations = [.. (pod.Spec.Tolerations ?? []).Select(ToToleration)],
            Containers = [.. pod.Spec.Containers.Select(container => ToSnapshot(container, statuses.GetValueOrDefault(container.Name)))],
            Volumes = [.. (pod.Spec.Volumes ?? []).Select(ToVolume)],
        };
    }

    public static ServiceSnapshot ToSnapshot(V1Service service) => new()
    {
        Name = service.Name(),
        Selector = ReadOnly(service.Spec.Selector),
        PublishesNotReadyAddresses = service.Spec.PublishNotReadyAddresses ?? false,
    };

    public static ClaimSnapshot ToSnapshot(V1PersistentVolumeClaim claim) => new()
    {
        Name = claim.Name(),
        Phase = claim.Status?.Phase ?? "Pending",
        AccessModes = [.. claim.Spec.AccessModes ?? []],
    };

    public static LeaseSnapshot ToSnapshot(V1Lease lease) => new()
    {
        Name = lease.Name(),
        Namespace = lease.Namespace(),
        HolderIdentity = NullIfEmpty(lease.Spec?.HolderIdentity),
        Duration = TimeSpan.FromSeconds(lease.Spec?.LeaseDurationSeconds ?? 0),
        AcquiredAt = ToTime(lease.Spec?.AcquireTime),
        RenewedAt = ToTime(lease.Spec?.RenewTime),
        ResourceVersion = lease.ResourceVersion(),
        Annotations = ReadOnly(lease.Metadata.Annotations),
    };

    public static V1Lease ToLease(LeaseSnapshot lease) => new()
    {
        ApiVersion = "coordination.k8s.io/v1",
        Kind = "Lease",
        Metadata = new V1ObjectMeta
        {
            Name = lease.Name,
            NamespaceProperty = lease.Namespace,
            ResourceVersion = lease.ResourceVersion,
            Annotations = new Dictionary<string, string>(lease.Annotations),
        },
        Spec = new V1LeaseSpec
        {
            HolderIdentity = lease.HolderIdentity,
            LeaseDurationSeconds = (int)Math.Ceiling(lease.Duration.TotalSeconds),
            AcquireTime = ToMicroTime(lease.AcquiredAt),
            RenewTime = ToMicroTime(lease.RenewedAt),
        },
    };

    private static ContainerSnapshot ToSnapshot(V1Container container, V1ContainerStatus? status) => new()
    {
        Name = container.Name,
        Image = container.Image,
        ImagePullPolicy = container.ImagePullPolicy,
        Ports = [.. (container.Ports ?? []).Select(port => port.ContainerPort)],
        Environment = [.. (container.Env ?? []).Select(ToEntry)],
        Mounts = [.. (container.VolumeMounts ?? []).Select(mount => new MountSnapshot(mount.Name, mount.MountPath, NullIfEmpty(mount.SubPath)))],
        RunAsUser = container.SecurityContext?.RunAsUser,
        RunAsGroup = container.SecurityContext?.RunAsGroup,
        SeLinux = ToSeLinux(container.SecurityContext?.SeLinuxOptions),
        ReadinessProbe = ToProbe(container.ReadinessProbe),
        RestartCount = status?.RestartCount ?? 0,
        Running = status?.State?.Running is not null,
        RestartedAt = ToTime(status?.LastState?.Terminated?.FinishedAt),
        ExitCode = status?.State?.Terminated?.ExitCode,
        Reason = NullIfEmpty(status?.State?.Waiting?.Reason ?? status?.State?.Terminated?.Reason),
        Message = NullIfEmpty(status?.State?.Waiting?.Message ?? status?.State?.Terminated?.Message),
    };

    // These records are public output. User names are all that is needed of the literal values; a password among them must not be printed.
    private static EnvironmentEntry ToEntry(V1EnvVar variable) => new(
        variable.Name,
        variable.Name.EndsWith("USER", StringComparison.Ordinal) || variable.Name.EndsWith("USERNAME", StringComparison.Ordinal) ? variable.Value : null,
        variable.ValueFrom?.SecretKeyRef is { } secret ? new SecretKeyReference(secret.Name, secret.Key) : null);

    // As kubectl rollout status has it: a partition's roll-out is over once the pods above it are of the new revision. OnDelete replaces none.
    private static bool IsRollingOut(V1StatefulSet set)
    {
        var strategy = set.Spec.UpdateStrategy;
        if (strategy?.Type is not (null or "RollingUpdate") || set.Status is not { UpdateRevision: { Length: > 0 } update } status)
        {
            return false;
        }

        var partition = strategy?.RollingUpdate?.Partition ?? 0;
        var isPartitioned = partition > 0 && (status.UpdatedReplicas ?? 0) >= (set.Spec.Replicas ?? 1) - partition;
        return update != status.CurrentRevision && !isPartitioned;
    }

    private static VolumeSnapshot ToVolume(V1Volume volume)
    {
        var definition = KubernetesJson.Serialize(volume);
        using var json = JsonDocument.Parse(definition);
        var kind = json.RootElement.EnumerateObject().Select(property => property.Name).FirstOrDefault(name => name != "name");

        // A volume without a source is an emptyDir.
        return new VolumeSnapshot(volume.Name, kind ?? "emptyDir", volume.PersistentVolumeClaim?.ClaimName, definition);
    }

    // The API's own defaults stand in for what an older one leaves out.
    private static ProbeSnapshot? ToProbe(V1Probe? probe) =>
        probe is null ? null : new ProbeSnapshot(probe.PeriodSeconds ?? 10, probe.TimeoutSeconds ?? 1, probe.FailureThreshold ?? 3);

    private static SeLinuxOptions? ToSeLinux(V1SELinuxOptions? options) =>
        options is null ? null : new SeLinuxOptions(options.User, options.Role, options.Type, options.Level);

    private static PodToleration ToToleration(V1Toleration toleration) => new(
        toleration.Key, toleration.OperatorProperty, toleration.Value, toleration.Effect, toleration.TolerationSeconds);

    private static string ToSelector(V1LabelSelector selector) => string.Join(
        ',',
        (selector.MatchLabels ?? new Dictionary<string, string>()).Select(label => $"{label.Key}={label.Value}")
            .Concat((selector.MatchExpressions ?? []).Select(ToRequirement)));

    private static string ToRequirement(V1LabelSelectorRequirement requirement) => requirement.OperatorProperty switch
    {
        "In" => $"{requirement.Key} in ({string.Join(',', requirement.Values)})",
        "NotIn" => $"{requirement.Key} notin ({string.Join(',', requirement.Values)})",
        "DoesNotExist" => $"!{requirement.Key}",
        _ => requirement.Key,
    };

    // MicroTime takes exactly six decimals, and the client writes none for a whole second: the API would refuse it.
    private static DateTime? ToMicroTime(DateTimeOffset? time)
    {
        if (time is not { } value)
        {
            return null;
        }

        var ticks = value.UtcTicks - (value.UtcTicks % TicksPerMicrosecond);
        return new DateTime(ticks % TimeSpan.TicksPerSecond == 0 ? ticks + TicksPerMicrosecond : ticks, DateTimeKind.Utc);
    }

    private static DateTimeOffset? ToTime(DateTime? time) =>
        time is { } value ? new DateTimeOffset(DateTime.SpecifyKind(value, DateTimeKind.Utc)) : null;

    private static IReadOnlyDictionary<string, string> ReadOnly(IDictionary<string, string>? values) =>
        values is null ? new Dictionary<string, string>() : new Dictionary<string, string>(values);

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
