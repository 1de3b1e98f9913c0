using System.Text.Json;

namespace GaleraBackup.Core.Tests.Model;

public sealed class SqlLoginTests
{
    private const string Password = "s3cr3t-\"$(id)\\#";

    private readonly SqlLogin _login = new("backup", Password);

    [Fact]
    public void Its_text_is_the_user_name() => Assert.Equal("backup", _login.ToString());

    [Fact]
    public void A_scope_prints_the_user_and_not_the_password()
    {
        var text = new ClusterScope { Credential = _login, BackupCredential = _login }.ToString();

        Assert.Contains("Credential = backup", text, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_of_a_replica_has_the_user_and_not_the_password()
    {
        var cluster = Make.Cluster(Make.Node(0), Make.Node(1), Make.Node(2));
        cluster = cluster with { Scope = cluster.Scope with { Credential = _login, BackupCredential = _login } };

        var json = JsonSerializer.Serialize(new { Login = _login });
        var withFields = JsonSerializer.Serialize(cluster, new JsonSerializerOptions { IncludeFields = true });

        Assert.Contains("\"UserName\":\"backup\"", json, StringComparison.Ordinal);
        Assert.Contains("\"UserName\":\"backup\"", withFields, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cr3t", json + withFields, StringComparison.Ordinal);
    }

    [Fact]
    public void No_public_member_gives_the_password() =>
        Assert.DoesNotContain(typeof(SqlLogin).GetProperties(), property => property.GetValue(_login) as string == Password);

    [Fact]
    public void A_login_needs_a_user_but_may_have_an_empty_password()
    {
        Assert.Throws<ArgumentException>(() => new SqlLogin("", "x"));
        Assert.Equal("root", new SqlLogin("root", "").UserName);
    }
}
