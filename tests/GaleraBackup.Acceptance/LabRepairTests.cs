using k8s;

namespace Acceptance;

/// <summary>A test that is killed leaves its faults behind: bringing the lab up again mends them.</summary>
public sealed class LabRepairTests(LabFixture fixture) : LabTest(fixture)
{
    [Fact]
    public async Task Up_mends_what_a_killed_test_left()
    {
        // Disposed only after that, where nothing is left to mend.
        await using var volume = await Faults.MakeSmallVolumeAsync(8, Token);
        await using var user = await Faults.MakeUserAsync(Right.OfABackup, Token);
        await using var readiness = await Faults.BreakReadinessAsync(0, Token);
        await using var image = await Faults.WithholdImageAsync(Token);
        await using var cordon = await Faults.CordonAsync(Token);
        await using var network = await Faults.CutOffAsync(1, Token);
        await using var server = await Faults.StopServerAsync(1, Token);
        var whole = Path.Combine(Lab.Paths.BackupVolume, "kept", "base", "2020-01-01_00-00-00");
        var half = Path.Combine(Lab.Paths.BackupVolume, "kept", ".partial", "base_2020-01-02_00-00-00");
        Directory.CreateDirectory(whole);
        Directory.CreateDirectory(half);

        await Lab.UpAsync(TextWriter.Null, Token);

        await WholeCluster.WaitAsync(Client, TimeSpan.FromSeconds(30), Token);
        Assert.Empty(await Remains.InClusterAsync(Client));
        Assert.False(Directory.Exists(volume.Folder));
        Assert.False(File.Exists(user.KubeConfig));
        Assert.True(await Faults.NodeHasImageAsync(Token));
        Assert.False(Directory.Exists(BackupRoot));
        Assert.False(Directory.Exists(half));
        Assert.True(Directory.Exists(whole));
        Directory.Delete(Path.Combine(Lab.Paths.BackupVolume, "kept"), recursive: true);
    }
}
