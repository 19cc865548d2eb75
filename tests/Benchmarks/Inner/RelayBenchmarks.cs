using BenchmarkDotNet.Attributes;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Smtp;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Inner;

/// <summary>The relay's machine: a command line and its reply, and a payload's octets, in the steady state.</summary>
[MemoryDiagnoser]
#pragma warning disable CA1001 // BenchmarkDotNet calls Cleanup.
public class RelayBenchmarks
#pragma warning restore CA1001
{
    private RelaySession _lines = null!;
    private RelaySession _payload = null!;
    private byte[] _octets = [];

    [GlobalSetup]
    public void Setup()
    {
        _lines = Start();
        _payload = Start();
        _payload.FromClient("DATA\r\n"u8);
        _payload.FromBackend("354 go\r\n"u8);
        Sent(_payload);
        _octets = Load.Mail.Message(16000)[..16000];
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _lines.Dispose();
        _payload.Dispose();
    }

    [Benchmark]
    public void LineAndReply()
    {
        _lines.FromClient("RCPT TO:<someone@example.org>\r\n"u8);
        _lines.FromBackend("250 2.1.5 Ok\r\n"u8);
        Sent(_lines);
    }

    [Benchmark]
    public void Payload16kB()
    {
        _payload.FromClient(_octets);
        Sent(_payload);
    }

    private static RelaySession Start()
    {
        var session = new RelaySession(new ServerOptions(new RsaKeys(TimeProvider.System)), new SystemRandom(), "peer");
        session.BackendReady("220 mail.test\r\n"u8);
        session.FromClient("EHLO bench.test\r\n"u8);
        session.FromBackend("250 mail.test\r\n"u8);
        Sent(session);
        return session;
    }

    private static void Sent(RelaySession session)
    {
        session.ToBackend.ResetWrittenCount();
        session.ToClient.ResetWrittenCount();
    }
}
