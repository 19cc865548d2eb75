using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>
/// <c>listen</c> before the four mail servers as Debian's packages configure them: it serves nobody before those that would take it for a
/// local user, and it serves before them when it is set up as docs/mail-servers.md says.
/// </summary>
public sealed class StockServerTests : IDisposable
{
    // The Postfix of issue 16: a name under .invalid is refused with 450 before the network is looked at.
    private const string LooksUpFirst =
        "smtpd_recipient_restrictions=reject_unknown_recipient_domain, permit_mynetworks, reject_unauth_destination";
    private const string XClient = "smtpd_authorized_xclient_hosts=127.0.0.1";

    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // [BP-10.1-1], [BP-10.1-9], [BP-10.1-12]
    [Theory]
    [InlineData("sendmail")]
    [InlineData("postfix")]
    [InlineData("postfix", LooksUpFirst)]
    [InlineData("postfix", LooksUpFirst, "smtpd_relay_restrictions=")]
    [InlineData("postfix", "smtpd_sender_restrictions=reject_unknown_sender_domain",
        "smtpd_helo_restrictions=reject_unknown_helo_hostname")]
    public async Task One_that_trusts_all_of_127_is_not_served(string name, params string[] settings)
    {
        using var server = await StockServer.StartAsync(Path.Combine(_folder, "b"), name, settings);
        int port = FreePorts.Next();
        using var listen = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{port}", "--backend", $"127.0.0.1:{server.Port}");

        // One that looks up names first, and has no name server here, says neither yes nor no.
        if (settings.Any(s => s.Contains("reject_unknown_helo", StringComparison.Ordinal)))
        {
            await listen.SaysAsync("it is not known whether");
            await listen.ListensAsync(port);
            await SmtpUser.RefusedAsync(port);
            return;
        }

        Assert.Equal(1, await listen.ExitAsync());
        Assert.Contains("is an open relay", listen.Log, StringComparison.Ordinal);
    }

    // [BP-10.1-1], [BP-10.1-12]
    [Theory]
    [InlineData("exim", "")]
    [InlineData("opensmtpd", "")]
    [InlineData("postfix", "--xclient", XClient)]
    [InlineData("postfix", "--xclient", XClient, LooksUpFirst)]
    [InlineData("postfix", "--xclient", XClient, LooksUpFirst, "smtpd_relay_restrictions=")]
    [InlineData("postfix", "--xclient", XClient, "smtpd_client_restrictions=reject_unknown_client_hostname")]
    [InlineData("postfix", "--proxy-protocol=v1", "smtpd_upstream_proxy_protocol=haproxy")]
    [InlineData("postfix", "--proxy-protocol=v2", "smtpd_upstream_proxy_protocol=haproxy")]
    [InlineData("postfix", "--proxy-protocol=v2", "postscreen", "postscreen_upstream_proxy_protocol=haproxy", "postscreen_greet_wait=1s")]
    public async Task One_that_is_set_up_as_documented_takes_its_own_mail_and_no_other(string name, string option, params string[] settings)
    {
        using var server = await StockServer.StartAsync(Path.Combine(_folder, "b"), name, settings);
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, server.Port, option.Length > 0 ? [option] : []);
        using var person = await SmtpUser.ConnectAsync(port);
        await listen.SaysAsync("and refuses");
        await person.SayAsync("EHLO stranger.test", "250");
        await person.SayAsync("MAIL FROM:<>", "250");
        await person.SayAsync("RCPT TO:<root@b.test>", "250");
        if (option.Length == 0)
        {
            await person.SayAsync("RCPT TO:<victim@elsewhere.test>", "5");
        }
    }

    [Fact]
    public async Task Debians_sendmail_is_served_after_the_documented_change_of_its_access_table() // [BP-10.1-1]
    {
        using var server = await StockServer.StartAsync(Path.Combine(_folder, "b"), "sendmail", "Connect:127.0.0.1");
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, server.Port);
        await listen.SaysAsync("and refuses");
        using var person = await SmtpUser.ConnectAsync(port);
        await person.SayAsync("EHLO stranger.test", "250");
        await person.SayAsync("MAIL FROM:<>", "250");
        await person.SayAsync("RCPT TO:<root@b.test>", "250");
        await person.SayAsync("RCPT TO:<victim@elsewhere.test>", "550");
    }
}
