namespace GaleraBackup;

/// <summary>Where a pod keeps what a backup needs: discovered from its spec, so that the user need not say it.</summary>
public sealed record MariaDbLayout
{
    /// <summary>Name of the container that runs mariadbd.</summary>
    public required string Container { get; init; }

    /// <summary>Its image. The runner uses the same one, so mariadb-backup matches the server.</summary>
    public required string Image { get; init; }

    public string? ImagePullPolicy { get; init; }

    /// <summary>The claim that holds the data directory.</summary>
    public required string DataClaim { get; init; }

    /// <summary>Where the container mounts that claim.</summary>
    public required string DataMountPath { get; init; }

    public string? DataSubPath { get; init; }

    /// <summary>Where the administrator's password is, if the container's environment says so.</summary>
    public LoginReference? AdminLogin { get; init; }

    /// <summary>Where the backup user's password is, if the container's environment says so.</summary>
    public LoginReference? BackupLogin { get; init; }

    /// <summary>runAsUser of the container, else of the pod; null means: whatever the image says.</summary>
    public long? RunAsUser { get; init; }

    public long? RunAsGroup { get; init; }
}

/// <summary>A login by reference: a literal user name or a Secret's key, and the Secret's key of the password.</summary>
public sealed record LoginReference(string? UserName, SecretKeyReference? UserNameSecret, SecretKeyReference PasswordSecret)
{
    private const string UserNameKey = "username";
    private const string PasswordKey = "password";

    /// <summary>
    /// Reads <c>[USER@]SECRET[/KEY]</c>. Without a user name it is the Secret's key <c>username</c>; the password's key is <c>password</c>
    /// unless it is named: the keys of a Secret of type kubernetes.io/basic-auth.
    /// </summary>
    /// <exception cref="FormatException">The text names no Secret.</exception>
    public static LoginReference Parse(string text)
    {
        var at = text.LastIndexOf('@');
        var parts = text[(at + 1)..].Split('/');
        if (at == 0 || parts.Length > 2 || parts.Any(string.IsNullOrWhiteSpace))
        {
            throw new FormatException($"'{text}' names no login in a Secret. Write [USER@]SECRET[/KEY].");
        }

        return new LoginReference(
            at < 0 ? null : text[..at],
            at < 0 ? new SecretKeyReference(parts[0], UserNameKey) : null,
            new SecretKeyReference(parts[0], parts.Length == 2 ? parts[1] : PasswordKey));
    }
}
