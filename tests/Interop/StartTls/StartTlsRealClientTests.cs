using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>
/// <c>blackpony-conformance --protocol starttls</c> against real mail clients and libraries. What each is known to deviate in is listed in
/// <c>baselines/clients</c>; <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public sealed class StartTlsRealClientTests : IAsyncDisposable
{
    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    // A mail server's last children write to the end.
    public async ValueTask DisposeAsync() => await Wait.RetryAsync(() =>
    {
        Directory.Delete(_folder, recursive: true);
        return Task.FromResult(true);
    });

    [Theory]
    [InlineData("postfix")]
    [InlineData("exim")]
    [InlineData("sendmail")]
    [InlineData("curl")]
    [InlineData("msmtp")]
    [InlineData("swaks")]
    [InlineData("net-smtp")]
    [InlineData("nullmailer")]
    [InlineData("s-nail")]
    [InlineData("mutt")]
    [InlineData("smtplib")]
    [InlineData("aiosmtplib")]
    [InlineData("twisted")]
    [InlineData("nodemailer")]
    [InlineData("mailkit")]
    [InlineData("system-net-mail")]
    public async Task A_client_deviates_in_what_is_known_and_in_nothing_else(string name)
    {
        using var client = await StartTlsClient.StartAsync(name, Path.Combine(_folder, "s"));
        await StartTlsSuite.DeviatesAsKnownAsync(name, client.Version, Path.Combine("clients", $"{name}.txt"), client.Arguments);
    }
}
