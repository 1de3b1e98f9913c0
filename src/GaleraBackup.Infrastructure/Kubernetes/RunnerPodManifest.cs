using System.Globalization;
using GaleraBackup.Runner;
using k8s;
using k8s.Models;

namespace GaleraBackup.Infrastructure.Kubernetes;

/// <summary>A <see cref="RunnerPod"/> as the API wants it.</summary>
internal static class RunnerPodManifest
{
    /// <summary>Not the names that the target's pod has for them: those may be ours.</summary>
    private const string ServerVolume = "server-";
    private const string BackupVolume = "backup";
    private const string RunVolume = "run";
    private const string TemporaryVolume = "tmp";
    private const string LoginVolume = "login";
    private const string PipesVolume = "pipes";
    private const string UserVariable = "GALERA_BACKUP_USER";

    /// <summary>
    /// Readable for everyone in the pod: a Secret's files belong to root, and the runner is not root. Only this pod has the mount, and
    /// only one process tree runs in it. (With fsGroup 0440 would do, but not every target has one.)
    /// </summary>
    private const int SecretMode = 0b100_100_100;

    public static V1Pod Build(RunnerPod pod) => new()
    {
        ApiVersion = "v1",
        Kind = "Pod",
        Metadata = new V1ObjectMeta
        {
            Name = pod.Name,
            NamespaceProperty = pod.Namespace,
            Labels = new Dictionary<string, string>(pod.Labels),
        },
        Spec = new V1PodSpec
        {
            Containers = [BuildRunner(pod), .. BuildCompressor(pod)],
            Volumes = [.. BuildVolumes(pod)],
            Affinity = BuildAffinity(pod.NodeName),
            Tolerations = pod.Tolerations.Count == 0 ? null : [.. pod.Tolerations.Select(BuildToleration)],
            ImagePullSecrets = pod.ImagePullSecrets.Count == 0
                ? null
                : [.. pod.ImagePullSecrets.Select(name => new V1LocalObjectReference { Name = name })],
            RestartPolicy = "Never",
            ActiveDeadlineSeconds = pod.ActiveDeadline is { } deadline ? (long)Math.Ceiling(deadline.TotalSeconds) : null,
            TerminationGracePeriodSeconds = 30,
            AutomountServiceAccountToken = false,
            EnableServiceLinks = false,
            SecurityContext = new V1PodSecurityContext
            {
                RunAsUser = pod.RunAsUser,
                RunAsGroup = pod.RunAsGroup,
                RunAsNonRoot = pod.RunAsUser is > 0 ? true : null,
                FsGroup = pod.FsGroup,

                // A recursive chown of a volume full of backups takes longer than the backup.
                FsGroupChangePolicy = pod.FsGroup is null ? null : "OnRootMismatch",
                SupplementalGroups = pod.SupplementalGroups.Count == 0 ? null : [.. pod.SupplementalGroups.Select(group => (long?)group)],
                SeLinuxOptions = pod.SeLinux is { } options
                    ? new V1SELinuxOptions { User = options.User, Role = options.Role, Type = options.Type, Level = options.Level }
                    : null,
                SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
            },
        },
    };

    private static V1Container BuildRunner(RunnerPod pod) => new()
    {
        Name = RunnerPod.Container,
        Image = pod.Image,
        ImagePullPolicy = pod.ImagePullPolicy,
        Command = ["/bin/bash", "-c", pod.Script, "backup-runner"],
        Env = [.. BuildEnvironment(pod)],
        VolumeMounts = [.. BuildMounts(pod)],
        Resources = BuildResources(pod),
        SecurityContext = BuildSecurityContext(),
    };

    // It has neither data nor login nor the backups: only what goes by.
    private static IEnumerable<V1Container> BuildCompressor(RunnerPod pod)
    {
        if (pod.CompressorImage is { } image)
        {
            string[] settings = ["GALERA_BACKUP_COMPRESSION", "GALERA_BACKUP_PIPES"];
            yield return new V1Container
            {
                Name = RunnerPod.CompressorContainer,
                Image = image,
                Command = ["/bin/sh", "-c", pod.Environment["GALERA_BACKUP_COMPRESSOR"], "backup-compressor", "serve"],
                Env = [.. settings.Select(name => new V1EnvVar { Name = name, Value = pod.Environment[name] })],
                VolumeMounts = [new V1VolumeMount { Name = PipesVolume, MountPath = RunnerPod.PipesPath }],
                Resources = BuildResources(pod),
                SecurityContext = BuildSecurityContext(),
            };
        }
    }

    private static V1ResourceRequirements BuildResources(RunnerPod pod) => new()
    {
        Requests = new Dictionary<string, ResourceQuantity>
        {
            ["cpu"] = new ResourceQuantity("100m"),
            ["memory"] = new ResourceQuantity("128Mi"),
        },
        Limits = pod.CpuLimit is { } cores
            ? new Dictionary<string, ResourceQuantity> { ["cpu"] = new ResourceQuantity(cores.ToString(CultureInfo.InvariantCulture)) }
            : null,
    };

    private static V1SecurityContext BuildSecurityContext() => new()
    {
        AllowPrivilegeEscalation = false,
        ReadOnlyRootFilesystem = true,
        Capabilities = new V1Capabilities { Drop = ["ALL"] },
    };

    private static IEnumerable<V1EnvVar> BuildEnvironment(RunnerPod pod)
    {
        foreach (var (name, value) in pod.Environment)
        {
            yield return new V1EnvVar { Name = name, Value = value };
        }

        if (pod.Login is { Reference: { UserNameSecret: null, UserName: { } user } })
        {
            yield return new V1EnvVar { Name = UserVariable, Value = user };
        }
    }

    private static IEnumerable<V1VolumeMount> BuildMounts(RunnerPod pod)
    {
        var names = NamesOf(pod);
        foreach (var mount in pod.Mounts)
        {
            yield return new V1VolumeMount
            {
                Name = names[mount.Volume.Name],
                MountPath = mount.MountPath,
                SubPath = mount.SubPath,
                ReadOnlyProperty = true,
            };
        }

        yield return new V1VolumeMount
        {
            Name = BackupVolume,
            MountPath = pod.BackupMountPath,
            ReadOnlyProperty = pod.BackupReadOnly ? true : null,
        };
        yield return new V1VolumeMount { Name = RunVolume, MountPath = RunnerPod.RunPath };
        yield return new V1VolumeMount { Name = TemporaryVolume, MountPath = "/tmp" };
        if (pod.CompressorImage is not null)
        {
            yield return new V1VolumeMount { Name = PipesVolume, MountPath = RunnerPod.PipesPath };
        }

        if (pod.Login is not null)
        {
            yield return new V1VolumeMount { Name = LoginVolume, MountPath = RunnerPod.SecretPath, ReadOnlyProperty = true };
        }
    }

    private static IEnumerable<V1Volume> BuildVolumes(RunnerPod pod)
    {
        var names = NamesOf(pod);
        foreach (var volume in pod.Mounts.Select(mount => mount.Volume).DistinctBy(volume => volume.Name))
        {
            yield return BuildVolume(names[volume.Name], volume);
        }

        yield return BuildClaim(BackupVolume, pod.BackupClaim, pod.BackupReadOnly);
        yield return new V1Volume
        {
            Name = RunVolume,
            EmptyDir = new V1EmptyDirVolumeSource { Medium = "Memory", SizeLimit = new ResourceQuantity("256Mi") },
        };
        yield return new V1Volume { Name = TemporaryVolume, EmptyDir = new V1EmptyDirVolumeSource() };
        if (pod.CompressorImage is not null)
        {
            yield return new V1Volume { Name = PipesVolume, EmptyDir = new V1EmptyDirVolumeSource { Medium = "Memory", SizeLimit = new ResourceQuantity("1Mi") } };
        }

        if (pod.Login is { Reference: var login })
        {
            yield return new V1Volume
            {
                Name = LoginVolume,

                // Projected, since user name and password may be in two Secrets.
                Projected = new V1ProjectedVolumeSource
                {
                    DefaultMode = SecretMode,
                    Sources = [.. BuildLogin(login)],
                },
            };
        }
    }

    private static Dictionary<string, string> NamesOf(RunnerPod pod) => pod.Mounts
        .Select(mount => mount.Volume.Name)
        .Distinct()
        .Select((name, index) => (name, index))
        .ToDictionary(pair => pair.name, pair => string.Create(CultureInfo.InvariantCulture, $"{ServerVolume}{pair.index}"));

    // A claim is read-only at its source, too; what else there is, the runner has as the server has it.
    private static V1Volume BuildVolume(string name, VolumeSnapshot volume)
    {
        if (volume.ClaimName is { } claim)
        {
            return BuildClaim(name, claim, readOnly: true);
        }

        var built = KubernetesJson.Deserialize<V1Volume>(
            volume.Definition ?? throw new InvalidOperationException($"The volume '{volume.Name}' ({volume.Kind}) has no definition."));
        built.Name = name;
        return built;
    }

    private static V1Volume BuildClaim(string name, string claim, bool readOnly) => new()
    {
        Name = name,
        PersistentVolumeClaim = new V1PersistentVolumeClaimVolumeSource { ClaimName = claim, ReadOnlyProperty = readOnly ? true : null },
    };

    private static IEnumerable<V1VolumeProjection> BuildLogin(LoginReference login)
    {
        if (login.UserNameSecret is { } user)
        {
            yield return Project(user, "username");
        }

        yield return Project(login.PasswordSecret, "password");

        static V1VolumeProjection Project(SecretKeyReference secret, string path) => new()
        {
            Secret = new V1SecretProjection { Name = secret.Name, Items = [new V1KeyToPath { Key = secret.Key, Path = path }] },
        };
    }

    // Not spec.nodeName: that passes the scheduler by, and with it the check of volumes, taints and resources.
    private static V1Affinity BuildAffinity(string nodeName) => new()
    {
        NodeAffinity = new V1NodeAffinity
        {
            RequiredDuringSchedulingIgnoredDuringExecution = new V1NodeSelector
            {
                NodeSelectorTerms =
                [
                    new V1NodeSelectorTerm
                    {
                        MatchFields = [new V1NodeSelectorRequirement { Key = "metadata.name", OperatorProperty = "In", Values = [nodeName] }],
                    },
                ],
            },
        },
    };

    private static V1Toleration BuildToleration(PodToleration toleration) => new()
    {
        Key = toleration.Key,
        OperatorProperty = toleration.Operator,
        Value = toleration.Value,
        Effect = toleration.Effect,
        TolerationSeconds = toleration.TolerationSeconds,
    };
}
