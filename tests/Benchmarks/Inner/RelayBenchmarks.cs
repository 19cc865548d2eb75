using BenchmarkDotNet.Attributes;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;

namespace BlackPony.Benchmarks.Inner;

/// <summary>The relay's machine: a command line and its reply, and a payload's octets, in the steady state.</summary>
[MemoryDiagnoser]
#pragma warning disable CA1001 // BenchmarkDotNet calls Cleanup.
public class RelayBenchmarks
#pragma warning restore CA1001
{
    private InboundSession _lines = null!;
    private InboundSession _payload = null!;
    private InboundSession _inside = null!;
    private SecureChannel _client = null!;
    private readonly PooledBuffer _wire = new();
    private byte[] _octets = [];

    [GlobalSetup]
    public void Setup()
    {
        _lines = Start();
        _payload = Start();
        _payload.FromClient("DATA\r\n"u8);
        _payload.FromServer("354 go\r\n"u8);
        Sent(_payload);
        _octets = Load.Mail.Message(16000)[..16000];
        StartInside();
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _lines.Dispose();
        _payload.Dispose();
        _inside.Dispose();
        _client.Dispose();
    }

    [Benchmark]
    public void LineAndReply()
    {
        _lines.FromClient("RCPT TO:<someone@example.org>\r\n"u8);
        _lines.FromServer("250 2.1.5 Ok\r\n"u8);
        Sent(_lines);
    }

    [Benchmark]
    public void Payload16kB()
    {
        _payload.FromClient(_octets);
        Sent(_payload);
    }

    [Benchmark]
    public void LineAndReplyInside()
    {
        Say("RCPT TO:<someone@example.org>\r\n"u8);
        _inside.FromServer("250 2.1.5 Ok\r\n"u8);
        Sent(_inside);
    }

    private void Say(ReadOnlySpan<byte> line)
    {
        _client.Send(line, _wire);
        _inside.FromClient(_wire.WrittenSpan);
        _wire.ResetWrittenCount();
    }

    private void StartInside()
    {
        var (random, keys) = (new SystemRandom(), new RsaKeys(TimeProvider.System));
        (_inside, var data) = (new InboundSession(new ServerOptions(keys), random, "peer"), new PooledBuffer());
        _inside.BackendReady("220 mail.test\r\n"u8);
        Sent(_inside);
        _inside.FromClient("EHLO bench.test\r\n"u8);
        _inside.FromServer("250 mail.test\r\n"u8);
        var offer = Offer.Parse(new ReplyReader().Read(_inside.ToClient.WrittenSpan, out _)!.Text(1))!;
        using var upgrade = new ClientUpgrade(offer, SuiteRegistry.Find("X25519-CHACHA20POLY1305")!, 0, random, keys, null);
        Sent(_inside);
        _inside.FromClient(upgrade.Command);
        _inside.BackendReady("220 mail.test\r\n"u8);
        var octets = _inside.ToClient.WrittenSpan;
        _client = upgrade.OnReply(new ReplyReader().Read(octets, out int reply)!).Channel!;
        _client.Receive(octets[reply..], data, _wire);
        Sent(_inside);
        Say("EHLO bench.test\r\n"u8);
        _inside.FromServer("250 mail.test\r\n"u8);
        Sent(_inside);
    }

    private static InboundSession Start()
    {
        var session = new InboundSession(new ServerOptions(new RsaKeys(TimeProvider.System)), new SystemRandom(), "peer");
        session.BackendReady("220 mail.test\r\n"u8);
        session.FromClient("EHLO bench.test\r\n"u8);
        session.FromServer("250 mail.test\r\n"u8);
        Sent(session);
        return session;
    }

    private static void Sent(InboundSession session)
    {
        session.ToServer.ResetWrittenCount();
        session.ToClient.ResetWrittenCount();
    }
}
