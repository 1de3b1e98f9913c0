using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using GaleraBackup.Infrastructure.Sql;

namespace GaleraBackup.Core.Tests.Sql;

/// <summary>TLS and logins against a server that speaks the protocol.</summary>
public sealed class GaleraConnectorTests
{
    private static readonly X509Certificate2 Authority = Certify("CN=authority", null, null), Stranger = Certify("CN=stranger", null, null);

    [Theory]
    [InlineData(DatabaseSslMode.Preferred, true)]
    [InlineData(DatabaseSslMode.Required, true)]
    [InlineData(DatabaseSslMode.Disabled, false)]
    public async Task Where_nothing_is_verified_any_certificate_will_do(DatabaseSslMode mode, bool encrypted)
    {
        await using var server = new FakeServer(Certify("CN=whoever", Stranger, null));

        await ConnectAsync(server, mode, authority: null);

        Assert.Equal(encrypted, server.Encrypted);
    }

    [Theory]
    [InlineData(DatabaseSslMode.Preferred, true)]
    [InlineData(DatabaseSslMode.Disabled, true)]
    [InlineData(DatabaseSslMode.Required, false)]
    [InlineData(DatabaseSslMode.VerifyCA, false)]
    [InlineData(DatabaseSslMode.VerifyFull, false)]
    public async Task A_server_without_TLS_is_refused_where_it_is_required(DatabaseSslMode mode, bool connects)
    {
        await using var server = new FakeServer(certificate: null);

        await ConnectAsync(server, mode, Authority, connects ? null : "offers none");

        Assert.Equal(connects ? 1 : 0, server.Logins);
    }

    [Theory]
    [InlineData(DatabaseSslMode.VerifyCA)]
    [InlineData(DatabaseSslMode.VerifyFull)]
    public async Task The_authority_must_be_the_given_one(DatabaseSslMode mode)
    {
        await using var ours = new FakeServer(Certify("CN=x", Authority, "mariadb-server-2"));
        await using var another = new FakeServer(Certify("CN=x", Stranger, "mariadb-server-2"));

        await ConnectAsync(ours, mode, Authority);
        await ConnectAsync(another, mode, Authority, "not trusted");
        await ConnectAsync(ours, mode, authority: null, "not trusted"); // this machine knows neither
        Assert.Equal(0, another.Logins);
    }

    [Theory]
    [InlineData("mariadb-server-2", true)]
    [InlineData("mariadb-server-2.mariadb-discovery.openstack", true)]
    [InlineData("mariadb-server-2.mariadb-discovery.openstack.svc.cluster.local", true)]
    [InlineData("*.mariadb-discovery.openstack.svc", true)]
    [InlineData("mariadb-server-1.mariadb-discovery.openstack.svc", false)]
    [InlineData("mariadb-server-2.mariadb-discovery.other.svc", false)]
    [InlineData("mariadb-server-2.mariadb-discovery.openstack.example.org", false)]
    [InlineData("mariadb-server-2.*.openstack.svc", false)]
    [InlineData("localhost", false)]
    [InlineData("127.0.0.1", false)] // what a port-forward is dialled by
    [InlineData("POD-IP", true)]
    public async Task A_full_verification_asks_for_the_pods_own_names(string name, bool expected)
    {
        await using var server = new FakeServer(Certify("CN=x", Authority, name == "POD-IP" ? "10.9.8.7" : name));

        await ConnectAsync(server, DatabaseSslMode.VerifyFull, Authority, expected ? null : "names neither", podIP: "10.9.8.7");
        await ConnectAsync(server, DatabaseSslMode.VerifyCA, Authority);
    }

    [Theory]
    [InlineData("")]
    [InlineData("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----")]
    public void Authorities_that_cannot_be_read_are_refused(string pem) =>
        Assert.Equal("SqlTlsFailed", Assert.Throws<GaleraBackupException>(() =>
            new ServerCertificate(new ClusterScope { SslMode = DatabaseSslMode.VerifyCA, SslCa = pem }, Make.Pod())).ErrorId);

    [Theory]
    [InlineData("s3cr3t\n", "s3cr3t", 2)]
    [InlineData("s3cr3t\r\n", "s3cr3t", 2)]
    [InlineData("s3cr3t\n", "s3cr3t\n", 1)]
    [InlineData("s3cr3t", "s3cr3t", 1)]
    public async Task A_password_is_tried_as_it_is_and_then_without_its_newline(string given, string accepted, int logins)
    {
        await using var server = new FakeServer(certificate: null, accepted);

        await ConnectAsync(server, DatabaseSslMode.Preferred, authority: null, password: given);

        Assert.Equal(logins, server.Logins);
    }

    [Theory]
    [InlineData("wrong", 1)]
    [InlineData("wrong\n", 2)]
    public async Task A_wrong_password_stays_one(string given, int logins)
    {
        await using var server = new FakeServer(certificate: null);

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => ConnectAsync(server, DatabaseSslMode.Preferred, authority: null, password: given));

        Assert.Equal(("SqlAccessDenied", logins), (refusal.ErrorId, server.Logins));
    }

    private static async Task ConnectAsync(
        FakeServer server, DatabaseSslMode mode, X509Certificate2? authority, string? refused = null, string? podIP = null, string password = "s3cr3t")
    {
        var scope = new ClusterScope { Via = DatabaseRoute.Direct, SslMode = mode, SslCa = authority?.ExportCertificatePem() };
        var connecting = podIP is null
            ? new GaleraConnector(client: null!, inCluster: true).ConnectAsync(
                Make.Pod(2) with { PodIP = server.Address }, new SqlLogin("root", password), scope, TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)
            : OpenAsync(server, scope, Make.Pod(2) with { PodIP = podIP }, password);
        if (refused is null)
        {
            await (await connecting).DisposeAsync();
            return;
        }

        var refusal = await Assert.ThrowsAsync<GaleraBackupException>(() => connecting);
        Assert.Equal(("SqlTlsFailed", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains(refused, refusal.Message, StringComparison.Ordinal);
    }

    // As through a port-forward: dialled is another address than the pod's.
    private static async Task<Ports.IGaleraNodeSession> OpenAsync(FakeServer server, ClusterScope scope, PodSnapshot pod, string password)
    {
        var certificate = new ServerCertificate(scope, pod);
        var session = new GaleraNodeSession(
            pod, new SqlLogin("root", password), $"Server={server.Address};Port=3306;User ID=root;Pooling=false;SslMode={certificate.DriverMode}", forward: null, certificate);
        await session.OpenAsync(TestContext.Current.CancellationToken);
        return session;
    }

    private static X509Certificate2 Certify(string subject, X509Certificate2? issuer, string? name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(issuer is null, false, 0, true));
        if (name is not null)
        {
            var names = new SubjectAlternativeNameBuilder();
            if (IPAddress.TryParse(name, out var address))
            {
                names.AddIpAddress(address);
            }
            else
            {
                names.AddDnsName(name);
            }

            request.CertificateExtensions.Add(names.Build());
        }

        var (from, to) = (DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(12));
        if (issuer is null)
        {
            return request.CreateSelfSigned(from, to);
        }

        using var signed = request.Create(issuer, from, to.AddHours(-1), RandomNumberGenerator.GetBytes(8));
        using var whole = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);
    }
}
