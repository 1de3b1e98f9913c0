using GaleraBackup.Core.Tests.Workflow;
using GaleraBackup.Workflow;

namespace GaleraBackup.Core.Tests.Runner;

/// <summary>Which login is used: typed before named before found, the backup's own before the administrator's.</summary>
public sealed class LoginsTests
{
    private static readonly LoginReference Named = LoginReference.Parse("named"), Found = LoginReference.Parse("found");
    private static readonly LoginReference NamedBackup = LoginReference.Parse("named-backup"), FoundBackup = LoginReference.Parse("found-backup");

    [Theory]
    [InlineData(0b111111, "typed-backup")]
    [InlineData(0b011111, "named-backup")]
    [InlineData(0b001111, "found-backup")]
    [InlineData(0b000111, "typed")]
    [InlineData(0b000011, "named")]
    [InlineData(0b000001, "found")]
    [InlineData(0b100000, "typed-backup")]
    [InlineData(0b010100, "named-backup")]
    [InlineData(0b001100, "found-backup")]
    [InlineData(0b000110, "typed")]
    public void The_runners_login_is_the_first_of_six(int given, string expected)
    {
        var (scope, layout) = Given(given);

        var login = Logins.ForRunner(scope, layout, "ours");

        Assert.Equal(expected, login.Typed?.UserName ?? login.Reference.PasswordSecret.Name);
        Assert.Equal(login.Typed is null, login.Reference.PasswordSecret.Name != "ours");
    }

    [Fact]
    public void Without_any_the_runner_is_refused()
    {
        var (scope, layout) = Given(0);

        var refusal = Assert.Throws<GaleraBackupException>(() => Logins.ForRunner(scope, layout, "ours"));

        Assert.Equal(("CredentialUnknown", FailureKind.Refused), (refusal.ErrorId, refusal.Kind));
        Assert.Contains("-BackupCredentialSecret", refusal.Recommendation, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0b000111, "typed")]
    [InlineData(0b000011, "in named")]
    [InlineData(0b111001, "in found")]
    public async Task The_administrators_login_is_the_first_of_three(int given, string expected)
    {
        var (scope, layout) = Given(given);
        using var kubernetes = new FakeCluster { ReadSecret = secret => secret.Key == "username" ? $"in {secret.Name}\n" : "pass\n" };

        var login = await Logins.AdministratorAsync(kubernetes, "ns", scope, layout, TestContext.Current.CancellationToken);

        Assert.Equal(expected, login.UserName);
        Assert.Equal(expected == "typed" ? "x" : "pass\n", login.Password); // whether the newline is meant, the server knows
    }

    [Fact]
    public async Task Without_any_the_administrator_is_refused()
    {
        var (scope, layout) = Given(0b111000);

        Assert.Equal("CredentialUnknown", (await Assert.ThrowsAsync<GaleraBackupException>(() =>
            Logins.AdministratorAsync(new FakeCluster(), "ns", scope, layout, TestContext.Current.CancellationToken))).ErrorId);
    }

    private static (ClusterScope Scope, MariaDbLayout Layout) Given(int bits)
    {
        var scope = new ClusterScope
        {
            BackupCredential = (bits & 32) != 0 ? new SqlLogin("typed-backup", "x") : null,
            BackupCredentialSecret = (bits & 16) != 0 ? NamedBackup : null,
            Credential = (bits & 4) != 0 ? new SqlLogin("typed", "x") : null,
            CredentialSecret = (bits & 2) != 0 ? Named : null,
        };
        var layout = Make.Node(2).Layout! with
        {
            BackupLogin = (bits & 8) != 0 ? FoundBackup : null,
            AdminLogin = (bits & 1) != 0 ? Found : null,
        };
        return (scope, layout);
    }
}
