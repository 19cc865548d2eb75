using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Tests.Reference.Policy;

/// <summary>What the sides say of a session (spec 11.1): client and server of the reference, without sockets.</summary>
public sealed class SessionReportTests
{
    private static readonly RsaKeys Rsa = TestRsaKeys.Server;
    private static readonly RsaKeys ClientRsa = TestRsaKeys.Client;

    public static TheoryData<string> Encrypting => [.. SuiteRegistry.Default.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Encrypting))]
    public void An_encrypted_session_is_reported_with_its_suite_and_its_end(string suite) // [BP-11.1-1]
    {
        var (client, server) = Run(suite, ClientPolicy.Required);
        Assert.Equal(new SessionReport { Peer = "mx.b.test:25", Suite = suite, Encrypted = true, Closed = "close" }, client);
        Assert.Equal(new SessionReport { Peer = "test", Suite = suite, Encrypted = true, Closed = "close" }, server);
    }

    [Fact]
    public void Rot_is_never_reported_as_encrypted() // [BP-5.5-10], [BP-11.1-2]
    {
        var (client, server) = Run("ROT", ClientPolicy.Opportunistic);
        Assert.Equal(("ROT", false), (client.Suite, client.Encrypted));
        Assert.Equal(("ROT", false), (server.Suite, server.Encrypted));
    }

    [Fact]
    public void Plaintext_is_reported_as_not_encrypted_with_the_reason() // [BP-11.1-2]
    {
        var (client, server) = Run("", ClientPolicy.Opportunistic);
        Assert.Equal(new SessionReport { Peer = "mx.b.test:25", Reason = "not-offered", Closed = "plain" }, client);
        Assert.Equal(new SessionReport { Peer = "test", Closed = "plain" }, server);
    }

    [Fact]
    public void Plaintext_after_a_broken_upgrade_is_a_downgrade_and_after_a_refusal_is_none() // [BP-9.2-5]
    {
        Assert.True(Answered("220 2.0.0 no share\r\n") is { Downgrade: true, Reason: "broken", Encrypted: false, Suite: null });
        Assert.True(Answered("454 4.7.0 not now\r\n") is { Downgrade: false, Reason: "refused", Encrypted: false, Suite: null });
    }

    [Fact]
    public void An_upgrade_that_fails_at_Finished_was_never_encrypted() // [BP-11.1-1]
    {
        var (client, server) = Run("X25519-CHACHA20POLY1305", ClientPolicy.Required,
            offer => offer.Replace("X25519-", "x25519-", StringComparison.Ordinal));
        Assert.True(client is { Encrypted: false, Deferred: true, Reason: "broken" });
        Assert.True(server is { Encrypted: false, Closed: "failure" or "alert" });
    }

    [Fact]
    public void Each_warning_says_what_happened_and_to_whom() // [BP-9.2-5], [BP-9.2-10], [BP-9.4-10], [BP-9.4-17]
    {
        Assert.Empty(new SessionReport { Peer = "mx.b.test:25" }.Warnings);
        Assert.Equal(["downgrade: mx.b.test:25 offers or offered encryption, and the mail went in plaintext"],
            new SessionReport { Peer = "mx.b.test:25", Downgrade = true }.Warnings);
        Assert.Equal(["downgrade: mx.b.test:25 refused a suite that it had offered, and the mail went under RSA-BLOWFISH"],
            new SessionReport { Peer = "mx.b.test:25", Downgrade = true, Suite = "RSA-BLOWFISH" }.Warnings);
        Assert.Equal(["forgotten: a.test:25 has not offered encryption for 72 hours, and may get plaintext from now on",
            "not remembered: the memory has no room for b.test:26, which may get plaintext next time"],
            new SessionReport { Forgotten = "a.test:25", Unremembered = "b.test:26" }.Warnings);
    }

    private static SessionReport Answered(string reply)
    {
        using var mailer = new MailerSession(new MailerOptions(ClientRsa) { Suites = [SuiteRegistry.Find("X25519-CHACHA20POLY1305")!] },
            Seeded("client"));
        string[] said = ["220 b.test\r\n", "250-b.test\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n", reply];
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        mailer.FromServer(Encoding.ASCII.GetBytes(said[0]));
        mailer.FromClient("EHLO a.test\r\n"u8);
        mailer.FromServer(Encoding.ASCII.GetBytes(said[1]));
        mailer.FromServer(Encoding.ASCII.GetBytes(said[2]));
        if (mailer.Request == SessionRequest.Reconnect)
        {
            mailer.Connected("mx.b.test", 25, moreTargets: false);
            mailer.FromServer(Encoding.ASCII.GetBytes(said[0]));
            mailer.FromServer(Encoding.ASCII.GetBytes(said[1]));
        }

        return mailer.Report;
    }

    // A session with one suite, from EHLO to QUIT. An attacker may change what the server says in plaintext.
    private static (SessionReport Client, SessionReport Server) Run(string suite, ClientPolicy policy,
        Func<string, string>? attacker = null)
    {
        IReadOnlyList<Suite> suites = suite.Length == 0 ? [] : [SuiteRegistry.Find(suite)!];
        using var relay = new InboundSession(new ServerOptions(Rsa) { Suites = suites, Grease = false }, Seeded("server"), "test");
        using var mailer = new MailerSession(new MailerOptions(ClientRsa) { Suites = suites, Policy = policy }, Seeded("client"));
        mailer.Connected("mx.b.test", 25, moreTargets: false);
        relay.BackendReady("220 b.test\r\n"u8);
        var queue = new Queue<string>(["EHLO a.test\r\n", "QUIT\r\n"]);
        for (bool moved = true; moved;)
        {
            moved = Move(relay.ToServer,
                o => relay.FromServer(
                    Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(o).StartsWith("QUIT", StringComparison.Ordinal)
                        ? "221 bye\r\n"
                        : "250 b.test\r\n")))
                | Move(relay.ToClient,
                    o => mailer.FromServer(attacker is null ? o : Encoding.Latin1.GetBytes(attacker(Encoding.Latin1.GetString(o)))))
                | Move(mailer.ToServer, o => relay.FromClient(o))
                | Move(mailer.ToClient, _ =>
                {
                    if (queue.Count > 0)
                    {
                        mailer.FromClient(Encoding.ASCII.GetBytes(queue.Dequeue()));
                    }
                });
            if (relay.Request == SessionRequest.Connect)
            {
                relay.BackendReady("220 b.test\r\n"u8);
                moved = true;
            }
        }

        relay.ClientEnded();
        relay.ServerEnded();
        mailer.ServerEnded();
        return (mailer.Report, relay.Report);
    }

    private static SeededRandom Seeded(string name) => new("tests", name);

    private static bool Move(PooledBuffer output, Action<byte[]> to)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        if (octets.Length > 0)
        {
            to(octets);
        }

        return octets.Length > 0;
    }
}
