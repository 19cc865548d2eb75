using System.Net;
using System.Net.Sockets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>Real Postfix, which Debian lets trust all of 127.0.0.0/8.</summary>
public sealed class PostfixTests : IDisposable
{
    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // [BP-10.1-1], [BP-10.1-3]
    [Theory]
    [InlineData("--xclient", null, "smtpd_authorized_xclient_hosts=127.0.0.1")]
    [InlineData("--proxy-protocol", "v1", "smtpd_upstream_proxy_protocol=haproxy")]
    [InlineData("--proxy-protocol", "v2", "smtpd_upstream_proxy_protocol=haproxy")]
    public async Task Postfix_sees_the_client_itself_in_plaintext_and_inside_and_strangers_relay_nothing(string option,
        string? value, string setting)
    {
        ServerInstall.Need("postfix");
        using var server = await Postfix.StartAsync(
            Path.Combine(_folder, "b"), "mx.b.test", "b.test", "mynetworks = 127.0.0.1/32",
            p => $"127.0.0.1:{p} inet n - n - - smtpd -o {setting}");
        int door = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(door, server.Port, value is null ? [option] : [option, value]);
        using (var stranger = await ConnectFromAsync("127.0.0.9", door))
        {
            await stranger.SayAsync("EHLO stranger.test", "250");
            await stranger.SayAsync("MAIL FROM:<s@stranger.test>", "250");
            await stranger.SayAsync("RCPT TO:<victim@elsewhere.test>", "554");
            await stranger.SayAsync("RCPT TO:<victim%elsewhere.test@b.test>", "554");
            await stranger.SayAsync("RSET", "250");
            await stranger.SayAsync("XCLIENT ADDR=127.0.0.1", "550");
            await stranger.SayAsync("QUIT", "221");
        }

        using (var local = await SmtpUser.ConnectInsideAsync(door))
        {
            await local.SayAsync("EHLO local.test", "250");
            await local.SayAsync("MAIL FROM:<s@local.test>", "250");
            await local.SayAsync("RCPT TO:<somebody@elsewhere.test>", "250");
            await local.SayAsync("RSET", "250");
            await local.SayAsync("QUIT", "221");
        }

        Assert.Contains("NOQUEUE: reject: RCPT from unknown[127.0.0.9]: 554 5.7.1 <victim@elsewhere.test>: Relay access denied", server.Log,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Listen_does_not_start_before_a_Postfix_that_takes_it_for_a_local_user() // [BP-10.1-1], [BP-10.1-9]
    {
        ServerInstall.Need("postfix");
        // As Debian sets it.
        using var server = await Postfix.StartAsync(Path.Combine(_folder, "b"), "mx.b.test", "b.test", "mynetworks = 127.0.0.0/8");
        using var listen = BlackPonyProgram.Start("listen", "--listen", $"127.0.0.1:{FreePorts.Next()}", "--backend",
            $"127.0.0.1:{server.Port}");
        Assert.Equal(1, await listen.ExitAsync());
        Assert.Contains("--xclient", listen.Log, StringComparison.Ordinal);
    }

    // [BP-10.5-6], [BP-10.5-12], [BP-9.1-2]
    [Fact]
    public async Task Postfix_keeps_mail_that_relay_puts_off_and_returns_what_can_never_be_delivered()
    {
        ServerInstall.Need("postfix");
        await using var plain = new Conformance.Targets.MailSink();
        using var dns = new NameServer() { ResponseCode = 3 };
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--policy", "required", "--route", $"plain.test=[127.0.0.1]:{plain.Port}",
            "--dns", $"127.0.0.1:{dns.Port}");
        using var server = await Postfix.StartAsync(Path.Combine(_folder, "a"), "mail.a.test", "a.test", Postfix.Snippets(0, port).Main,
            p => Postfix.Snippets(p, port).Master);
        await Matrix.Sending.SubmitAsync(server.Port, "Subject: s\r\n\r\nsecret\r\n"u8.ToArray(),
            ["one@plain.test", "two@nowhere.invalid"]);
        await server.LogsAsync("to=<one@plain.test>, relay=127.0.0.1[127.0.0.1]",
            "dsn=4.7.0, status=deferred (host 127.0.0.1[127.0.0.1] said: 451 4.7.0 Encryption required, and not available");
        await server.LogsAsync("to=<two@nowhere.invalid>, relay=127.0.0.1[127.0.0.1]", "dsn=5.1.2, status=bounced");
        var bounce = await server.Mailbox.ReceivedAsync("s@a.test");
        Assert.Contains("<two@nowhere.invalid>", bounce, StringComparison.Ordinal);
        Assert.Empty(plain.Messages);
    }

    /// <summary>The lines of docs/mail-servers.md for a Postfix that keeps DANE or MTA-STS for its other mail, and for a backup.</summary>
    [Fact]
    public async Task Only_mapped_and_relayed_domains_go_through_the_relay_where_the_page_says_so()
    {
        ServerInstall.Need("postfix");
        await using var plain = new Conformance.Targets.MailSink();
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{plain.Port}");
        using var server = await Postfix.StartAsync(Path.Combine(_folder, "a"), "mail.a.test", "a.test", $$"""
            transport_maps = inline:{ { b.test = blackpony:[127.0.0.1]:{{port}} } }
            relay_domains = backup.test
            relay_transport = blackpony:[127.0.0.1]:{{port}}
            blackpony_destination_recipient_limit = 1
            default_transport = error:5.1.2 by Postfix itself
            """, p => Postfix.Snippets(p, port).Master);
        foreach (var domain in (string[])["b.test", "backup.test"])
        {
            using var person = await SmtpUser.ConnectAsync(server.Port);
            await person.BeginMessageAsync($"r@{domain}");
            await person.SayAsync("Subject: s\r\n.", "250");
            await person.SayAsync("QUIT", "221");
        }

        await relay.SaysAsync("delivery to=b.test ");
        await relay.SaysAsync("delivery to=backup.test ");
        using var other = await SmtpUser.ConnectAsync(server.Port);
        await other.SayAsync("EHLO a.test", "250");
        await other.SayAsync("MAIL FROM:<s@a.test>", "250");
        Assert.Contains("by Postfix itself", await other.SayAsync("RCPT TO:<r@other.test>", "550"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Postfix_itself_says_relayed_to_who_asked_for_a_notification() // [BP-10.5-4]
    {
        ServerInstall.Need("postfix");
        await using var plain = new Conformance.Targets.MailSink();
        int port = FreePorts.Next();
        using var relay = await BlackPonyProgram.RelayAsync(port, "--route", $"*=[127.0.0.1]:{plain.Port}");
        using var server = await Postfix.StartAsync(Path.Combine(_folder, "a"), "mail.a.test", "a.test", Postfix.Snippets(0, port).Main,
            p => Postfix.Snippets(p, port).Master);
        using (var person = await SmtpUser.ConnectAsync(server.Port))
        {
            await person.SayAsync("EHLO submit.test", "250");
            await person.SayAsync("MAIL FROM:<s@a.test> RET=HDRS", "250");
            await person.SayAsync("RCPT TO:<r@plain.test> NOTIFY=SUCCESS", "250");
            await person.SayAsync("DATA", "354");
            await person.SayAsync("Subject: s\r\n\r\nhello\r\n.", "250");
            await person.SayAsync("QUIT", "221");
        }

        Assert.Contains("Action: relayed", await server.Mailbox.ReceivedAsync("s@a.test"), StringComparison.Ordinal);
        Assert.Single(plain.Messages);
    }

    // [BP-10.2-3], [BP-10.2-9], [BP-10.4-9]
    [Fact]
    public async Task Postfix_to_Postfix_inside_an_international_message_arrives_and_its_sender_is_told_by_the_second()
    {
        ServerInstall.Need("postfix");
        int door = FreePorts.Next();
        using var inside = new TlsFront(door);
        using var a = await Postfix.StartAsync(Path.Combine(_folder, "a"), "mail.a.test", "a.test",
            $"transport_maps = inline:{{ {{ b.test = smtp:[127.0.0.1]:{inside.Port} }} }}");
        using var b = await Postfix.StartAsync(
            Path.Combine(_folder, "b"), "mx.b.test", "b.test",
            $"mynetworks = 127.0.0.1/32\ntransport_maps = inline:{{ {{ a.test = smtp:[127.0.0.1]:{a.Port} }} }}");
        using var listen = await BlackPonyProgram.ListenAsync(door, b.Port);
        using (var person = await SmtpUser.ConnectAsync(a.Port))
        {
            await person.SayAsync("EHLO submit.test", "250");
            await person.SayAsync("MAIL FROM:<gr\xC3\xBC\xC3\x9F" + "e@a.test> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+3D1", "250");
            await person.SayAsync("RCPT TO:<j\xC3\xBCrgen@b.test> NOTIFY=SUCCESS", "250");
            await person.SayAsync("DATA", "354");
            await person.SayAsync("Subject: gr\xC3\xBC\xC3\x9F" + "e\r\n\r\n\xC3\xA9t\xC3\xA9\r\n.", "250");
            await person.SayAsync("QUIT", "221");
        }

        // The box writes an underscore for each octet that is not ASCII.
        var received = await ReceivedAsync(b, "j__rgen@b.test");
        Assert.Contains("Subject: gr\xC3\xBC\xC3\x9F" + "e\r\n", received, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\n\xC3\xA9t\xC3\xA9\r\n", received, StringComparison.Ordinal);
        var notice = await ReceivedAsync(a, "gr____e@a.test");
        Assert.Contains("Reporting-MTA: dns; mx.b.test\r\n", notice, StringComparison.Ordinal);
        Assert.Contains("Original-Envelope-Id: id=1\r\n", notice, StringComparison.Ordinal);
        Assert.Matches("Action: (delivered|relayed)\r\n", notice);
        await listen.SaysAsync("encrypted=yes");

        async Task<string> ReceivedAsync(Postfix server, string recipient)
        {
            try
            {
                return await server.Mailbox.ReceivedAsync(recipient);
            }
            catch (TimeoutException e)
            {
                throw new TimeoutException($"{e.Message}\n{a.Log}\n--- {b.Log}\n--- {listen.Log}", e);
            }
        }
    }

    private static async Task<SmtpUser> ConnectFromAsync(string address, int port)
    {
        var client = new TcpClient(new IPEndPoint(IPAddress.Parse(address), 0));
        await client.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
        var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        return person;
    }
}
