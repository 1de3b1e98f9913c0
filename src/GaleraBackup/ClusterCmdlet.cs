using System.Management.Automation;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace GaleraBackup;

/// <summary>A cmdlet that may be told which cluster is meant. The parameters are the same everywhere.</summary>
public abstract class ClusterCmdlet : GaleraCmdlet
{
    /// <summary>Parameter set in which the cluster is named, instead of coming down the pipeline.</summary>
    protected const string ByName = nameof(ByName);

    /// <summary>Namespace of the StatefulSet. Default: the one of the kubeconfig's context.</summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? Namespace { get; set; }

    /// <summary>The StatefulSet. Default: the only one of the namespace that looks like MariaDB.</summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? StatefulSet { get; set; }

    /// <summary>A kubeconfig file. Default: KUBECONFIG, the pod's own service account, ~/.kube/config.</summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? KubeConfig { get; set; }

    /// <summary>Context within the kubeconfig.</summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNullOrEmpty]
    public string? Context { get; set; }

    /// <summary>How the database is reached: the pod's IP, or a port-forward through the API.</summary>
    [Parameter(ParameterSetName = ByName)]
    public DatabaseRoute Via { get; set; }

    /// <summary>A login with the SUPER privilege. Default: the Secret that the pod's environment names.</summary>
    [Parameter(ParameterSetName = ByName)]
    [Credential]
    [ValidateNotNull]
    public PSCredential? Credential { get; set; }

    /// <summary>The same in a Secret of the namespace: [USER@]SECRET[/KEY]. -Credential comes first.</summary>
    [Parameter(ParameterSetName = ByName)]
    [ValidateNotNull]
    public LoginReference? CredentialSecret { get; set; }

    /// <summary>TLS to the database, of this module and of the runner.</summary>
    [Parameter(ParameterSetName = ByName)]
    public DatabaseSslMode SslMode { get; set; }

    /// <summary>A file with the certificates (PEM) of the authorities that the servers' certificates are signed by.</summary>
    [Parameter(ParameterSetName = ByName)]
    [ValidateNotNullOrEmpty]
    public string? SslCa { get; set; }

    /// <summary>
    /// The way to a cluster, as each object of this module carries it: piped here, it leads to its own cluster and to no other of the same
    /// name. What is typed besides comes first.
    /// </summary>
    [Parameter(ParameterSetName = ByName, ValueFromPipelineByPropertyName = true)]
    [ValidateNotNull]
    public ClusterScope? Scope { get; set; }

    /// <summary>What the parameters say. To be read on the pipeline's own thread: paths are resolved by PowerShell.</summary>
    private protected virtual ClusterScope Target
    {
        get
        {
            var given = Scope ?? new ClusterScope();
            return given with
            {
                Namespace = Namespace ?? given.Namespace,
                StatefulSet = StatefulSet ?? given.StatefulSet,
                KubeConfig = KubeConfig is null ? given.KubeConfig : FileSystemPath(KubeConfig),
                Context = Context ?? given.Context,
                Via = IsGiven(nameof(Via)) ? Via : given.Via,
                SslMode = IsGiven(nameof(SslMode)) ? SslMode : given.SslMode,
                SslCa = SslCa is null ? given.SslCa : ReadCertificates(FileSystemPath(SslCa)),
                Credential = Login(Credential) ?? (CredentialSecret is null ? given.Credential : null),
                CredentialSecret = CredentialSecret ?? given.CredentialSecret,
            };
        }
    }

    private protected bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);

    internal static SqlLogin? Login(PSCredential? credential) =>
        credential is null ? null : new SqlLogin(credential.UserName, credential.GetNetworkCredential().Password);

    private string ReadCertificates(string path)
    {
        try
        {
            var text = File.ReadAllText(path);
            var found = new X509Certificate2Collection();
            found.ImportFromPem(text);
            if (found.Count > 0)
            {
                return text;
            }

            Refuse("it holds no certificate");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            Refuse(exception.Message);
        }

        return "";

        void Refuse(string why) => ThrowTerminatingError(new GaleraBackupException(
            "SslCaInvalid", FailureKind.Refused, $"-SslCa '{path}' cannot be used: {why.TrimEnd('.')}.", "Give a file with certificates in PEM.", path).ToErrorRecord());
    }
}
