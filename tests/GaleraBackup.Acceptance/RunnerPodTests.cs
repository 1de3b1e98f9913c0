using System.Text.Json;
using k8s;
using k8s.Models;

namespace Acceptance;

/// <summary>The runner's pod as the API has it while it runs.</summary>
public sealed class RunnerPodTests(LabFixture fixture) : LabTest(fixture)
{
    [Fact]
    public async Task The_runner_is_nobody_elses_pod_and_cannot_write_to_the_data()
    {
        using var running = Module.Start($"Invoke-GaleraBackup @cluster @store -CompressorImage {Lab.PlainImage}", Cluster, Store);
        V1Pod? runner = null;
        await EventuallyAsync("the runner is there", async () =>
        {
            var pods = await Client.CoreV1.ListNamespacedPodAsync(Lab.Namespace, labelSelector: "app.kubernetes.io/component=runner", cancellationToken: Token);
            runner = pods.Items.SingleOrDefault();
            return runner is not null;
        });
        var target = await ReadTargetAsync();
        var run = running.Wait().Single<BackupRun>();
        Assert.Equal(Outcome.Succeeded, run.Backup);

        // It went through the second container, which has none of our volumes.
        Assert.Equal("gzip", run.Manifest!.Codec);
        var compressor = runner!.Spec.Containers[1];
        Assert.Equal((2, "compressor", Lab.PlainImage), (runner.Spec.Containers.Count, compressor.Name, compressor.Image));
        Assert.Equal("pipes", Assert.Single(compressor.VolumeMounts).Name);
        Assert.All(runner.Spec.Containers, container => Assert.True(container.SecurityContext.ReadOnlyRootFilesystem));

        var selectors = await SelectorsAsync();
        Assert.Contains(selectors, selector => Matches(selector.Labels, target));
        Assert.All(selectors, selector => Assert.False(Matches(selector.Labels, runner!), $"{selector.Name} selects the runner."));

        var volume = Assert.Single(runner.Spec.Volumes, volume => volume.PersistentVolumeClaim?.ClaimName == "mysql-data-mariadb-server-2");
        Assert.True(volume.PersistentVolumeClaim.ReadOnlyProperty);
        Assert.All(
            runner.Spec.Containers[0].VolumeMounts.Where(mount => mount.Name == volume.Name), mount => Assert.True(mount.ReadOnlyProperty));
        var security = runner.Spec.SecurityContext;
        Assert.Equal((target.Spec.SecurityContext.RunAsUser, target.Spec.SecurityContext.RunAsGroup), (security.RunAsUser, security.RunAsGroup));
        Assert.Null(security.FsGroup);
        var terms = runner.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms;
        Assert.Equal([Lab.Node], Assert.Single(Assert.Single(terms).MatchFields).Values);
        Assert.Equal(Lab.Node, runner.Spec.NodeName ?? Lab.Node);
    }

    private static bool Matches(IDictionary<string, string> selector, V1Pod pod) =>
        selector.All(wanted => pod.Metadata.Labels.TryGetValue(wanted.Key, out var value) && value == wanted.Value);

    /// <summary>Of every Service, StatefulSet and PodDisruptionBudget of the namespace.</summary>
    private async Task<IReadOnlyList<(string Name, IDictionary<string, string> Labels)>> SelectorsAsync()
    {
        var services = await Client.CoreV1.ListNamespacedServiceAsync(Lab.Namespace, cancellationToken: Token);
        var sets = await Client.AppsV1.ListNamespacedStatefulSetAsync(Lab.Namespace, cancellationToken: Token);
        var budgets = (JsonElement)await Client.CustomObjects.ListNamespacedCustomObjectAsync(
            "policy", "v1beta1", Lab.Namespace, "poddisruptionbudgets", cancellationToken: Token);
        var all = new List<(string, IDictionary<string, string>)>();
        all.AddRange(services.Items.Where(service => service.Spec.Selector?.Count > 0).Select(service => ($"Service {service.Metadata.Name}", service.Spec.Selector)));
        all.AddRange(sets.Items.Select(set => ($"StatefulSet {set.Metadata.Name}", set.Spec.Selector.MatchLabels)));
        var before = all.Count;
        all.AddRange(budgets.GetProperty("items").EnumerateArray().Select(budget => (
            "a PodDisruptionBudget",
            budget.GetProperty("spec").GetProperty("selector").GetProperty("matchLabels").Deserialize<IDictionary<string, string>>()!)));
        Assert.True(all.Count > before, "The lab has no PodDisruptionBudget: the test proves nothing about them.");
        return all;
    }
}
