using System.Net;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is said of sessions of TLS, of records and of ROT if one thing is different, for each thing that may be: a piece is lost, with an
/// octet more or less; cut short; sent twice or late; changed at its beginning or end; the last one. <c>tests/Traces/Reports/varied.tsv</c>
/// has a digest for each. <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class VariedSessionTests
{
    private static readonly Dictionary<string, Func<WireStep[], int, IEnumerable<WireStep[]>>> Variants = new()
    {
        ["lost"] = (all, i) => [[.. all[..i], Lost(all[i], all[i].Octets!.Length), .. all[(i + 1)..]]],
        ["lost but for the first octets"] = (all, i) => ((int[])[1, 2, 3, 5, 6]).Where(n => n < all[i].Octets!.Length)
            .Select(n => (WireStep[])[.. all[..i], Part(all[i], 0, n), Lost(all[i], all[i].Octets!.Length - n), .. all[(i + 1)..]]),
        ["lost but for the last octets"] = (all, i) => ((int[])[1, 2, 5]).Where(n => n < all[i].Octets!.Length)
            .Select(n => (WireStep[])[.. all[..i], Lost(all[i], all[i].Octets!.Length - n), Part(all[i], all[i].Octets!.Length - n, n),
                .. all[(i + 1)..]]),
        ["a part lost"] = (all, i) => all[i].Octets!.Length < 24 ? []
            : [[.. all[..i], Part(all[i], 0, 9), Lost(all[i], 8), Part(all[i], 17, all[i].Octets!.Length - 17), .. all[(i + 1)..]]],
        ["cut"] = (all, i) => [[.. all[..i], Part(all[i], 0, all[i].Octets!.Length / 2),
            Lost(all[i], all[i].Octets!.Length - (all[i].Octets!.Length / 2)) with { Cut = true }, .. all[(i + 1)..]]],
        ["twice"] = (all, i) => [[.. all[..i], all[i], .. all[i..]]],
        ["late"] = (all, i) => i + 1 == all.Length ? [] : [[.. all[..i], all[i + 1], all[i], .. all[(i + 2)..]]],
        ["the last"] = (all, i) => [[.. all[..i]], [.. all[..i], new(0, null), new(1, null)], [.. all[..i], new(1, null)],
            [.. all[..i], new(0, null, Reset: true)]],
        ["changed"] = (all, i) => ((int[])[0, 1, 2, 3, 4, 5, 6, 9, -1, -2])
            .Where(n => n < all[i].Octets!.Length && -n <= all[i].Octets!.Length).SelectMany(n => ((int[])[1, 0xff, 0x80])
                .Select(by => (WireStep[])[.. all[..i], Changed(all[i], n, by), .. all[(i + 1)..]])),
        ["missed until then"] = (all, i) => [all[i..]],
    };

    public static TheoryData<string> Names =>
    [
        .. DigestTests.AllCaptures.Where(c => c.EndsWith(".pcap", StringComparison.Ordinal)
            && !c.Contains("resumed", StringComparison.Ordinal) && !c.Contains("mlkem", StringComparison.Ordinal)),
        "records", "records after a refusal", "ROT",
    ];

    [Fact]
    public void The_table_has_no_line_more() => Assert.Equal(
        Names.Concat(VariedTranscriptTests.Names).Select(n => (string)n.Data).Order(StringComparer.Ordinal), Digests.Names("varied.tsv"));

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_said_of_a_session_with_one_difference_stays_the_same(string name)
    {
        var secured = name.StartsWith("records", StringComparison.Ordinal)
            ? new Secured("X25519-CHACHA20POLY1305", refused: name == "records" ? null : "NEW", after: name != "records") : null;
        var pcap = secured?.Pcap() ?? (name == "ROT" ? new Secured("ROT").Pcap() : File.ReadAllBytes(ReportTests.At(name)));
        var (server, all) = Steps(pcap);
        var own = Path.ChangeExtension(name.Contains('.', StringComparison.Ordinal) ? ReportTests.At(name) : "none", "keys.log");
        var keys = secured?.Keys ?? (File.Exists(own) ? KeyLog.Read(own) : null);
        using var digest = new SessionDigest(server, keys);
        var digests = new List<string>();
        foreach (var variants in Variants.Values)
        {
            int number = 0;
            foreach (int i in Enumerable.Range(0, all.Length).Where(i => all[i].Octets is not null))
            {
                foreach (var said in variants(all, i))
                {
                    digest.Say(said, openingSeen: number % 5 != 4, anonymize: ++number % 6 == 0);
                }
            }

            digests.Add(digest.End());
        }

        foreach (int size in (int[])[1, 2, 3, 5, 7, 64])
        {
            digest.Say([.. all.SelectMany(s => s.Octets is null ? [s] : s.Octets.Chunk(size).Select(o => s with { Octets = o }))],
                openingSeen: true, anonymize: false);
        }

        Digests.Compare("varied.tsv", name, [.. digests, digest.End()]);
    }

    private static WireStep Part(WireStep step, int from, int length) => step with { Octets = step.Octets![from..(from + length)] };

    private static WireStep Lost(WireStep step, int length) => new(step.Side, null, length);

    private static WireStep Changed(WireStep step, int at, int by)
    {
        var octets = (byte[])step.Octets!.Clone();
        octets[at < 0 ? octets.Length + at : at] += (byte)by;
        return step with { Octets = octets };
    }

    private static (IPEndPoint Server, WireStep[] Steps) Steps(byte[] pcap)
    {
        var steps = new Taken();
        IPEndPoint? server = null;
        var table = new TcpTable((_, destination, _, _) =>
        {
            server = destination;
            return steps;
        });
        var ip = new IpReader();
        using var reader = CaptureReader.Open(new MemoryStream(pcap))!;
        while (reader.Read(out var packet))
        {
            if (ip.Read(LinkLayer.Ip(packet.Link, packet.Data), out var segment))
            {
                table.Take(segment, packet.Time);
            }
        }

        return (server!, [.. steps.All]);
    }

    private sealed class Taken : IStreams
    {
        public List<WireStep> All { get; } = [];

        public bool IsIgnored => false;

        public void Data(int side, ReadOnlySpan<byte> octets, long time) => All.Add(new(side, octets.ToArray()));

        public void Gap(int side, long length, bool cut, long time) => All.Add(new(side, null, (int)length, cut));

        public void End(int side, bool reset, long time) => All.Add(new(side, null, Reset: reset));

        public void Finish()
        {
        }
    }
}
