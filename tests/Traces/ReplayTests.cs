using System.Net;
using System.Net.Sockets;
using BlackPony.Hosting;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Tests.Traces;

/// <summary>Captured sessions played again: our client to our server, and through a real upgrade.</summary>
public sealed class ReplayTests
{
    private static readonly ReplayOptions Options = new() { Strict = true, Timeout = TimeSpan.FromSeconds(20) };

    [Theory]
    [InlineData("smtp-multi-addr.pcap")]
    [InlineData("smtp-bdat-pipeline-8bitmime.pcap")]
    [InlineData("smtp-mail-transactions-invalid.pcap")]
    [InlineData("rfc3030-bdat-multipart-chunked.pcap")]
    [InlineData("smtp.pcap")]
    [Trait("Needs", "shared/traces")]
    public async Task A_captured_session_goes_as_it_went(string name)
    {
        foreach (var script in Script.Read(SharedCaptures.Zeek(name), new InspectOptions(), out _))
        {
            var (client, server) = await Play(script, script, Options);
            Assert.Empty(server.Differences);
            Assert.Empty(client.Differences);
            Assert.Equal(script.Exchanges.Count, client.Exchanges);
        }
    }

    [Fact]
    public async Task A_server_that_does_otherwise_is_told()
    {
        using var folder = new Folder();
        var captured = Only(folder, "captured", Frames.Lines);
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[6] = ('S', "550 Nobody here\r\n");
        var (client, _) = await Play(captured, Only(folder, "live", lines), Options);
        Assert.Equal("exchange 3, RCPT: captured 250 Ok, got 550 Nobody here", Assert.Single(client.Differences).ToString());
        lines[6] = ('S', "250 Accepted\r\n");
        (client, _) = await Play(captured, Only(folder, "live", lines), Options);
        Assert.Single(client.Differences);
        (client, _) = await Play(captured, Only(folder, "live", lines), Options with { Strict = false });
        Assert.Empty(client.Differences);
    }

    [Fact]
    public async Task A_server_that_offers_no_upgrade_is_told()
    {
        using var folder = new Folder();
        var captured = Only(folder, "captured", Frames.Lines);
        var (client, _) = await Play(captured, captured, Options with { Upgrade = SuiteRegistry.Find("ROT") });
        Assert.Equal("EHLO: captured an offer of ROT, got 250-mx.b.test / 250 PIPELINING", Assert.Single(client.Differences).ToString());
    }

    [Fact]
    public async Task No_command_is_sent_where_the_server_waits_for_a_message()
    {
        using var folder = new Folder();
        var captured = Only(folder, "refused",
            [.. Frames.Lines[..8], ('S', "554 No\r\n"), ('C', "AUTH PLAIN\r\n"), ('S', "504 No\r\n"), .. Frames.Lines[^2..]]);
        var (client, server) = await Play(captured, Only(folder, "taken", Frames.Lines), Options);
        Assert.Equal("exchange 4, DATA: captured 554 No, got 354 Go on", Assert.Single(client.Differences).ToString());
        Assert.Equal(4, client.Exchanges);
        Assert.Equal("the end of the connection", Assert.Single(server.Differences).Live);
        // Nor a message that ends with its connection.
        var cut = Only(folder, "cut", Frames.Lines[..10]);
        (client, _) = await Play(cut, cut, Options);
        Assert.Equal((4, 0), (client.Exchanges, client.Differences.Count));
    }

    [Theory]
    [InlineData("", "the end of the connection")]
    [InlineData("\0\u00ffnonsense\r\n", "something that is not a reply: \\x00\\xFFnonsense")]
    [InlineData("250 half", "nothing for 0.2 seconds")]
    public async Task A_server_that_does_not_answer_is_told(string says, string told)
    {
        using var folder = new Folder();
        var captured = Only(folder, "captured", Frames.Lines);
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var playing = new ReplayClient(
            "127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port,
            Options with { Timeout = TimeSpan.FromSeconds(says == "250 half" ? 0.2 : 20) })
            .PlayAsync(captured, TestContext.Current.CancellationToken);
        using var socket = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
        await socket.SendAsync(System.Text.Encoding.Latin1.GetBytes(says), TestContext.Current.CancellationToken);
        if (says.Length == 0)
        {
            socket.Shutdown(SocketShutdown.Both);
        }

        Assert.Equal($"greeting: captured 220 mx.b.test ESMTP, got {told}", (await playing).Differences[0].ToString());
    }

    [Fact]
    public async Task What_a_capture_lacks_of_a_message_is_filled_up()
    {
        using var folder = new Folder();
        var live = Only(folder, "live", Frames.Lines);
        // DATA itself, of the message its first part, and its end.
        foreach (int lost in (int[])[10, 12, 13])
        {
            var frames = Frames.Session();
            frames.RemoveAt(lost);
            var captured = Assert.Single(Script.Read(folder.Write("lost.pcap", Inspection.Pcap(frames)), new InspectOptions(), out _));
            var (client, server) = await Play(captured, live, Options);
            Assert.Equal((lost, 0, 0), (lost, client.Differences.Count, server.Differences.Count));
            Assert.Equal(6, client.Exchanges);
        }

        // Chunks keep their size.
        (char, string)[] lines = [.. Frames.Lines[..7], ('C', "BDAT 300 LAST\r\n"), ('C', new string('y', 200)),
            ('C', new string('z', 100)), .. Frames.Lines[^3..]];
        var chunks = Frames.Session(lines: lines);
        chunks.RemoveAt(3 + 8);
        var script = Assert.Single(Script.Read(folder.Write("cut.pcap", Inspection.Pcap(chunks)), new InspectOptions(), out _));
        var (one, other) = await Play(script, Only(folder, "chunks", lines), Options);
        Assert.Equal((0, 0, 5), (one.Differences.Count, other.Differences.Count, one.Exchanges));
    }

    [Fact]
    public async Task LMTP_is_not_played_and_says_so()
    {
        using var folder = new Folder();
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[1] = ('C', "LHLO mail.a.test\r\n");
        var result = await new ReplayClient("127.0.0.1", 1, Options)
            .PlayAsync(Only(folder, "lmtp", lines), TestContext.Current.CancellationToken);
        Assert.Equal((0, "LMTP cannot be played."), (result.Exchanges, result.Note));
        var (code, output, _) = Tool.Run(["replay", Path.Combine(folder.Path, "lmtp.pcap"), "--to", "127.0.0.1:1"]);
        Assert.Equal(3, code);
        Assert.EndsWith("0 exchanges, nothing played. LMTP cannot be played.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_dates_and_ids_are_no_difference()
    {
        using var folder = new Folder();
        var lines = ((char, string)[])Frames.Lines.Clone();
        var captured = ((char, string)[])Frames.Lines.Clone();
        captured[0] = ('S', "220 mx.b.test ESMTP Tue, 24 Nov 2026 07:05:00 +0000\r\n");
        lines[0] = ('S', "220 mail.example.org ESMTP Wed, 25 Nov 2026 08:15:01 +0100\r\n");
        captured[11] = ('S', "250 2.0.0 Ok: queued as 4Z7a8b\r\n");
        lines[11] = ('S', "250 2.0.0 Ok: queued as 9Q1x2y3z\r\n");
        var (client, _) = await Play(Only(folder, "captured", captured), Only(folder, "live", lines), Options);
        Assert.Empty(client.Differences);
    }

    [Fact]
    public async Task Addresses_are_rewritten()
    {
        using var folder = new Folder();
        var script = Only(folder, "captured", Frames.Lines);
        var options = Options with { Rewrite = [("@a.test", "@example.test"), ("bob@b.test", "carol@c.test")] };
        using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), options);
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[3] = ('C', "MAIL FROM:<alice@example.test>\r\n");
        var serving = server.PlayAsync(Only(folder, "live", lines), TestContext.Current.CancellationToken);
        await new ReplayClient("127.0.0.1", server.Address.Port, options).PlayAsync(script, TestContext.Current.CancellationToken);
        Assert.Empty((await serving).Differences);
    }

    [Theory]
    [InlineData("MAIL FROM:<alice@a.test> SIZE=1\r\n", "MAIL FROM:<alice@example.test> SIZE=1\r\n")]
    [InlineData("MAIL FROM:alice@a.test\r\n", "MAIL FROM:alice@example.test\r\n")]
    [InlineData("MAIL FROM: alice@a.test SIZE=10\r\n", "MAIL FROM: alice@example.test SIZE=10\r\n")]
    [InlineData("RCPT TO:bob@b.test\r\n", "RCPT TO:carol@c.test\r\n")]
    [InlineData("rcpt to:<BOB@B.test>\r\n", "rcpt to:<carol@c.test>\r\n")]
    [InlineData("RCPT TO:<@relay.a.test:bob@b.test>\r\n", "RCPT TO:<@relay.a.test:carol@c.test>\r\n")]
    [InlineData("RCPT TO:<\"a b>c\"@a.test>\r\n", "RCPT TO:<\"a b>c\"@example.test>\r\n")]
    [InlineData("RCPT TO:<bobby@b.test> ORCPT=rfc822;bob@b.test\r\n", "RCPT TO:<bobby@b.test> ORCPT=rfc822;bob@b.test\r\n")]
    [InlineData("RCPT\r\n", "RCPT\r\n")]
    [InlineData("RCPT TO:\r\n", "RCPT TO:\r\n")]
    [InlineData("RCPT TO:<\r\n", "RCPT TO:<\r\n")]
    public void An_address_is_rewritten_in_whatever_form_it_comes(string line, string expected) =>
        Assert.Equal(expected, System.Text.Encoding.Latin1.GetString(
            Rewriting.Line(System.Text.Encoding.Latin1.GetBytes(line), [("@a.test", "@example.test"), ("bob@b.test", "carol@c.test")])));

    [Fact]
    public async Task A_server_for_which_no_client_comes_says_so()
    {
        using var folder = new Folder();
        using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), Options with { Wait = TimeSpan.FromMilliseconds(50) });
        var result = await server.PlayAsync(Only(folder, "captured", Frames.Lines), TestContext.Current.CancellationToken);
        Assert.Equal("connection: captured a client, got none for 0.05 seconds", Assert.Single(result.Differences).ToString());
    }

    [Fact]
    public async Task Mail_with_bare_LF_ends_at_its_own_dot()
    {
        using var folder = new Folder();
        using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), Options);
        var serving = server.PlayAsync(Only(folder, "live", Frames.Lines), TestContext.Current.CancellationToken);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address, TestContext.Current.CancellationToken);
        await client.Client.SendAsync(System.Text.Encoding.ASCII.GetBytes(
            "EHLO mail.a.test\nMAIL FROM:<alice@a.test>\nRCPT TO:<bob@b.test>\nDATA\nSubject: x\n\nOne\n.\nQUIT\n"),
            TestContext.Current.CancellationToken);
        var result = await serving;
        Assert.Equal((0, 6), (result.Differences.Count, result.Exchanges));
        // With CRLF a dot between bare line ends is content.
        serving = server.PlayAsync(Only(folder, "again", Frames.Lines), TestContext.Current.CancellationToken);
        using var other = new TcpClient();
        await other.ConnectAsync(server.Address, TestContext.Current.CancellationToken);
        await other.Client.SendAsync(System.Text.Encoding.ASCII.GetBytes(
            "EHLO mail.a.test\r\nMAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\nSubject: "
                + "x\r\n\r\nOne\n.\nNOOP\r\n.\r\nQUIT\r\n"), TestContext.Current.CancellationToken);
        result = await serving;
        Assert.Equal((0, 6), (result.Differences.Count, result.Exchanges));
    }

    [Fact]
    public async Task Other_credentials_are_used_and_never_shown()
    {
        using var folder = new Folder();
        (char, string)[] lines = [.. Frames.Lines[..3], ('C', "AUTH LOGIN\r\n"), ('S', "334 VXNlcm5hbWU6\r\n"), ('C', "Ym9i\r\n"),
            ('S', "334 UGFzc3dvcmQ6\r\n"), ('C', "c2VzYW1l\r\n"), ('S', "235 Ok\r\n"), .. Frames.Lines[3..]];
        (char, string)[] live = [.. Frames.Lines[..3], ('C', "AUTH PLAIN AGNhcm9sAG90aGVy\r\n"), ('S', "235 Ok\r\n"), .. Frames.Lines[3..]];
        var (client, server) = await Play(
            Only(folder, "captured", lines), Only(folder, "live", live), Options with { Credentials = ("carol", "other") });
        Assert.Empty(client.Differences);
        Assert.Empty(server.Differences);
        (client, server) = await Play(Only(folder, "again", lines),
            Only(folder, "refused", [.. Frames.Lines[..3], ('C', "AUTH PLAIN AGNhcm9sAG90aGVy\r\n"), ('S', "535 No\r\n"),
            .. Frames.Lines[3..]]), Options with { Credentials = ("carol", "other") });
        Assert.Equal("exchange 2, AUTH: captured 235 Ok, got 535 No", Assert.Single(client.Differences).ToString());
    }

    [Fact]
    public async Task A_session_is_played_inside_TLS_with_a_live_server()
    {
        using var folder = new Folder();
        var cancel = TestContext.Current.CancellationToken;
        using var key = System.Security.Cryptography.RSA.Create(2048);
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest(
            "CN=mx.b.test", key, System.Security.Cryptography.HashAlgorithmName.SHA256,
            System.Security.Cryptography.RSASignaturePadding.Pkcs1);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var serving = Task.Run(async () =>
        {
            using var socket = await listener.AcceptTcpClientAsync(cancel);
            var plain = socket.GetStream();
            await SayAndHear(plain, "220 mx.b.test ESMTP\r\n", "EHLO mail.a.test\r\n", cancel);
            await SayAndHear(plain, "250-mx.b.test\r\n250 STARTTLS\r\n", "STARTTLS\r\n", cancel);
            await plain.WriteAsync("220 Go\r\n"u8.ToArray(), cancel);
            await using var tls = new System.Net.Security.SslStream(plain);
            await tls.AuthenticateAsServerAsync(certificate);
            await SayAndHear(tls, "", Frames.Lines[1].Text, cancel);
            for (int i = 2; i + 1 < Frames.Lines.Length; i++)
            {
                if (Frames.Lines[i].Who == 'S')
                {
                    await SayAndHear(tls, Frames.Lines[i].Text,
                        string.Concat(Frames.Lines[(i + 1)..].TakeWhile(l => l.Who == 'C').Select(l => l.Text)), cancel);
                }
            }

            await tls.WriteAsync("221 Bye\r\n"u8.ToArray(), cancel);
        }, cancel);
        var result = await new ReplayClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, Options with { StartTls = true })
            .PlayAsync(Only(folder, "captured", Frames.Lines), cancel);
        Assert.Empty(result.Differences);
        await serving;

        static async Task SayAndHear(Stream stream, string say, string hear, CancellationToken cancel)
        {
            await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(say), cancel);
            var octets = new byte[hear.Length];
            await stream.ReadExactlyAsync(octets, cancel);
            Assert.Equal(hear, System.Text.Encoding.ASCII.GetString(octets));
        }
    }

    [Theory]
    [MemberData(nameof(BlackPonyTests.Suites), MemberType = typeof(BlackPonyTests))]
    public async Task A_session_goes_through_an_upgrade(string name)
    {
        using var folder = new Folder();
        var cancel = TestContext.Current.CancellationToken;
        var script = Only(folder, "captured", Frames.Lines);
        var suite = SuiteRegistry.Find(name)!;
        using var backend = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), Options);
        // A relay opens one connection when it is called and another for the upgrade.
        var serving = Task.Run(async () =>
            (await Task.WhenAll(backend.PlayAsync(script, cancel), backend.PlayAsync(script, cancel))).MaxBy(r => r.Exchanges)!, cancel);
        var settings = new InboundSettings(
            [new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", backend.Address.Port,
            new ServerOptions(new RsaKeys(TimeProvider.System)) { Suites = [suite] }) { BackendSource = IPAddress.Parse("127.0.0.2") };
        await using var relay = new InboundServer(settings, NullLogger.Instance);
        relay.Start();
        var result = await new ReplayClient("127.0.0.1", relay.EndPoints[0].Port, Options with { Upgrade = suite })
            .PlayAsync(script, cancel);
        Assert.Empty(result.Differences);
        Assert.Equal(5 + 1, result.Exchanges);
        Assert.Empty((await serving).Differences);
    }

    [Fact]
    public async Task A_STARTTLS_that_was_refused_is_played_and_one_that_was_not_ends_it()
    {
        using var folder = new Folder();
        var refused = Only(folder, "refused",
            [.. Frames.Lines[..3], ('C', "STARTTLS\r\n"), ('S', "454 Not now\r\n"), .. Frames.Lines[3..]]);
        var (client, server) = await Play(refused, refused, Options);
        Assert.Empty(client.Differences);
        Assert.Empty(server.Differences);
        Assert.Equal((7, null), (client.Exchanges, client.Note));
        // A server that takes it now waits for TLS.
        var accepted = Only(folder, "accepted", [.. Frames.Lines[..3], ('C', "STARTTLS\r\n"), ('S', "220 Go\r\n")]);
        (client, _) = await Play(refused, accepted, Options);
        Assert.Equal((2, 1), (client.Exchanges, client.Differences.Count));
        (client, _) = await Play(accepted, accepted, Options);
        Assert.Equal((1, "What was inside TLS cannot be played."), (client.Exchanges, client.Note));
    }

    [Fact]
    public async Task What_was_inside_records_is_played()
    {
        using var folder = new Folder();
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var script = Assert.Single(Script.Read(
            folder.Write("secured.pcap", secured.Pcap()), new InspectOptions { Keys = secured.Keys }, out _));
        var (client, server) = await Play(script, Only(folder, "plain", Secured.Inside.Prepend(Frames.Lines[0]).ToArray()), Options);
        Assert.Empty(client.Differences);
        Assert.Empty(server.Differences);
    }

    [Fact]
    public async Task The_command_says_it_in_three_formats()
    {
        using var folder = new Folder();
        var file = folder.Write("captured.pcap", Inspection.Connection(Frames.Lines));
        var script = Assert.Single(Script.Read(file, new InspectOptions(), out _));
        foreach (var (format, expected) in new[] { ("text", "as captured"), ("json", "\"differences\": []"), ("junit", "failures=\"0\"") })
        {
            using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), Options);
            var serving = server.PlayAsync(script, TestContext.Current.CancellationToken);
            var (code, output, errors) = await Task.Run(
                () => Tool.Run(["replay", file, "--to", server.Address.ToString(), "--format", format]),
                TestContext.Current.CancellationToken);
            Assert.Equal((0, ""), (code, errors));
            Assert.Contains(expected, output, StringComparison.Ordinal);
            await serving;
        }

        Assert.Equal(2, Tool.Run(["replay", file]).Code);
        Assert.Equal(2, Tool.Run(["replay", file, "--to", "127.0.0.1:1", "--upgrade", "NOTHING"]).Code);
        Assert.Equal(3, Tool.Run(["replay", "/no/such/file", "--to", "127.0.0.1:1"]).Code);
        var (refused, said, why) = Tool.Run(["replay", file, "--to", "127.0.0.1:1"]);
        Assert.True(refused == 3, $"{refused}: {said} {why}");
        Assert.StartsWith("blackpony-replay: 127.0.0.1:1: ", why, StringComparison.Ordinal);
    }

    private static Script Only(Folder folder, string name, params (char, string)[] lines) =>
        Assert.Single(Script.Read(folder.Write(name + ".pcap", Inspection.Connection(lines)), new InspectOptions(), out _));

    private static async Task<(ReplayResult Client, ReplayResult Server)> Play(Script captured, Script live, ReplayOptions options)
    {
        var cancel = TestContext.Current.CancellationToken;
        using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), options);
        var serving = server.PlayAsync(live, cancel);
        var client = await new ReplayClient("127.0.0.1", server.Address.Port, options).PlayAsync(captured, cancel);
        return (client, await serving);
    }
}
