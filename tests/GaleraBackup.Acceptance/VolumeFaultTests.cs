namespace Acceptance;

/// <summary>A backup volume that fails in the middle of a run, or has changed since: it is said, and what was good stays so.</summary>
public sealed class VolumeFaultTests(LabFixture fixture) : LabTest(fixture)
{
    private static readonly TimeSpan CopyDeadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_volume_that_fills_up_is_a_failed_stream_and_leaves_nothing_on_it()
    {
        await using var volume = await Faults.MakeSmallVolumeAsync(16, Token);
        var older = MoveOlderBackupTo(volume);

        // Without the ratio the run would be refused before it begins.
        FailedWhileCopying("StreamFailed", "No space left on device", Invoke(volume));

        Assert.Equal(older, FilesOn(volume));
    }

    [Fact]
    public async Task A_volume_without_inodes_is_refused_and_one_that_runs_out_of_them_is_a_failed_backup()
    {
        await using var volume = await Faults.MakeSmallVolumeAsync(512, inodes: 64, Token);
        var older = MoveOlderBackupTo(volume);
        var fill = new Stack<string>(Fill(Path.Combine(volume.Folder, "fill")));

        var refused = Invoke(volume);

        Assert.True(refused.HasError("NotEnoughSpace"), string.Join("; ", refused.Errors));
        Assert.Contains("No space left on device", refused.Errors[0].Exception.Message);
        Assert.DoesNotContain(refused.Progress, record => record.Activity == "Desynchronising");

        // .partial, .locks, a lock, the backup's folder, its stream and its log; then comes the tool's first file.
        for (var count = 0; count < 6; count++)
        {
            File.Delete(fill.Pop());
        }

        FailedWhileCopying("BackupToolFailed", "No space left on device", Invoke(volume));

        Directory.Delete(Path.Combine(volume.Folder, "fill"), recursive: true);
        Assert.Equal(older, FilesOn(volume));
    }

    [Fact]
    public async Task A_volume_that_turns_read_only_is_a_failed_stream()
    {
        await using var volume = await Faults.MakeSmallVolumeAsync(512, Token);
        using var running = Start(volume);
        await using (await Faults.HoldBackupToolAsync(CopyDeadline, Token))
        {
            await volume.TurnReadOnlyAsync(Token);
        }

        FailedWhileCopying("StreamFailed", "Read-only file system", running.Wait());
    }

    /// <summary>In each file of a backup: Core.Tests, FlippedByteTests.</summary>
    [Fact]
    public void A_flipped_byte_in_the_base_makes_the_next_backup_a_full_one_with_a_warning()
    {
        var damaged = Module.Invoke("Invoke-GaleraBackup @cluster @store", Cluster, Store).Single<BackupRun>();
        foreach (var file in (string[])["backup.stream.zst", BackupManifest.FileName])
        {
            using (var stored = File.Open(Path.Combine(BackupRoot, damaged.BackupId, file), FileMode.Open))
            {
                stored.Seek(stored.Length / 2, SeekOrigin.Begin);
                var value = stored.ReadByte();
                stored.Seek(-1, SeekOrigin.Current);
                stored.WriteByte((byte)(value ^ 0x80));
            }

            var result = Module.Invoke("Invoke-GaleraBackup @cluster @store", Cluster, Store);

            damaged = result.Single<BackupRun>();
            Assert.Equal((Outcome.Succeeded, BackupType.Full), (damaged.Backup, damaged.Type));
            Assert.Contains(file, Assert.Single(result.Warnings));
        }
    }

    private RunningScript Start(SmallVolume volume) =>
        Module.Start($"Invoke-GaleraBackup @cluster -BackupClaim {volume.Claim} -RequiredSpaceRatio 0.01", Cluster);

    private HostedRun Invoke(SmallVolume volume)
    {
        using var running = Start(volume);
        return running.Wait();
    }

    // Returns what is on the volume then.
    private IReadOnlyList<string> MoveOlderBackupTo(SmallVolume volume)
    {
        var id = AddOlderBackup();
        var target = Directory.CreateDirectory(Path.Combine(volume.Folder, id));
        File.SetUnixFileMode(target.Parent!.FullName, (UnixFileMode)0b111_111_111);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(BackupRoot, id)))
        {
            File.Copy(file, Path.Combine(target.FullName, Path.GetFileName(file)));
        }

        return FilesOn(volume);
    }

    private static IReadOnlyList<string> FilesOn(SmallVolume volume) =>
    [
        .. Directory.EnumerateFiles(volume.Folder, "*", SearchOption.AllDirectories).Order()
            .Select(path => $"{path}: {Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(path)))}"),
    ];

    // With empty files, until there are no more inodes.
    private static List<string> Fill(string folder)
    {
        Directory.CreateDirectory(folder);
        for (var made = new List<string>(); ;)
        {
            var path = Path.Combine(folder, $"{made.Count}");
            try
            {
                File.WriteAllText(path, "");
                made.Add(path);
            }
            catch (IOException)
            {
                return made;
            }
        }
    }

    private static void FailedWhileCopying(string errorId, string reason, HostedRun result)
    {
        var run = Assert.IsType<BackupRun>(Assert.Single(result.Output));
        Assert.Equal((Outcome.Failed, Outcome.Succeeded, Outcome.Skipped), (run.Backup, run.Resync, run.Prune));
        var error = Assert.Single(run.Errors);
        Assert.True(error.ErrorId == errorId && error.Message.Contains(reason, StringComparison.Ordinal), $"{error}\n{string.Join('\n', run.Log)}");
        Assert.True(result.HasError(errorId), string.Join("; ", result.Errors));
    }
}
