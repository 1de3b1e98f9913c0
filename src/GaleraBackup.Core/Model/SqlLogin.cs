namespace GaleraBackup;

/// <summary>
/// A user name and a password that nothing prints: the password is no public property, so neither Format-List nor ConvertTo-Json
/// nor a log shows it.
/// </summary>
public sealed class SqlLogin
{
    public SqlLogin(string userName, string password)
    {
        ArgumentException.ThrowIfNullOrEmpty(userName);
        UserName = userName;
        Password = password ?? throw new ArgumentNullException(nameof(password));
    }

    public string UserName { get; }

    internal string Password { get; }

    public override string ToString() => UserName;
}
