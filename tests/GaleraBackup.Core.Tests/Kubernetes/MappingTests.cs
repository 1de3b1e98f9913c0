using GaleraBackup.Infrastructure.Kubernetes;
using k8s;
using k8s.Models;

namespace GaleraBackup.Core.Tests.Kubernetes;

public sealed class MappingTests
{
    [Theory]
    [InlineData("RollingUpdate", "a", "a", 3, 0, false)]
    [InlineData("RollingUpdate", "a", "b", 1, 0, true)]
    [InlineData(null, "a", "b", 1, 0, true)]
    [InlineData("OnDelete", "a", "b", 1, 0, false)]
    [InlineData("RollingUpdate", "a", "b", 0, 2, true)]
    [InlineData("RollingUpdate", "a", "b", 1, 2, false)] // a partition that is done
    public void A_roll_out_is_seen(string? strategy, string current, string update, int updated, int partition, bool expected)
    {
        var set = Set();
        set.Spec.UpdateStrategy = strategy is null
            ? null
            : new V1StatefulSetUpdateStrategy { Type = strategy, RollingUpdate = new V1RollingUpdateStatefulSetStrategy { Partition = partition } };
        set.Status = new V1StatefulSetStatus { CurrentRevision = current, UpdateRevision = update, UpdatedReplicas = updated, Replicas = 3 };

        Assert.Equal(expected, Mapping.ToSnapshot(set).RollingOut);
    }

    [Fact]
    public void A_set_without_a_status_does_not_roll_out() => Assert.False(Mapping.ToSnapshot(Set()).RollingOut);

    [Fact]
    public void A_pod_is_read_with_what_a_second_one_needs()
    {
        var pod = Mapping.ToSnapshot(Pod(
            """
            { "metadata": { "name": "p-0", "namespace": "ns", "uid": "u" },
              "spec": {
                "securityContext": { "supplementalGroups": [5, 6], "seLinuxOptions": { "level": "s0:c1" } },
                "containers": [
                  { "name": "mariadb", "image": "i", "securityContext": { "seLinuxOptions": { "type": "t" } }, "readinessProbe": { "exec": { "command": ["x"] }, "timeoutSeconds": 9 } },
                  { "name": "other", "image": "i" } ],
                "volumes": [
                  { "name": "data", "persistentVolumeClaim": { "claimName": "c" } }, { "name": "tmp", "emptyDir": {} }, { "name": "bare" },
                  { "name": "keys", "secret": { "secretName": "s", "defaultMode": 256 } }, { "name": "eph", "ephemeral": { "volumeClaimTemplate": { "spec": {} } } } ] },
              "status": { "phase": "Running", "containerStatuses": [
                { "name": "mariadb", "image": "i", "imageID": "", "ready": true, "restartCount": 1, "state": { "running": {} },
                  "lastState": { "terminated": { "exitCode": 1, "finishedAt": "2026-01-31T01:00:00Z" } } },
                { "name": "other", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": { "waiting": { "reason": "ImagePullBackOff" } } } ] } }
            """));

        Assert.Equal([5, 6], pod.SupplementalGroups);
        Assert.Equal("s0:c1", pod.SeLinux!.Level);
        Assert.Equal("t", pod.Containers[0].SeLinux!.Type);
        Assert.Equal(new ProbeSnapshot(10, 9, 3), pod.Containers[0].ReadinessProbe);
        Assert.Equal((true, (DateTimeOffset?)Make.Now), (pod.Containers[0].Running, pod.Containers[0].RestartedAt));
        Assert.Equal((false, (DateTimeOffset?)null, "ImagePullBackOff"), (pod.Containers[1].Running, pod.Containers[1].RestartedAt, pod.Containers[1].Reason));
        Assert.Null(pod.Containers[1].ReadinessProbe);
        Assert.Equal(["persistentVolumeClaim", "emptyDir", "emptyDir", "secret", "ephemeral"], pod.Volumes.Select(volume => volume.Kind));
        Assert.Equal("c", pod.Volumes[0].ClaimName);
        Assert.Equal(256, KubernetesJson.Deserialize<V1Volume>(pod.Volumes[3].Definition!).Secret.DefaultMode);
    }

    private static V1Pod Pod(string json) => KubernetesJson.Deserialize<V1Pod>(json);

    private static V1StatefulSet Set() => new()
    {
        Metadata = new V1ObjectMeta { Name = "s", NamespaceProperty = "ns", Uid = "u" },
        Spec = new V1StatefulSetSpec
        {
            Replicas = 3,
            Selector = new V1LabelSelector(),
            Template = new V1PodTemplateSpec { Spec = new V1PodSpec { Containers = [] } },
        },
    };
}
