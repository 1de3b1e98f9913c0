using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MySqlConnector;

namespace GaleraBackup.Infrastructure.Sql;

/// <summary>
/// Judges the certificate that a pod's server shows. The driver's own VerifyCA and VerifyFull take authorities from a file only, and compare
/// names with what was connected to: 127.0.0.1 of a port-forward. A callback of ours is asked instead; the driver asks one in its modes
/// Preferred and Required (https://mysqlconnector.net/api/mysqlconnector/mysqlconnection/remotecertificatevalidationcallback/), and
/// only Required refuses a server without TLS.
/// </summary>
internal sealed class ServerCertificate
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    private readonly PodSnapshot _pod;
    private readonly DatabaseSslMode _mode;
    private readonly X509Certificate2Collection? _authorities;

    /// <exception cref="GaleraBackupException"><c>SqlTlsFailed</c>: -SslCa holds no certificate.</exception>
    public ServerCertificate(ClusterScope scope, PodSnapshot pod)
    {
        (_pod, _mode) = (pod, scope.SslMode);
        if (Callback is not null && scope.SslCa is { } pem)
        {
            _authorities = Read(pem, pod);
        }
    }

    /// <summary>Why the last certificate was refused; null if it was not.</summary>
    public string? Problem { get; private set; }

    public MySqlSslMode DriverMode => _mode switch
    {
        DatabaseSslMode.Preferred => MySqlSslMode.Preferred,
        DatabaseSslMode.Disabled => MySqlSslMode.None,
        _ => MySqlSslMode.Required,
    };

    /// <summary>Null if nothing is verified.</summary>
    public RemoteCertificateValidationCallback? Callback =>
        _mode is DatabaseSslMode.VerifyCA or DatabaseSslMode.VerifyFull
            ? (_, certificate, chain, _) => (Problem = Judge(certificate, chain)) is null
            : null;

    private static X509Certificate2Collection Read(string pem, PodSnapshot pod)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException exception)
        {
            throw NoAuthority(exception.Message, pod);
        }

        return certificates.Count > 0 ? certificates : throw NoAuthority("there is none in it.", pod);
    }

    private static GaleraBackupException NoAuthority(string why, PodSnapshot pod) => new(
        "SqlTlsFailed", FailureKind.Refused, $"The certificates of -SslCa cannot be read: {why}", "It is a file with certificates in PEM text.", pod.Name);

    private string? Judge(X509Certificate? shown, X509Chain? presented)
    {
        if (shown is null)
        {
            return "it shows no certificate";
        }

        using var certificate = new X509Certificate2(shown);
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        if (presented is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(presented.ChainPolicy.ExtraStore);
        }

        if (_authorities is not null)
        {
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        }

        if (!chain.Build(certificate))
        {
            return $"its certificate ({certificate.Subject}) is not trusted: {string.Join(", ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()))}";
        }

        return _mode == DatabaseSslMode.VerifyCA || NamesThePod(certificate)
            ? null
            : $"its certificate ({certificate.Subject}) names neither {_pod.PodIP} nor {_pod.Name} nor {_pod.Name}.SUBDOMAIN.{_pod.Namespace}.svc";
    }

    private bool NamesThePod(X509Certificate2 certificate) =>
        (_pod.PodIP is { } address && certificate.MatchesHostname(address))
        || certificate.MatchesHostname(_pod.Name)
        || certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(names => names.EnumerateDnsNames()).Any(IsOfThePod);

    // POD.SUBDOMAIN.NAMESPACE[.svc[.DOMAIN]]: which of the headless Services is the subdomain does not matter, since the namespace says whose it
    // is. https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
    private bool IsOfThePod(string name)
    {
        var labels = name.TrimEnd('.').Split('.');
        return labels.Length >= 3
            && (labels[0] == "*" || Same(labels[0], _pod.Name))
            && !labels[1].Contains('*')
            && Same(labels[2], _pod.Namespace)
            && (labels.Length == 3 || Same(labels[3], "svc"));

        static bool Same(string one, string other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
    }
}
