using System.Text;
using GaleraBackup.Infrastructure;
using GaleraBackup.Policy;

namespace GaleraBackup.Core.Tests.Shell;

/// <summary>
/// One byte of a stored backup that is not as it was written is found, in whatever file: by the catalogue in what it reads, by the runner in
/// all that an incremental would continue.
/// </summary>
public sealed class FlippedByteTests : IDisposable
{
    private const string Increment = "incr/2026-01-31_01-00-00/2026-02-01_01-00-00";
    private const string NextIncrement = "incr/2026-01-31_01-00-00/2026-02-02_01-00-00";

    private readonly RunnerHost _host;

    public FlippedByteTests()
    {
        RunnerHost.SkipUnlessPossible();
        _host = new RunnerHost();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private string Folder => _host.PathOf($"backup/{RunnerHost.Id}");

    [Fact]
    public async Task A_flipped_byte_in_any_file_of_a_chain_is_found()
    {
        await _host.RunAsync(expectedExitCode: 0);
        _host.Continue(Increment, fromLsn: 56789);
        await _host.RunAsync(expectedExitCode: 0);
        _host.Renew(NextIncrement);
        foreach (var path in new[] { Folder, _host.PathOf($"backup/{Increment}") }.SelectMany(Directory.EnumerateFiles).Where(path => new FileInfo(path).Length > 0))
        {
            var whole = await File.ReadAllBytesAsync(path, Token);
            foreach (var at in new[] { 0, whole.Length / 2, whole.Length - 2 })
            {
                await File.WriteAllBytesAsync(path, Flipped(whole, at, 1), Token);

                var error = await _host.RunRefusedAsync();

                Assert.Equal("ParentDamaged", error.ErrorId);
                Assert.Contains($"The file {Path.GetRelativePath(_host.PathOf("backup"), path)} is not", error.Message, StringComparison.Ordinal);
                await File.WriteAllBytesAsync(path, whole, Token);
                _host.Renew(NextIncrement);
            }
        }

        await _host.RunAsync(expectedExitCode: 0);
    }

    [Fact]
    public async Task A_marker_that_has_grown_makes_a_broken_backup()
    {
        await _host.RunAsync(expectedExitCode: 0);
        await File.WriteAllTextAsync(Path.Combine(Folder, "backup.successful"), "x", Token);

        var backup = Assert.Single(await ListAsync());

        Assert.Equal((BackupState.Broken, "its file backup.successful is not there with 0 bytes"), (backup.State, backup.Problem));
    }

    /// <summary>Also where the flipped byte ends the line, ends the text, or is no character: then the rest of the listing must not suffer.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData('\n')]
    [InlineData('\r')]
    [InlineData(0x7f)]
    [InlineData(0xff)]
    [InlineData(0xc3)]
    public async Task A_manifest_with_a_strange_byte_makes_one_broken_backup_for_both_kinds_of_store(int strange)
    {
        await _host.RunAsync(expectedExitCode: 0);
        _host.Renew("base/2026-02-07_01-00-00");
        await _host.RunAsync(expectedExitCode: 0);
        var path = Path.Combine(Folder, BackupManifest.FileName);
        var whole = await File.ReadAllBytesAsync(path, Token);
        foreach (var at in new[] { 0, whole.Length / 2, whole.Length - 3 })
        {
            await File.WriteAllBytesAsync(path, Flipped(whole, at, whole[at] ^ strange), Token);

            foreach (var catalogue in new[] { await ListAsync(), await BackupFolder.Open(_host.PathOf("backup")).ListAsync(Token) })
            {
                Assert.Equal(
                    [(RunnerHost.Id, BackupState.Broken), ("base/2026-02-07_01-00-00", BackupState.Complete)],
                    catalogue.Select(backup => (backup.BackupId, backup.State)));
                Assert.Contains("manifest.json cannot be read", catalogue[0].Problem, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task An_empty_manifest_makes_a_broken_backup()
    {
        await _host.RunAsync(expectedExitCode: 0);
        await File.WriteAllTextAsync(Path.Combine(Folder, BackupManifest.FileName), "", Token);

        Assert.Equal(BackupState.Broken, Assert.Single(await ListAsync()).State);
    }

    [Fact]
    public async Task Any_flipped_byte_of_a_manifest_is_found()
    {
        await _host.RunAsync(expectedExitCode: 0);
        var whole = await File.ReadAllBytesAsync(Path.Combine(Folder, BackupManifest.FileName), Token);
        var text = Encoding.UTF8.GetString(whole);
        Assert.Equal(RunnerHost.Id, BackupManifest.Parse(text, "whole").Id);

        // The last byte is the end of the line.
        for (var at = 0; at < whole.Length - 1; at++)
        {
            foreach (var mask in new[] { 0x01, 0x02, 0x10, 0x20, 0x80 })
            {
                var damaged = Encoding.UTF8.GetString(Flipped(whole, at, mask));
                Assert.Throws<GaleraBackupException>(() => BackupManifest.Parse(damaged, "damaged"));
            }
        }
    }

    public void Dispose() => _host.Dispose();

    private static byte[] Flipped(byte[] whole, int at, int mask)
    {
        var flipped = whole.ToArray();
        flipped[at] ^= (byte)mask;
        return flipped;
    }

    private async Task<IReadOnlyList<BackupSet>> ListAsync()
    {
        using var script = new ScriptProcess("/bin/bash", ["-c", GaleraBackup.Runner.Scripts.BackupStore, "backup-store", "list"], _host.Settings);
        Assert.Equal(0, await script.WaitAsync());
        return Catalogue.ReadListing(string.Join('\n', script.Lines), "claim");
    }
}
