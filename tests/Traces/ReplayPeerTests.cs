using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Captured sessions, replayed to a scripted server: what the server receives, and what is reported.</summary>
public sealed class ReplayPeerTests
{
    private static readonly ReplayOptions Options = new() { Timeout = TimeSpan.FromSeconds(30) };

    private static readonly (char, string)[] Pipelined =
    [
        .. Frames.Lines[..3],
        ('C', "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\n"), ('S', "250 Ok\r\n250 Ok\r\n354 Go on\r\n"),
        ('C', "One\r\n.\r\nQUIT\r\n"), ('S', "250 Queued\r\n221 Bye\r\n"),
    ];

    [Fact]
    public async Task Commands_that_were_captured_together_go_together_where_the_server_offers_PIPELINING()
    {
        var (result, heard) = await Play(Pipelined, Options, "220 mx", "EHLO", "250-mx\r\n250-SIZE\r\n250 pipelining", "DATA\r\n",
            "250 Ok\r\n250 Ok\r\n354 Go on", "QUIT\r\n", "250 Queued\r\n221 Bye");
        Assert.Equal((6, 0), (result.Exchanges, result.Differences.Count));
        Assert.Equal("EHLO mail.a.test\r\nMAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\nOne\r\n.\r\nQUIT\r\n", heard);
        // Where it does not, each waits for the reply to the one before.
        foreach (var offer in (string[])["250 mx", "250-mx\r\n250 SIZE", "250-PIPELINING\r\n250 SIZE"])
        {
            (result, _) = await Play(Pipelined, Options, "220 mx", "EHLO", offer, "MAIL FROM:<alice@a.test>\r\n$", "250 Ok",
                "RCPT TO:<bob@b.test>\r\n$", "250 Ok", "DATA\r\n$", "354 Go on", "One\r\n.\r\n$", "250 Queued", "QUIT\r\n$", "221 Bye");
            Assert.Equal((6, 0), (result.Exchanges, result.Differences.Count));
        }
    }

    [Fact]
    public async Task Each_reply_is_compared_with_what_was_captured_for_its_command()
    {
        var (result, _) = await Play(Pipelined, Options, "554 mx", "EHLO", "250-mx\r\n250 PIPELINING", "DATA\r\n",
            "550 No\r\n250-Ok\r\n250 too\r\n354 Go on", "QUIT\r\n", "451-Later\r\n451 on\r\n221 Bye");
        Assert.Equal(["greeting: captured 220 mx.b.test ESMTP, got 554 mx", "exchange 2, MAIL: captured 250 Ok, got 550 No",
            "exchange 5, the message's end: captured 250 Queued, got 451-Later / 451 on"], result.Differences.Select(d => d.ToString()));
        Assert.Equal(("10.0.0.1:40000 > 10.0.0.2:25", 6, null, 1, false),
            (result.Name, result.Exchanges, result.Note, result.Session, result.IsUnreached));
        // A captured reply of two lines is shown in one.
        (result, _) = await Play(Frames.Lines[..3], Options, "220 mx", "EHLO", "550 No");
        Assert.Equal("exchange 1, EHLO: captured 250-mx.b.test / 250 PIPELINING, got 550 No", Assert.Single(result.Differences).ToString());
    }

    [Fact]
    public async Task A_reply_that_was_not_captured_is_compared_with_nothing()
    {
        (char, string)[] silent = [.. Frames.Lines[..5], ('C', "NOOP\r\n")];
        var (result, _) = await Play(silent, Options, "220 mx", "EHLO", "250 mx", "MAIL", "250 Ok", "NOOP\r\n", "500 What");
        Assert.Equal((3, 0), (result.Exchanges, result.Differences.Count));
        // But a server that answers nothing is reported.
        (result, _) = await Play(silent, Options, "220 mx", "EHLO", "250 mx", "MAIL", "250 Ok", "NOOP\r\n");
        Assert.Equal("exchange 3, NOOP: captured , got the end of the connection", Assert.Single(result.Differences).ToString());
        Assert.Equal(2, result.Exchanges);
    }

    [Fact]
    public async Task A_captured_pause_is_kept_at_the_original_rate()
    {
        using var folder = new Folder();
        // 0.3 s before NOOP.
        (char, string)[] lines = [.. Frames.Lines[..3], ('C', "NOOP\r\n"), ('S', "250 Ok\r\n")];
        var script = Assert.Single(Script.Read(folder.Write("slow.pcap", Slow(lines, 300_000_000)), new InspectOptions(), out _));
        Assert.InRange(script.Exchanges[1].Time - script.Exchanges[0].Time, 300_000_000, 2_000_000_000);
        string[] says = ["220 mx", "EHLO mail.a.test\r\n$", "250 mx", "NOOP\r\n", "250 Ok"];
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await Play(script, Options with { OriginalRate = true }, says);
        Assert.True(watch.Elapsed >= TimeSpan.FromMilliseconds(300));
    }

    [Theory]
    [InlineData("504 No", "AUTH LOGIN\r\n$", "334 VXNlcm5hbWU6", "Y2Fyb2w=\r\n$", "334 UGFzc3dvcmQ6", "b3RoZXI=\r\n$", "235 Ok")]
    [InlineData("502 No", "AUTH LOGIN\r\n$", "334 VXNlcm5hbWU6", "Y2Fyb2w=\r\n$", "334 UGFzc3dvcmQ6", "b3RoZXI=\r\n$", "235 Ok")]
    [InlineData("501 No", "AUTH LOGIN\r\n$", "235 Ok")]
    [InlineData("334 ", "AGNhcm9sAG90aGVy\r\n$", "235 Ok")]
    [InlineData("235 Ok")]
    public async Task A_login_by_another_user_uses_a_mechanism_that_the_server_has(string first, params string[] more)
    {
        (char, string)[] lines = [.. Frames.Lines[..3], ('C', "AUTH CRAM-MD5\r\n"), ('S', "334 PDE+\r\n"), ('C', "Ym9iIDEyMw==\r\n"),
            ('S', "235 Ok\r\n"), .. Frames.Lines[^2..]];
        var (result, heard) = await Play(lines, Options with { Credentials = ("carol", "other") },
            ["220 mx", "EHLO", "250-mx\r\n250 AUTH PLAIN LOGIN", "AUTH PLAIN AGNhcm9sAG90aGVy\r\n", first, .. more, "QUIT\r\n", "221 Bye"]);
        Assert.Equal((4, 0), (result.Exchanges, result.Differences.Count));
        Assert.DoesNotContain("Ym9i", heard, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("535 No", "exchange 2, AUTH: captured 235 Ok, got 535 No")]
    [InlineData("504 No", "exchange 2, AUTH: captured 235 Ok, got 535 Not that either", "AUTH LOGIN\r\n", "535 Not that either")]
    [InlineData("504 No", "exchange 2, AUTH: captured 235 Ok, got the end of the connection", "AUTH LOGIN\r\n")]
    public async Task A_login_that_fails_is_a_difference(string first, string expected, params string[] more)
    {
        (char, string)[] lines = [.. Frames.Lines[..3], ('C', "AUTH CRAM-MD5\r\n"), ('S', "334 PDE+\r\n"), ('C', "Ym9iIDEyMw==\r\n"),
            ('S', "235 Ok\r\n")];
        var (result, _) = await Play(lines, Options with { Credentials = ("carol", "other") },
            ["220 mx", "EHLO", "250-mx\r\n250 AUTH PLAIN LOGIN", "AUTH PLAIN AGNhcm9sAG90aGVy\r\n", first, .. more]);
        Assert.Equal(expected, Assert.Single(result.Differences).ToString());
    }

    [Fact]
    public async Task A_line_of_a_login_is_not_shown_where_it_goes_another_way()
    {
        (char, string)[] lines = [.. Frames.Lines[..3], ('C', "AUTH LOGIN\r\n"), ('S', "334 VXNlcm5hbWU6\r\n"), ('C', "Ym9i\r\n"),
            ('S', "334 UGFzc3dvcmQ6\r\n"), ('C', "c2VzYW1l\r\n"), ('S', "235 Ok\r\n")];
        var (result, _) = await Play(lines, Options, "220 mx", "EHLO", "250-mx\r\n250 AUTH LOGIN", "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6",
            "Ym9i\r\n$", "334 UGFzc3dvcmQ6", "c2VzYW1l\r\n$", "535 No");
        Assert.Equal("exchange 4, (hidden): captured 235 Ok, got 535 No", Assert.Single(result.Differences).ToString());
    }

    [Theory]
    [InlineData("250 mx", "EHLO: captured an offer of ROT, got 250 mx")]
    [InlineData("250-mx\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305",
        "EHLO: captured an offer of ROT, got 250-mx / 250 XBLACKPONY V1 X25519-CHACHA20POLY1305")]
    [InlineData("250-XBLACKPONY V1 ROT\r\n250 SIZE", "EHLO: captured an offer of ROT, got 250-XBLACKPONY V1 ROT / 250 SIZE")]
    [InlineData("250-mx\r\n250 XBLACKPONY V1 ROT", "XBLACKPONY: captured 220, got 504 No", "XBLACKPONY V1 ROT 13\r\n", "504 No")]
    [InlineData("250-mx\r\n250 XBLACKPONY V1 ROT", "XBLACKPONY: captured 220, got the end of the connection", "XBLACKPONY V1 ROT 13\r\n")]
    public async Task An_upgrade_that_the_server_does_not_make_is_reported(string ehlo, string expected, params string[] more)
    {
        var (result, _) = await Play(Frames.Lines, Options with { Upgrade = SuiteRegistry.Find("ROT") },
            ["220 mx", "EHLO mail.a.test\r\n", ehlo, .. more]);
        Assert.Equal((0, expected), (result.Exchanges, Assert.Single(result.Differences).ToString()));
    }

    [Fact]
    public async Task An_upgrade_without_the_servers_Finished_is_reported()
    {
        var (result, _) = await Play(Frames.Lines, Options with { Upgrade = SuiteRegistry.Find("X25519-CHACHA20POLY1305") },
            "220 mx", "EHLO mail.a.test\r\n", "250-mx\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305", "XBLACKPONY",
            "220 K=CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\0\x11" + new string('x', 17));
        Assert.Equal("XBLACKPONY: captured the server's Finished, got none that verifies", Assert.Single(result.Differences).ToString());
    }

    [Theory]
    [InlineData("STARTTLS: captured 220 and TLS, got 554 No", "554 No")]
    [InlineData("STARTTLS: captured 220 and TLS, got the end of the connection")]
    public async Task A_STARTTLS_that_the_server_refuses_is_reported(string expected, params string[] more)
    {
        var (result, _) = await Play(Frames.Lines, Options with { StartTls = true },
            ["220 mx", "EHLO mail.a.test\r\n", "250-mx\r\n250 STARTTLS", "STARTTLS\r\n", .. more]);
        Assert.Equal((0, expected), (result.Exchanges, Assert.Single(result.Differences).ToString()));
    }

    [Theory]
    [InlineData("220 Go\r\n250 Injected", "STARTTLS: captured 220 and TLS, got octets after the reply to STARTTLS")]
    [InlineData("220 Go", "STARTTLS: captured 220 and TLS, got no TLS: ")]
    public async Task Why_there_is_no_TLS_after_STARTTLS_is_reported(string reply, string expected)
    {
        var (result, _) = await Play(Frames.Lines, Options with { StartTls = true },
            "220 mx", "EHLO mail.a.test\r\n", "250-mx\r\n250 STARTTLS", "STARTTLS\r\n", reply);
        Assert.StartsWith(expected, Assert.Single(result.Differences).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_MAIL_and_RCPT_are_rewritten()
    {
        (char, string)[] lines = [.. Frames.Lines[..3], ('C', "VRFY alice@a.test\r\n"), ('S', "252 Ok\r\n"), .. Frames.Lines[3..]];
        lines[11] = ('C', "Subject: alice@a.test\r\n\r\nOne\r\n");
        var (result, heard) = await Play(lines, Options with { Rewrite = [("@a.test", "@c.test"), ("bob@b.test", "dan@d.test")] },
            "220 mx", "EHLO", "250 mx", "VRFY", "252 Ok", "MAIL FROM:<alice@c.test>\r\n", "250 Ok", "RCPT TO:<dan@d.test>\r\n", "250 Ok",
            "DATA\r\n", "354 Go on", "\r\n.\r\n", "250 Queued", "QUIT\r\n", "221 Bye");
        Assert.Empty(result.Differences);
        Assert.Contains("VRFY alice@a.test\r\n", heard, StringComparison.Ordinal);
        Assert.Contains("Subject: alice@a.test\r\n", heard, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_capture_with_gaps_says_that_it_was_not_played_whole()
    {
        using var folder = new Folder();
        var frames = Frames.Session();
        frames.RemoveAt(12);
        var script = Assert.Single(Script.Read(folder.Write("lost.pcap", Inspection.Pcap(frames)), new InspectOptions(), out _));
        var (result, heard) = await Play(script, Options, "220 mx", "EHLO", "250 mx", "MAIL", "250 Ok", "RCPT", "250 Ok", "DATA\r\n",
            "354 Go on", "\r\n.\r\n", "250 Queued", "QUIT\r\n", "221 Bye");
        Assert.Equal("The capture has gaps: commands in them were not sent, and messages were padded.", result.Note);
        Assert.Contains("DATA\r\nxxxxx", heard, StringComparison.Ordinal);
        Assert.Equal(Frames.Lines.Where(l => l.Who == 'C').Sum(l => l.Text.Length), heard.Length);
    }

    [Fact]
    public async Task Replies_that_differ_in_what_each_run_has_are_the_same_and_others_are_not()
    {
        async Task<bool> Same(string captured, string live)
        {
            (char, string)[] lines = [('S', captured + "\r\n"), .. Frames.Lines[1..3]];
            return (await Play(lines, Options with { Strict = true }, live, "EHLO", "250-mx.b.test\r\n250 PIPELINING")).Result
                .Differences.Count == 0;
        }

        Assert.True(await Same("220 a.test at 12:00:01", "220 b.test at 13:59:02"));
        Assert.True(await Same("220 2026-11-24T07:05:00Z", "220 2026-11-25 08:15:00"));
        Assert.True(await Same("220 for <a@a.test>", "220 for <b@b.test>"));
        Assert.True(await Same("220 you are [192.0.2.1]", "220 you are [2001:db8::1]"));
        Assert.True(await Same("220 ok id=1abcde-000001-AB", "220 ok id=2fghij-000002-CD"));
        Assert.True(await Same("220 localhost", "220 mx.b.test"));
        Assert.False(await Same("220 2.0.0 ready", "220 2.1.0 ready"));
        Assert.False(await Same("220 welcome friend", "220 welcome stranger"));
        Assert.False(await Same("220 a b", "220 a"));
        Assert.False(await Same("220-a\r\n220 b", "220 a"));
    }

    private static Task<(ReplayResult Result, string Heard)> Play((char, string)[] captured, ReplayOptions options, params string[] talk)
    {
        using var folder = new Folder();
        return Play(Assert.Single(Script.Read(folder.Write("captured.pcap", Inspection.Connection(captured)), new InspectOptions(), out _)),
            options, talk);
    }

    // What the server says, then what it waits for, and so on; $ at the end: with nothing after it.
    private static async Task<(ReplayResult Result, string Heard)> Play(Script script, ReplayOptions options, params string[] talk)
    {
        var cancel = TestContext.Current.CancellationToken;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var playing = new ReplayClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, options).PlayAsync(script, cancel);
        using var client = await listener.AcceptTcpClientAsync(cancel);
        var heard = new StringBuilder();
        var octets = new byte[4096];
        for (int i = 0, from = 0; i < talk.Length; i++)
        {
            if (i % 2 == 0)
            {
                await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(talk[i] + "\r\n"), cancel);
                continue;
            }

            var awaited = talk[i].TrimEnd('$');
            int at;
            while ((at = heard.ToString().IndexOf(awaited, from, StringComparison.Ordinal)) < 0 || heard[^1] != '\n')
            {
                int count = await client.GetStream().ReadAsync(octets, cancel);
                Assert.True(count > 0, $"Waited for {awaited}, heard {heard}.");
                heard.Append(Encoding.Latin1.GetString(octets, 0, count));
            }

            from = at + awaited.Length;
            Assert.True(talk[i][^1] != '$' || from == heard.Length, $"After {awaited} came {heard.ToString()[from..]}.");
        }

        client.Client.Shutdown(SocketShutdown.Send);
        var result = await playing;
        return (result, heard.ToString());
    }

    private static byte[] Slow((char Who, string Text)[] lines, long pause)
    {
        var file = new MemoryStream();
        using (var writer = new BlackPony.Traces.Capture.PcapWriter(file, BlackPony.Traces.Capture.LinkType.Ethernet))
        {
            var tcp = new BlackPony.Traces.Network.TcpWriter(writer, Inspection.Client, Inspection.Server)
                { Time = 1_700_000_000_000_000_000 };
            tcp.Open();
            foreach (var (who, text) in lines)
            {
                tcp.Time += text == "NOOP\r\n" ? pause : 1_000_000;
                tcp.Send(who == 'C' ? Reference.Role.Client : Reference.Role.Server, Encoding.Latin1.GetBytes(text));
            }
        }

        return file.ToArray();
    }
}
