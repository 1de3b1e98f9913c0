using GaleraBackup.Infrastructure.Kubernetes;
using GaleraBackup.Policy;
using GaleraBackup.Runner;

namespace GaleraBackup.Core.Tests.Kubernetes;

public sealed class RunnerPodManifestTests
{
    private static readonly BackupReplica Replica = ReplicaSelection.Select(Make.Cluster(Make.Node(0), Make.Node(1), Make.Node(2)), allowUnsafe: false);

    private readonly RunnerPod _runner = RunnerPods.ForBackup(Replica, new RunnerOptions { BackupClaim = "backups" }, "r", Make.Now, null);

    [Fact]
    public void The_servers_volumes_are_read_only_at_their_source_and_at_the_mount()
    {
        var claim = new VolumeSnapshot("redo", "persistentVolumeClaim", "redo-2");
        var secret = new VolumeSnapshot("backup", "secret", null, """{"name":"backup","secret":{"secretName":"keys","defaultMode":256}}""");
        var pod = RunnerPodManifest.Build(_runner with
        {
            Mounts = [.. _runner.Mounts, new ReadOnlyMount(claim, "/redo", "a"), new ReadOnlyMount(claim, "/undo", "b"), new ReadOnlyMount(secret, "/keys", null)],
        });

        Assert.Equal(["mysql-data-mariadb-server-2", "redo-2", "backups"], pod.Spec.Volumes.Select(volume => volume.PersistentVolumeClaim).OfType<k8s.Models.V1PersistentVolumeClaimVolumeSource>().Select(source => source.ClaimName));
        Assert.All(pod.Spec.Volumes.Where(volume => volume.PersistentVolumeClaim is { ClaimName: not "backups" }), volume => Assert.True(volume.PersistentVolumeClaim.ReadOnlyProperty));
        Assert.All(pod.Spec.Containers[0].VolumeMounts.Where(mount => mount.Name.StartsWith("server-", StringComparison.Ordinal)), mount => Assert.True(mount.ReadOnlyProperty));
        Assert.Equal([("/var/lib/mysql", null), ("/redo", "a"), ("/undo", "b"), ("/keys", null)], pod.Spec.Containers[0].VolumeMounts.Take(4).Select(mount => (mount.MountPath, (string?)mount.SubPath)));
        Assert.Equal(256, pod.Spec.Volumes.Single(volume => volume.Secret is { SecretName: "keys" }).Secret.DefaultMode);
        Assert.Distinct(pod.Spec.Volumes.Select(volume => volume.Name));
        Assert.Equal(pod.Spec.Containers[0].VolumeMounts.Select(mount => mount.Name).Distinct().Order(), pod.Spec.Volumes.Select(volume => volume.Name).Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_rehearsal_cannot_write_to_the_backup_volume(bool readOnly)
    {
        var pod = RunnerPodManifest.Build(RunnerPods.ForStore(Replica.Node, "mariadb-server", "backups", "", Make.Now, null, readOnly));

        Assert.Equal(readOnly, pod.Spec.Volumes.Single(volume => volume.Name == "backup").PersistentVolumeClaim.ReadOnlyProperty ?? false);
        Assert.Equal(readOnly, pod.Spec.Containers[0].VolumeMounts.Single(mount => mount.Name == "backup").ReadOnlyProperty ?? false);
    }

    [Fact]
    public void A_second_container_has_the_pipes_and_nothing_else()
    {
        var spec = RunnerPodManifest.Build(_runner with { CompressorImage = "zstd:1", CpuLimit = 1.5m }).Spec;

        Assert.Equal(["runner", "compressor"], spec.Containers.Select(container => container.Name));
        var compressor = spec.Containers[1];
        Assert.Equal(["/bin/sh", "-c", GaleraBackup.Runner.Scripts.BackupCompressor, "backup-compressor", "serve"], compressor.Command);
        Assert.Equal([("pipes", GaleraBackup.Runner.RunnerPod.PipesPath)], compressor.VolumeMounts.Select(mount => (mount.Name, mount.MountPath)));
        Assert.Equal(["GALERA_BACKUP_COMPRESSION", "GALERA_BACKUP_PIPES"], compressor.Env.Select(variable => variable.Name));
        Assert.Contains(spec.Containers[0].VolumeMounts, mount => mount.Name == "pipes");
        Assert.NotNull(Assert.Single(spec.Volumes, volume => volume.Name == "pipes").EmptyDir);
        Assert.All(spec.Containers, container => Assert.Equal("1500m", container.Resources.Limits["cpu"].CanonicalizeString()));
        Assert.All(spec.Containers, container => Assert.True(container.SecurityContext.ReadOnlyRootFilesystem));
        Assert.DoesNotContain(RunnerPodManifest.Build(_runner).Spec.Volumes, volume => volume.Name == "pipes");
    }

    [Fact]
    public void SELinux_and_groups_are_the_pods()
    {
        var context = RunnerPodManifest.Build(_runner with { SupplementalGroups = [7], SeLinux = new SeLinuxOptions("u", "r", "t", "l") }).Spec.SecurityContext;

        Assert.Equal([7L], context.SupplementalGroups);
        Assert.Equal(("u", "r", "t", "l"), (context.SeLinuxOptions.User, context.SeLinuxOptions.Role, context.SeLinuxOptions.Type, context.SeLinuxOptions.Level));
        Assert.Null(RunnerPodManifest.Build(_runner).Spec.SecurityContext.SeLinuxOptions);
    }
}
