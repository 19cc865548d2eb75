using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.StartTls;

/// <summary>
/// <c>blackpony-conformance --protocol starttls</c> against real mail servers. What each is known to deviate in is listed in
/// <c>baselines</c>; <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public sealed class StartTlsServerTests : IAsyncDisposable
{
    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    // A server's last children write to the end.
    public async ValueTask DisposeAsync() => await Wait.RetryAsync(() =>
    {
        Directory.Delete(_folder, recursive: true);
        return Task.FromResult(true);
    });

    [Theory]
    [InlineData("postfix")]
    [InlineData("exim")]
    [InlineData("sendmail")]
    [InlineData("aiosmtpd")]
    [InlineData("twisted")]
    [InlineData("haraka")]
    [InlineData("smtp-server")]
    [InlineData("dovecot")]
    [InlineData("nginx")]
    [InlineData("opensmtpd")]
    [InlineData("smtpserver")]
    public async Task A_server_deviates_in_what_is_known_and_in_nothing_else(string name)
    {
        using var server = await StartTlsServer.StartAsync(name, Path.Combine(_folder, "s"));
        await StartTlsSuite.DeviatesAsKnownAsync(name, server.Version, $"{name}.txt",
            ["--server", $"127.0.0.1:{server.Port}", .. server.Options]);
    }
}
