using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace GaleraBackup.Lab.Machine;

/// <summary>The lab's own certificate authority, and who it has vouched for. Made once, with the state folder.</summary>
internal sealed class Certificates(LabPaths paths)
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    public string Authority => File("ca.crt");

    public string File(string name) => Path.Combine(paths.Pki, name);

    public void Ensure()
    {
        if (Directory.Exists(paths.Pki))
        {
            return;
        }

        var folder = paths.Pki + ".new";
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=lab-ca", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        using var authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddYears(10));
        Write(folder, "ca.crt", authority.ExportCertificatePem());
        Write(folder, "ca.key", key.ExportECPrivateKeyPem());

        using var accounts = RSA.Create(2048);
        Write(folder, "sa.key", accounts.ExportRSAPrivateKeyPem());
        Write(folder, "sa.pub", accounts.ExportSubjectPublicKeyInfoPem());

        var apiServer = new SubjectAlternativeNameBuilder();
        foreach (var address in (string[])["127.0.0.1", LabNetwork.HostAddress, LabNetwork.ApiAddress])
        {
            apiServer.AddIpAddress(IPAddress.Parse(address));
        }

        const string Service = "kubernetes.default.svc";
        foreach (var name in (string[])["localhost", "kubernetes", "kubernetes.default", Service, $"{Service}.cluster.local"])
        {
            apiServer.AddDnsName(name);
        }

        var kubelet = new SubjectAlternativeNameBuilder();
        kubelet.AddIpAddress(IPAddress.Parse(LabNetwork.HostAddress));
        kubelet.AddDnsName(Lab.Node);
        Save(folder, "apiserver", Issue(authority, "kube-apiserver", [], ServerAuthentication, apiServer));
        Save(folder, "kubelet-server", Issue(authority, Lab.Node, [], ServerAuthentication, kubelet));
        Save(folder, "apiserver-kubelet-client",
            Issue(authority, "kube-apiserver-kubelet-client", ["system:masters"], ClientAuthentication));
        Directory.Move(folder, paths.Pki);
    }

    /// <summary>
    /// The certificate and the key of the database servers, made where they are not there yet. It names every member, by name and by every
    /// address that a pod may get; a port-forward's end on this machine, too.
    /// </summary>
    public (string Certificate, string Key) OfDatabase()
    {
        const string Name = "mariadb-server";
        var (certificate, key) = (File($"{Name}.crt"), File($"{Name}.key"));
        if (!System.IO.File.Exists(key))
        {
            var names = new SubjectAlternativeNameBuilder();
            foreach (var member in Enumerable.Range(0, ClusterNames.Replicas).Select(ClusterNames.Pod))
            {
                names.AddDnsName(member);
            }

            names.AddDnsName("localhost");
            names.AddDnsName($"*.{ClusterNames.DiscoveryService}.{ClusterNames.Namespace}.svc.cluster.local");
            names.AddIpAddress(IPAddress.Loopback);
            foreach (var address in LabNetwork.PodAddresses)
            {
                names.AddIpAddress(address);
            }

            using var authority = X509Certificate2.CreateFromPemFile(File("ca.crt"), File("ca.key"));
            var issued = Issue(authority, Name, [], ServerAuthentication, names);
            System.IO.File.Delete(certificate);
            Save(paths.Pki, Name, issued);
        }

        return (System.IO.File.ReadAllText(certificate), System.IO.File.ReadAllText(key));
    }

    /// <summary>Writes a kubeconfig for whoever the token says.</summary>
    public void WriteTokenKubeConfig(string path, string token) => WriteKubeConfigWith(path, $"token: {token}");

    /// <summary>Writes a kubeconfig for a user, whom the API server knows by a certificate made for this file.</summary>
    public void WriteKubeConfig(string path, string user, params string[] groups)
    {
        using var authority = X509Certificate2.CreateFromPemFile(File("ca.crt"), File("ca.key"));
        var (certificate, key) = Issue(authority, user, groups, ClientAuthentication);
        WriteKubeConfigWith(path, $"client-certificate-data: {Base64(certificate)}", $"client-key-data: {Base64(key)}");
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private void WriteKubeConfigWith(string path, params string[] credentials)
    {
        var temporary = path + ".new";
        System.IO.File.Delete(temporary);
        WriteSecret(temporary, $"""
            apiVersion: v1
            kind: Config
            clusters:
            - name: lab
              cluster:
                server: https://127.0.0.1:{LabNetwork.ApiPort}
                certificate-authority-data: {Base64(System.IO.File.ReadAllText(Authority))}
            users:
            - name: lab
              user:
                {string.Join("\n    ", credentials)}
            contexts:
            - name: lab
              context:
                cluster: lab
                user: lab
                namespace: {Lab.Namespace}
            current-context: lab

            """);
        System.IO.File.Move(temporary, path, overwrite: true);
    }

    private static (string Certificate, string Key) Issue(
        X509Certificate2 authority, string name, IEnumerable<string> groups, string purpose, SubjectAlternativeNameBuilder? names = null)
    {
        var subject = new X500DistinguishedNameBuilder();
        foreach (var group in groups)
        {
            subject.AddOrganizationName(group);
        }

        subject.AddCommonName(name);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject.Build(), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(authority, true, false));
        if (names is not null)
        {
            request.CertificateExtensions.Add(names.Build());
        }

        var serial = RandomNumberGenerator.GetBytes(16);
        serial[0] &= 0x7f;
        using var certificate = request.Create(authority, authority.NotBefore, authority.NotAfter, serial);
        return (certificate.ExportCertificatePem(), key.ExportECPrivateKeyPem());
    }

    private static void Save(string folder, string name, (string Certificate, string Key) issued)
    {
        Write(folder, $"{name}.crt", issued.Certificate);
        Write(folder, $"{name}.key", issued.Key);
    }

    private static void Write(string folder, string name, string text) => WriteSecret(Path.Combine(folder, name), text + "\n");

    private static void WriteSecret(string path, string text)
    {
        using var stream = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        stream.Write(Encoding.UTF8.GetBytes(text));
    }
}
