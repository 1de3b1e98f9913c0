using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Acceptance;

/// <summary>Logins by reference, and TLS.</summary>
public sealed class ConnectionTests(LabFixture fixture) : LabTest(fixture)
{
    [Fact]
    public void A_login_in_a_secret_is_named_by_user_secret_and_key()
    {
        const string Login = "root@mariadb-dbadmin-password/MYSQL_DBADMIN_PASSWORD";
        var cluster = Module.Invoke($"Test-GaleraCluster @cluster -CredentialSecret {Login}", Cluster).Single<GaleraCluster>();

        Assert.True(cluster.IsSafe, string.Join("; ", cluster.Findings));
    }

    [Fact]
    public async Task A_newline_at_a_passwords_end_does_no_harm()
    {
        await using var admin = await Faults.MakeLoginWithNewlineAsync("admin-of-a-file", await DatabaseEndpoint.OfAdminAsync(Client, 2, Token), Token);
        await using var backup = await Faults.MakeLoginWithNewlineAsync("backup-of-a-file", await DatabaseEndpoint.OfBackupUserAsync(Client, 2, Token), Token);

        var run = Module.Invoke(
            "Invoke-GaleraBackup @cluster @store -CredentialSecret admin-of-a-file -BackupCredentialSecret backup-of-a-file", Cluster, Store).Single<BackupRun>();

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
    }

    [Fact]
    public void A_secret_that_is_not_there_is_a_finding()
    {
        var cluster = Module.Invoke("Test-GaleraCluster @cluster -CredentialSecret no-such-secret", Cluster).Single<GaleraCluster>();

        Assert.False(cluster.IsSafe);
        Assert.All(cluster.Findings, finding => Assert.Equal("SecretNotFound", finding.Id));
    }

    [Theory]
    [InlineData("VerifyCA", "PortForward")]
    [InlineData("VerifyFull", "Direct")]
    public void A_server_whose_authority_is_given_is_trusted(string mode, string route)
    {
        var cluster = Module.Invoke(
            $"Test-GaleraCluster @cluster -Via {route} -SslMode {mode} -SslCa $ca", Cluster, ("ca", Lab.DatabaseAuthority)).Single<GaleraCluster>();

        Assert.True(cluster.IsSafe, string.Join("; ", cluster.Findings));
    }

    /// <summary>The runner, too: it has no route through this machine, and is told the authority by other means.</summary>
    [Fact]
    public void A_backup_with_a_verified_server_works()
    {
        var run = Module.Invoke(
            "Invoke-GaleraBackup @cluster @store -SslMode VerifyCA -SslCa $ca", Cluster, Store, ("ca", Lab.DatabaseAuthority)).Single<BackupRun>();

        Assert.Equal((Outcome.Succeeded, Outcome.Succeeded), (run.Backup, run.Resync));
    }

    [Fact]
    public async Task A_server_of_another_authority_is_not()
    {
        var path = Path.Combine(BackupRoot, "other-ca.crt");
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=another-ca", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using var authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        await File.WriteAllTextAsync(path, authority.ExportCertificatePem(), Token);

        var cluster = Module.Invoke("Test-GaleraCluster @cluster -SslMode VerifyCA -SslCa $ca", Cluster, ("ca", path)).Single<GaleraCluster>();

        Assert.False(cluster.IsSafe);
        Assert.Equal(3, cluster.Findings.Count(finding => finding.Id == "SqlTlsFailed"));
    }
}
