using System.Globalization;
using GaleraBackup.Lab.Machine;
using k8s;
using k8s.Models;

namespace GaleraBackup.Lab;

/// <summary>A volume with a file system of its own and of little size, behind a claim of its own.</summary>
public sealed class SmallVolume : Fault
{
    internal SmallVolume(string claim, string folder, Func<CancellationToken, Task> heal)
        : base($"the small volume {claim}", heal) => (Claim, Folder) = (claim, folder);

    /// <summary>The claim, in the lab's namespace.</summary>
    public string Claim { get; }

    /// <summary>The file system's root, as seen from this machine. It belongs to uid and gid 999.</summary>
    public string Folder { get; }

    /// <summary>Has the file system find an error in itself, after which it takes no more writes.</summary>
    public async Task TurnReadOnlyAsync(CancellationToken cancellationToken)
    {
        var device = (await Tool.RunAsync("findmnt", ["--noheadings", "--output", "SOURCE", Folder], cancellationToken)).Trim();
        await File.WriteAllTextAsync($"/sys/fs/ext4/{Path.GetFileName(device)}/trigger_fs_error", "1", cancellationToken);
    }
}

/// <content>Faults of volumes.</content>
public sealed partial class Faults
{
    private const uint MysqlUser = 999;

    /// <summary>Makes a small volume, its claim bound. Disposing it removes all of it.</summary>
    /// <param name="mebibytes">The size of the file system, from which its own tables are taken.</param>
    /// <param name="cancellationToken">Ends the making, and removes what is there by then.</param>
    public Task<SmallVolume> MakeSmallVolumeAsync(int mebibytes, CancellationToken cancellationToken) =>
        MakeSmallVolumeAsync(mebibytes, inodes: null, cancellationToken);

    /// <param name="inodes">About how many files and folders it takes; null for as many as there may be.</param>
    /// <inheritdoc cref="MakeSmallVolumeAsync(int, CancellationToken)"/>
    public async Task<SmallVolume> MakeSmallVolumeAsync(int mebibytes, int? inodes, CancellationToken cancellationToken)
    {
        var claim = $"small-{Guid.NewGuid().ToString("N")[..8]}";
        var folder = Path.Combine(Folder, claim);
        var image = folder + ".ext4";
        Directory.CreateDirectory(folder);
        var volume = new SmallVolume(claim, folder, token => RemoveVolumeAsync(claim, folder, image, token));
        return await Fault.OrHealAsync(volume, async () =>
        {
            var size = mebibytes.ToString(CultureInfo.InvariantCulture);
            await Tool.RunAsync("truncate", [$"--size={size}M", image], cancellationToken);

            // Without reserved blocks and without a journal, what is free is what its name says.
            string[] limit = inodes is { } number ? ["-N", number.ToString(CultureInfo.InvariantCulture)] : [];
            await Tool.RunAsync("mkfs.ext4", ["-q", "-m", "0", "-O", "^has_journal", .. limit, image], cancellationToken);

            // The loop device goes with the mount, so `down` has nothing else to undo.
            await Tool.RunAsync("mount", ["-o", "loop,errors=remount-ro", image, folder], cancellationToken);
            Directory.Delete(Path.Combine(folder, "lost+found"));
            Native.ChangeOwner(folder, MysqlUser, MysqlUser);
            await CreateClaimAsync(claim, folder, size, cancellationToken);
        });
    }

    private async Task CreateClaimAsync(string claim, string folder, string mebibytes, CancellationToken cancellationToken)
    {
        var capacity = new Dictionary<string, ResourceQuantity> { ["storage"] = new($"{mebibytes}Mi") };
        var volume = new V1PersistentVolume
        {
            Metadata = new V1ObjectMeta { Name = claim, Labels = Fault.Labels },
            Spec = new V1PersistentVolumeSpec
            {
                StorageClassName = "manual",
                PersistentVolumeReclaimPolicy = "Retain",
                AccessModes = ["ReadWriteOnce"],
                Capacity = capacity,
                ClaimRef = new V1ObjectReference
                {
                    ApiVersion = "v1",
                    Kind = "PersistentVolumeClaim",
                    Name = claim,
                    NamespaceProperty = Namespace,
                },
                HostPath = new V1HostPathVolumeSource { Path = folder, Type = "Directory" },
            },
        };
        await client.CoreV1.CreatePersistentVolumeAsync(volume, cancellationToken: cancellationToken);
        var request = new V1PersistentVolumeClaim
        {
            Metadata = new V1ObjectMeta { Name = claim, Labels = Fault.Labels },
            Spec = new V1PersistentVolumeClaimSpec
            {
                StorageClassName = "manual",
                VolumeName = claim,
                AccessModes = ["ReadWriteOnce"],
                Resources = new V1VolumeResourceRequirements { Requests = capacity },
            },
        };
        await client.CoreV1.CreateNamespacedPersistentVolumeClaimAsync(request, Namespace, cancellationToken: cancellationToken);
        await Fault.UntilAsync(
            async () => (await client.CoreV1.ReadNamespacedPersistentVolumeClaimAsync(claim, Namespace, cancellationToken: cancellationToken))
                .Status.Phase == "Bound",
            cancellationToken);
    }

    private async Task RemoveVolumeAsync(string claim, string folder, string image, CancellationToken cancellationToken)
    {
        await Fault.UnlessGoneAsync(
            () => client.CoreV1.DeleteNamespacedPersistentVolumeClaimAsync(claim, Namespace, cancellationToken: cancellationToken));

        // The claim is only gone when no pod uses it.
        await Fault.UntilAsync(
            async () => !(await client.CoreV1.ListNamespacedPersistentVolumeClaimAsync(
                Namespace, fieldSelector: $"metadata.name={claim}", cancellationToken: cancellationToken)).Items.Any(),
            cancellationToken);
        await Fault.UnlessGoneAsync(() => client.CoreV1.DeletePersistentVolumeAsync(claim, cancellationToken: cancellationToken));
        await Mounts.UnmountAsync(folder, cancellationToken);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder);
            File.Delete(image);
        }
    }
}
