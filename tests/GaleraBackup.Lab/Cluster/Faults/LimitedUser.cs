using System.Text;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>A right of a Role: verbs on a resource of an API group.</summary>
public sealed record Right(string Group, string Resource, params string[] Verbs)
{
    /// <summary>What a backup from outside the cluster needs in the database's namespace, and nothing more.</summary>
    public static IReadOnlyList<Right> OfABackup { get; } =
    [
        new("apps", "statefulsets", "list"),
        new("", "pods", "get", "list", "watch", "create", "delete"),
        new("", "services", "list", "watch"),
        new("", "endpoints", "list", "watch"),
        new("discovery.k8s.io", "endpointslices", "list", "watch"),
        new("", "persistentvolumeclaims", "get"),
        new("", "secrets", "get"),
        new("", "pods/log", "get"),
        new("", "pods/exec", "create", "get"),
        new("", "pods/portforward", "create", "get"),
        new("coordination.k8s.io", "leases", "get", "create", "update", "delete"),
    ];
}

/// <summary>A ServiceAccount with its own rights, and a kubeconfig with its token.</summary>
public sealed class LimitedUser : Fault
{
    internal LimitedUser(string name, string kubeConfig, Func<CancellationToken, Task> heal)
        : base($"the user {name}", heal) => (Name, KubeConfig) = (name, kubeConfig);

    /// <summary>The ServiceAccount's name, in the lab's namespace.</summary>
    public string Name { get; }

    /// <summary>The kubeconfig's path.</summary>
    public string KubeConfig { get; }
}

/// <content>Users with limited rights, and logins in Secrets.</content>
public sealed partial class Faults
{
    /// <summary>Makes a user with all rights that a backup needs but some verbs on one resource.</summary>
    /// <param name="resource">As RBAC names it: <c>pods</c>, <c>pods/exec</c>.</param>
    /// <param name="verbs">The verbs to leave out; all of them where none is given.</param>
    /// <param name="cancellationToken">Ends the making, and removes what is there by then.</param>
    public Task<LimitedUser> MakeUserWithoutAsync(string resource, string[] verbs, CancellationToken cancellationToken)
    {
        var rights = Right.OfABackup
            .Select(right => right.Resource != resource ? right : right with { Verbs = verbs.Length == 0 ? [] : [.. right.Verbs.Except(verbs)] })
            .Where(right => right.Verbs.Length > 0);
        return MakeUserAsync([.. rights], cancellationToken);
    }

    /// <summary>Makes a user with these rights in the lab's namespace.</summary>
    public async Task<LimitedUser> MakeUserAsync(IReadOnlyList<Right> rights, CancellationToken cancellationToken)
    {
        var name = $"limited-{Guid.NewGuid().ToString("N")[..8]}";
        Directory.CreateDirectory(Folder);
        var kubeConfig = Path.Combine(Folder, $"{name}.kubeconfig");
        var user = new LimitedUser(name, kubeConfig, async token =>
        {
            await Fault.UnlessGoneAsync(
                () => client.RbacAuthorizationV1.DeleteNamespacedRoleBindingAsync(name, Namespace, cancellationToken: token));
            await Fault.UnlessGoneAsync(() => client.RbacAuthorizationV1.DeleteNamespacedRoleAsync(name, Namespace, cancellationToken: token));
            await Fault.UnlessGoneAsync(() => client.CoreV1.DeleteNamespacedServiceAccountAsync(name, Namespace, cancellationToken: token));
            if (Directory.Exists(Folder))
            {
                File.Delete(kubeConfig);
            }
        });
        return await Fault.OrHealAsync(user, async () =>
        {
            V1ObjectMeta Meta() => new() { Name = name, Labels = Fault.Labels };
            await client.CoreV1.CreateNamespacedServiceAccountAsync(
                new V1ServiceAccount { Metadata = Meta() }, Namespace, cancellationToken: cancellationToken);
            var role = new V1Role
            {
                Metadata = Meta(),
                Rules = [.. rights.Select(right => new V1PolicyRule { ApiGroups = [right.Group], Resources = [right.Resource], Verbs = right.Verbs })],
            };
            await client.RbacAuthorizationV1.CreateNamespacedRoleAsync(role, Namespace, cancellationToken: cancellationToken);
            var binding = new V1RoleBinding
            {
                Metadata = Meta(),
                RoleRef = new V1RoleRef { ApiGroup = "rbac.authorization.k8s.io", Kind = "Role", Name = name },
                Subjects = [new Rbacv1Subject { Kind = "ServiceAccount", Name = name, NamespaceProperty = Namespace }],
            };
            await client.RbacAuthorizationV1.CreateNamespacedRoleBindingAsync(binding, Namespace, cancellationToken: cancellationToken);
            var token = await client.CoreV1.CreateNamespacedServiceAccountTokenAsync(
                new Authenticationv1TokenRequest { Spec = new V1TokenRequestSpec { Audiences = [], ExpirationSeconds = 7200 } }, name, Namespace,
                cancellationToken: cancellationToken);
            new Certificates(lab.Paths).WriteTokenKubeConfig(kubeConfig, token.Status.Token);
        });
    }

    /// <summary>
    /// Makes a Secret with a login of the keys <c>username</c> and <c>password</c>, its password followed by a newline that is no part of
    /// it, as <c>kubectl create secret --from-file</c> makes them of a file that an editor wrote.
    /// </summary>
    public async Task<Fault> MakeLoginWithNewlineAsync(string name, DatabaseEndpoint login, CancellationToken cancellationToken)
    {
        var secret = new V1Secret
        {
            Metadata = new V1ObjectMeta { Name = name, Labels = Fault.Labels },
            Data = new Dictionary<string, byte[]>
            {
                ["username"] = Encoding.UTF8.GetBytes(login.User),
                ["password"] = Encoding.UTF8.GetBytes(login.Password + "\n"),
            },
        };
        await client.CoreV1.CreateNamespacedSecretAsync(secret, Namespace, cancellationToken: cancellationToken);
        return new Fault($"the Secret {name}", token =>
            Fault.UnlessGoneAsync(() => client.CoreV1.DeleteNamespacedSecretAsync(name, Namespace, cancellationToken: token)));
    }
}
