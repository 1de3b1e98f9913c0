using System.Text.Json;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace Acceptance;

/// <summary>The same executable in a pod, under a Role of its own: the API by the service account, the databases by their pods' IPs.</summary>
public sealed class InClusterTests(LabFixture fixture) : LabTest(fixture)
{
    private const string Name = "in-cluster-backup";
    private static readonly TimeSpan RunDeadline = TimeSpan.FromMinutes(5);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        await RemoveAsync();
        var ns = Lab.Namespace;
        await Client.CoreV1.CreateNamespacedServiceAccountAsync(new V1ServiceAccount { Metadata = new V1ObjectMeta { Name = Name } }, ns);
        await Client.RbacAuthorizationV1.CreateNamespacedRoleAsync(
            new V1Role
            {
                Metadata = new V1ObjectMeta { Name = Name },

                // What the README says a backup needs, and nothing more: no port-forward, for the pods are near.
                Rules =
                [
                    Allow("apps", ["statefulsets"], "list"),
                    Allow("", ["pods"], "get", "list", "watch", "create", "delete"),
                    Allow("", ["services", "endpoints"], "list", "watch"),
                    Allow("discovery.k8s.io", ["endpointslices"], "list", "watch"),
                    Allow("", ["persistentvolumeclaims", "secrets", "pods/log"], "get"),
                    Allow("", ["pods/exec"], "create", "get"),
                    Allow("coordination.k8s.io", ["leases"], "get", "create", "update", "delete"),
                ],
            },
            ns);
        await Client.RbacAuthorizationV1.CreateNamespacedRoleBindingAsync(
            new V1RoleBinding
            {
                Metadata = new V1ObjectMeta { Name = Name },
                RoleRef = new V1RoleRef { ApiGroup = "rbac.authorization.k8s.io", Kind = "Role", Name = Name },
                Subjects = [new Rbacv1Subject { Kind = "ServiceAccount", Name = Name, NamespaceProperty = ns }],
            },
            ns);

        // The API takes no pod of an account that has not got its token yet.
        await EventuallyAsync("the account has its token", async () =>
            (await Client.CoreV1.ReadNamespacedServiceAccountAsync(Name, ns, cancellationToken: Token)).Secrets?.Count > 0);
    }

    public override async ValueTask DisposeAsync()
    {
        if (Client is not null)
        {
            await RemoveAsync();
        }

        await base.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task A_backup_from_inside_the_cluster_needs_only_its_role()
    {
        var pod = Describe(["--output", "json", "Invoke-GaleraBackup", "-BackupPath", Path.GetFileName(BackupRoot), "-KeepLast", "1"]);
        await Client.CoreV1.CreateNamespacedPodAsync(pod, Lab.Namespace, cancellationToken: Token);

        V1Pod seen = pod;
        await EventuallyAsync("the job's pod ends", async () =>
        {
            seen = await Client.CoreV1.ReadNamespacedPodAsync(Name, Lab.Namespace, cancellationToken: Token);
            return seen.Status.Phase is "Succeeded" or "Failed";
        }, RunDeadline);

        using var reader = new StreamReader(await Client.CoreV1.ReadNamespacedPodLogAsync(Name, Lab.Namespace, cancellationToken: Token));
        var log = await reader.ReadToEndAsync(Token);
        Assert.True(seen.Status.Phase == "Succeeded", log);
        using var run = JsonDocument.Parse(log[log.IndexOf("{\n", StringComparison.Ordinal)..]);
        Assert.Equal("Succeeded", run.RootElement.GetProperty("Backup").GetString());
        Assert.Equal("Succeeded", run.RootElement.GetProperty("Prune").GetString());
        Assert.Equal([run.RootElement.GetProperty("BackupId").GetString()!], Backups());
    }

    private static V1PolicyRule Allow(string group, string[] resources, params string[] verbs) =>
        new() { ApiGroups = [group], Resources = resources, Verbs = verbs };

    private static V1Volume Host(string name, string path) => new() { Name = name, HostPath = new V1HostPathVolumeSource { Path = path, Type = "Directory" } };

    // The lab has no image of the executable yet: the pod takes it, and the runtime, from this machine.
    private static V1Pod Describe(string[] arguments)
    {
        // ROOT/shared/Microsoft.NETCore.App/VERSION/System.Private.CoreLib.dll
        var runtime = Path.GetFullPath(Path.Combine(typeof(object).Assembly.Location, "../../../.."));
        return new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = Name },
            Spec = new V1PodSpec
            {
                RestartPolicy = "Never",

                // Not to the decoy node, where no pod ever starts.
                NodeSelector = new Dictionary<string, string> { ["kubernetes.io/hostname"] = Lab.Node },
                ServiceAccountName = Name,
                SecurityContext = new V1PodSecurityContext { RunAsUser = 65534, RunAsGroup = 65534 },
                Containers =
                [
                    new V1Container
                    {
                        Name = "backup",
                        Image = "lab.local/mariadb-galera:10.11-plain",
                        ImagePullPolicy = "Never",
                        Command = ["/dotnet/dotnet", "/host/galera-backup.dll", .. arguments],
                        Env =
                        [
                            new V1EnvVar { Name = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", Value = "1" },
                            new V1EnvVar { Name = "HOME", Value = "/tmp" },
                        ],
                        VolumeMounts =
                        [
                            new V1VolumeMount { Name = "dotnet", MountPath = "/dotnet", ReadOnlyProperty = true },
                            new V1VolumeMount { Name = "host", MountPath = "/host", ReadOnlyProperty = true },
                        ],
                    },
                ],
                Volumes = [Host("dotnet", runtime), Host("host", Path.GetDirectoryName(HostedModule.HostExecutable)!)],
            },
        };
    }

    private async Task RemoveAsync()
    {
        var ns = Lab.Namespace;
        await UnlessGoneAsync(() => Client.CoreV1.DeleteNamespacedPodAsync(Name, ns, gracePeriodSeconds: 0));
        await UnlessGoneAsync(() => Client.RbacAuthorizationV1.DeleteNamespacedRoleBindingAsync(Name, ns));
        await UnlessGoneAsync(() => Client.RbacAuthorizationV1.DeleteNamespacedRoleAsync(Name, ns));
        await UnlessGoneAsync(() => Client.CoreV1.DeleteNamespacedServiceAccountAsync(Name, ns));
        await EventuallyAsync("the job's pod is gone", async () =>
            !(await Client.CoreV1.ListNamespacedPodAsync(ns, fieldSelector: $"metadata.name={Name}")).Items.Any());
    }

    private static async Task UnlessGoneAsync<T>(Func<Task<T>> delete)
    {
        try
        {
            await delete();
        }
        catch (HttpOperationException exception) when (exception.Response.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            // It was not there.
        }
    }
}
