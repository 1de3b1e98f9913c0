using k8s;
using k8s.Models;

namespace Acceptance;

/// <summary>A test on the lab. Each one, also a failed one, must leave the cluster as it found it; that is checked here.</summary>
public abstract class LabTest(LabFixture fixture) : IAsyncLifetime
{
    private static readonly TimeSpan SettleDeadline = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan EndingDeadline = TimeSpan.FromSeconds(120);

    private readonly string _folder = $"{Lab.TestFolderPrefix}{Guid.NewGuid():N}";

    protected Lab Lab { get; private set; } = null!;

    protected IKubernetes Client { get; private set; } = null!;

    protected HostedModule Module { get; private set; } = null!;

    /// <summary>Breaks the lab; what it gives is to be disposed in the test.</summary>
    protected Faults Faults => new(Lab, Client);

    protected static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>This test's own backup root, as seen from this machine.</summary>
    protected string BackupRoot => Path.Combine(Lab.Paths.BackupVolume, _folder);

    /// <summary>The parameters that name the lab's cluster, for a script: use as @cluster.</summary>
    protected (string Name, object Value) Cluster =>
        ("cluster", new System.Collections.Hashtable { ["KubeConfig"] = Lab.KubeConfig, ["Namespace"] = Lab.Namespace });

    /// <summary>The parameters that name this test's backup root: use as @store.</summary>
    protected (string Name, object Value) Store => ("store", new System.Collections.Hashtable { ["BackupPath"] = _folder });

    public virtual ValueTask InitializeAsync()
    {
        Lab = fixture.Lab;
        Client = Lab.CreateClient();
        Module = new HostedModule();

        // The runner is not root on this machine either.
        Directory.CreateDirectory(BackupRoot);
        File.SetUnixFileMode(BackupRoot, (UnixFileMode)0b111_111_111);
        return ValueTask.CompletedTask;
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Lab is null)
        {
            return; // Skipped.
        }

        try
        {
            await RequireWholeLabAsync();
        }
        finally
        {
            if (Directory.Exists(BackupRoot))
            {
                Directory.Delete(BackupRoot, recursive: true);
            }

            Module.Dispose();
            Client.Dispose();
        }
    }

    /// <summary>Finished backups on the volume, by id, oldest first.</summary>
    protected IReadOnlyList<string> Backups()
    {
        var root = Path.Combine(BackupRoot, "base");
        return Directory.Exists(root) ? [.. Directory.GetDirectories(root).Select(path => $"base/{Path.GetFileName(path)}").Order()] : [];
    }

    /// <summary>Puts a complete backup of long ago on the volume, for retention to choose. Returns its id.</summary>
    protected string AddOlderBackup(int year = 2020)
    {
        var id = $"base/{year}-01-01_00-00-00";
        var folder = Directory.CreateDirectory(Path.Combine(BackupRoot, id));
        File.WriteAllText(Path.Combine(folder.FullName, "backup.stream.gz"), "12345678");
        File.WriteAllText(
            Path.Combine(folder.FullName, BackupManifest.FileName),
            BackupManifest.Seal($$"""{"schemaVersion":1,"id":"{{id}}","type":"Full","base":"{{id}}","cluster":{"name":"openstack/mariadb-server","namespace":"openstack","statefulSet":"mariadb-server"},"position":{"fromLsn":0,"toLsn":1},"server":{"version":"10.11.1","toolVersion":"10.11.1","pod":"mariadb-server-2"},"startedAt":"{{year}}-01-01T00:00:00Z","finishedAt":"{{year}}-01-01T00:00:00Z","databaseBytes":1,"streamedBytes":1,"storedBytes":8,"codec":"gzip","files":[{"name":"backup.stream.gz","size":8,"sha256":"00"}]}""") + "\n");

        // The pod that prunes is not root.
        foreach (var made in (string[])[Path.Combine(BackupRoot, "base"), folder.FullName])
        {
            File.SetUnixFileMode(made, (UnixFileMode)0b111_111_111);
        }

        return id;
    }

    /// <summary>This test's own backup root, below the backup claim's.</summary>
    protected string RootOnClaim => _folder;

    /// <summary>A file of a backup, below the backup claim's root.</summary>
    protected string PathOnClaim(BackupRun run, string file) => $"{_folder}/{run.BackupId}/{file}";

    /// <summary>The stream's file, whatever it was compressed with.</summary>
    protected static string StreamOf(BackupRun run) =>
        run.Manifest!.Files.Single(file => file.Name.StartsWith("backup.stream", StringComparison.Ordinal)).Name;

    /// <summary>The highest member: the one that the module takes.</summary>
    protected Task<V1Pod> ReadTargetAsync() =>
        Client.CoreV1.ReadNamespacedPodAsync("mariadb-server-2", Lab.Namespace, cancellationToken: Token);

    protected async Task<string> WsrepStateAsync(int ordinal)
    {
        var endpoint = await DatabaseEndpoint.OfAdminAsync(Client, ordinal, CancellationToken.None);
        var rows = await endpoint.QueryAsync(
            "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME='wsrep_local_state_comment'", CancellationToken.None);
        return rows[0][0]!;
    }

    /// <summary>Waits for a condition that the cluster reaches by itself. Fails, never sleeps on.</summary>
    protected static async Task EventuallyAsync(string condition, Func<Task<bool>> holds, TimeSpan? within = null)
    {
        using var deadline = new CancellationTokenSource(within ?? SettleDeadline);
        while (!await holds())
        {
            Assert.False(deadline.IsCancellationRequested, $"It did not come about in time: {condition}.");
            await Task.Delay(100, CancellationToken.None);
        }
    }

    protected static bool IsReady(V1Pod pod) => pod.Status.Conditions?.Any(condition => condition is { Type: "Ready", Status: "True" }) == true;

    protected async Task<bool> IsInServiceAsync(string service)
    {
        var endpoints = await Client.CoreV1.ReadNamespacedEndpointsAsync(service, Lab.Namespace, cancellationToken: Token);
        return endpoints.Subsets?.Any(subset => subset.Addresses?.Any(address => address.TargetRef.Name == "mariadb-server-2") == true) == true;
    }

    private async Task RequireWholeLabAsync()
    {
        await WholeCluster.WaitAsync(Client, SettleDeadline, CancellationToken.None);

        // A kubelet may take a minute to give up a pod that was deleted while its container was about to start.
        await EventuallyAsync("pods that were deleted are gone", async () => !await Remains.AnyPodIsEndingAsync(Client), EndingDeadline);
        Assert.Empty(await Remains.InClusterAsync(Client));
        var partial = Path.Combine(BackupRoot, ".partial");
        Assert.Empty(Directory.Exists(partial) ? Directory.GetFileSystemEntries(partial) : []);
    }
}
