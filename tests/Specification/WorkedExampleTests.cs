using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Specification;

/// <summary>Appendix C holds what the reference computes. <c>BLACKPONY_WRITE=1</c> writes it anew.</summary>
public class WorkedExampleTests
{
    private const string Begin = "<!-- worked examples: begin -->\n";
    private const string End = "<!-- worked examples: end -->";

    [Fact]
    public void Appendix_C_shows_the_values_of_the_reference()
    {
        var text = SpecificationFile.Read();
        int from = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int to = text.IndexOf(End, StringComparison.Ordinal);
        var fresh = Core() + Blowfish() + Hybrid() + Rsa();
        if (Environment.GetEnvironmentVariable("BLACKPONY_WRITE") == "1")
        {
            File.WriteAllText(SpecificationFile.Path, text[..from] + fresh + text[to..]);
        }
        else
        {
            Assert.Equal(fresh, text[from..to]);
        }
    }

    private static string Core()
    {
        var suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
        var rsa = new RsaKeys(TimeProvider.System);
        var (clientRandom, serverRandom) = (Stream(0x00), Stream(0x80));
        using var client = suite.StartClient(new GivenStream(clientRandom), rsa);
        using var server = suite.StartServer(new GivenStream(serverRandom), rsa);
        var offer = Offer.Create([suite], null).Octets.ToArray();
        var command = new UpgradeCommand(Offer.Version, suite.Name, Base64Share.Encode(client.Share)).ToOctets();
        var share = server.Begin(client.Share)!;
        var line = KeyReply.Create(220, Base64Share.Encode(share)).Single();
        var secret = client.Finish(share)!;
        Assert.Equal(secret, server.TakeSharedSecret());
        var transcript = new TranscriptHash();
        transcript.Add(offer);
        transcript.Add(command);
        transcript.Add(line);
        var th = transcript.Finish();
        var page = new Page("### C.1. X25519-CHACHA20POLY1305");
        page.Hex("client-random", clientRandom);
        page.Hex("server-random", serverRandom);
        page.Line("offer", offer);
        page.Line("command", command);
        page.Line("reply", line);
        page.Hex("shared secret", secret);
        Records(page, suite, secret, th);
        return page.ToString();
    }

    private static string Blowfish()
    {
        var page = new Page("### C.2. Records of RSA-BLOWFISH",
            "The shared secret and *th* are given here, not computed: this example begins at Section 6.2.");
        byte[] secret = [.. Stream(0x00), .. Stream(0x20)];
        page.Hex("shared secret", secret);
        Records(page, SuiteRegistry.Find("RSA-BLOWFISH")!, secret, Stream(0x40));
        return page.ToString();
    }

    private static string Hybrid()
    {
        var page = new Page("### C.3. The key exchange X25519MLKEM768",
            "With the secret and *th* it goes on as in C.1; the suite's name is the salt.");
        Exchange(page, SuiteRegistry.Find("X25519MLKEM768-CHACHA20POLY1305")!, Stream(0, 96), Stream(128, 64), null, null);
        return page.ToString();
    }

    private static string Rsa()
    {
        var page = new Page("### C.4. The key exchange of RSA-BLOWFISH",
            "With the secret and *th* it goes on as in C.2. The private keys are given as their primes.");
        using var clientKey = TestRsaKeys.Open("client");
        using var serverKey = TestRsaKeys.Open("server");
        foreach (var (who, key) in (List<(string, RSA)>)[("client", clientKey), ("server", serverKey)])
        {
            page.Hex($"{who} p", key.ExportParameters(true).P!);
            page.Hex($"{who} q", key.ExportParameters(true).Q!);
        }

        Exchange(page, SuiteRegistry.Find("RSA-BLOWFISH")!, Stream(0, 128), Stream(128, 128), clientKey, serverKey);
        return page.ToString();
    }

    private static void Exchange(Page page, Suite suite, byte[] clientRandom, byte[] serverRandom, RSA? clientKey, RSA? serverKey)
    {
        using var client = suite.StartClient(new GivenStream(clientRandom), new RsaKeys(TimeProvider.System, () => clientKey!));
        using var server = suite.StartServer(new GivenStream(serverRandom), new RsaKeys(TimeProvider.System, () => serverKey!));
        page.Hex("client-random", clientRandom);
        page.Hex("server-random", serverRandom);
        var th = new TranscriptHash();
        Add("offer", Offer.Create([suite], null).Octets.ToArray());
        Add("command", new UpgradeCommand(Offer.Version, suite.Name, Base64Share.Encode(client.Share)).ToOctets());
        var share = server.Begin(client.Share)!;
        if (suite.NeedsContinuation)
        {
            KeyReply.Create(334, Base64Share.Encode(share)).ToList().ForEach(l => Add("reply", l));
            var half = client.Continue(share)!;
            Add("continuation", Encoding.ASCII.GetBytes(Base64Share.Encode(half)));
            share = server.Continue(half)!;
        }

        KeyReply.Create(220, Base64Share.Encode(share)).ToList().ForEach(l => Add("reply", l));
        var secret = client.Finish(share)!;
        Assert.Equal(secret, server.TakeSharedSecret());
        var hash = th.Finish();
        using var keys = new KeySchedule(suite.Name, secret, hash);
        page.Hex("shared secret", secret);
        page.Hex("th", hash);
        page.Hex("client_traffic[0]", keys.ClientTraffic);
        page.Hex("server_traffic[0]", keys.ServerTraffic);
        page.Hex("server verify_data", keys.Finished(Role.Server));
        page.Hex("client verify_data", keys.Finished(Role.Client));

        void Add(string name, byte[] line)
        {
            page.Line(name, line);
            th.Add(line);
        }
    }

    private static void Records(Page page, Suite suite, byte[] secret, byte[] th)
    {
        var salt = SHA256.HashData(Encoding.ASCII.GetBytes(suite.Name));
        using var keys = new KeySchedule(suite.Name, secret, th);
        page.Hex("th", th);
        page.Hex("salt", salt);
        var prk = HKDF.Extract(HashAlgorithmName.SHA256, secret, salt);
        page.Hex("prk", prk);
        page.Hex("client_finished", KeySchedule.ExpandLabel(prk, "c finished", th, 32));
        page.Hex("server_finished", KeySchedule.ExpandLabel(prk, "s finished", th, 32));
        page.Hex("client_traffic[0]", keys.ClientTraffic);
        page.Hex("server_traffic[0]", keys.ServerTraffic);
        page.Hex("exporter_secret", keys.ExporterSecret);
        foreach (var (who, traffic) in (List<(string, byte[])>)[("client", keys.ClientTraffic), ("server", keys.ServerTraffic)])
        {
            page.Hex($"{who} key", KeySchedule.ExpandLabel(traffic, "key", [], 32));
            page.Hex(suite.NeedsContinuation ? $"{who} mac_key" : $"{who} iv",
                KeySchedule.ExpandLabel(traffic, suite.NeedsContinuation ? "mac" : "iv", [], suite.NeedsContinuation ? 32 : 12));
        }

        page.Hex("client_traffic[1]", KeySchedule.ExpandLabel(keys.ClientTraffic, "upd", [], 32));
        page.Hex("server verify_data", keys.Finished(Role.Server));
        page.Hex("client verify_data", keys.Finished(Role.Client));
        page.Hex("inner of the data", [.. "EHLO mail.a.test\r\n"u8, 1, .. new byte[237]]);
        using var server = new RecordWriter(suite, keys.ServerTraffic);
        using var client = new RecordWriter(suite, keys.ClientTraffic);
        page.Record("S> finished", o => server.Write(RecordType.Finished, keys.Finished(Role.Server), o));
        page.Record("C> finished", o => client.Write(RecordType.Finished, keys.Finished(Role.Client), o));
        page.Record("C> data \"EHLO mail.a.test\\r\\n\"", o => client.Write(RecordType.Data, "EHLO mail.a.test\r\n"u8, o));
        page.Record("C> rekey", client.Rekey);
        page.Record("C> close, under client_traffic[1]", o => client.Write(RecordType.Close, [], o));
        page.Hex("Exporter, see below", keys.Export("EXPORTER test", [], 32));
    }

    private static byte[] Stream(int first, int count = 32) => [.. Enumerable.Range(first, count).Select(i => (byte)i)];

    private sealed class Page
    {
        private readonly StringBuilder _text = new();

        public Page(string heading, string? note = null)
        {
            _text.Append(heading).Append("\n\n");
            if (note is not null)
            {
                _text.Append(note).Append("\n\n");
            }
        }

        public void Line(string name, byte[] line) =>
            _text.Append("    ").Append(name.PadRight(20)).Append(' ').Append(Encoding.ASCII.GetString(line)).Append('\n');

        public void Hex(string name, byte[] octets)
        {
            _text.Append("    ").Append(name.PadRight(20)).Append(' ');
            _text.AppendJoin("\n" + new string(' ', 25), octets.Chunk(32).Select(c => Convert.ToHexStringLower(c))).Append('\n');
        }

        public void Record(string name, Action<IBufferWriter<byte>> write)
        {
            var output = new ArrayBufferWriter<byte>();
            write(output);
            _text.Append("    ").Append(name).Append('\n');
            Hex("", output.WrittenSpan.ToArray());
        }

        public override string ToString() => _text.Append('\n').ToString();
    }
}
