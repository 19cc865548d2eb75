using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Traces;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is said, converted and played of damaged files, by its digests in <c>tests/Traces/Reports/damaged.tsv</c>: one for each few files
/// of a kind. As those of <see cref="DigestTests"/> they show that something has changed, not what is right. <c>BLACKPONY_WRITE=1</c>
/// writes them again.
/// </summary>
public sealed class DamagedFileTests : IDisposable
{
    private const int Groups = 2;
    private const int Files = 8;
    private const int Dialogues = 40;

    private static readonly (string Name, Func<byte[]> File)[] Made =
    [
        ("plain", () => Inspection.Pcap(Frames.Session())),
        ("IPv6", () => Inspection.Connection(IPEndPoint.Parse("[2001:db8::1]:40000"), IPEndPoint.Parse("[2001:db8::2]:25"),
            Frames.Lines)),
        ("pcapng", () => PcapngTests.Sample(big: false)), ("pcapng in the other order", () => PcapngTests.Sample(big: true)),
        ("mime", () => Inspection.Connection(ReportTests.Mime)), ("chunks", () => Inspection.Connection(ReportTests.Chunks)),
        ("records", () => new Secured("X25519-CHACHA20POLY1305").Pcap()),
        ("records after a refusal", () => new Secured("X25519-CHACHA20POLY1305", refused: "NEW", after: true).Pcap()),
        ("ROT", () => new Secured("ROT").Pcap()),
        .. FormatTests.Shapes.Select(s => (s.Data, (Func<byte[]>)(() => FormatTests.Shaped(s.Data)))),
    ];

    private readonly Folder _folder = new();

    public static TheoryData<string> Everything =>
    [
        .. Made.SelectMany(m => (string[])[$"octets {m.Name}", .. m.Name.StartsWith("pcapng", StringComparison.Ordinal) ? [] :
            (string[])[$"packets {m.Name}"]]),
        .. DigestTests.AllCaptures.Where(c => c.EndsWith(".pcap", StringComparison.Ordinal)).Select(c => $"packets {c}"),
        .. BlackPonyTests.Transcripts.Select(t => $"octets {t.Data}.txt"),
        .. Enumerable.Range(1, Dialogues).Select(i => $"lines {i}"),
    ];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Everything))]
    public void What_is_said_of_damaged_files_stays_the_same(string name)
    {
        var parts = name.Split(' ', 2);
        var whole = parts[0] == "lines" ? [] : Whole(parts[1]);
        var random = new Random(BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes(name))));
        var options = Keys(parts[1]);
        var digests = new List<string>();
        for (int group = 0; group < Groups; group++)
        {
            using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (int i = 0; i < Files; i++)
            {
                var damaged = Damaged(parts[0], parts[1], whole, random);
                digest.AppendData(Said(damaged, options));
                if (i % 4 == 0)
                {
                    digest.AppendData(Converted(_folder.Write("damaged", damaged), options));
                }
            }

            digests.Add(Convert.ToHexStringLower(digest.GetHashAndReset())[..16]);
        }

        Digests.Compare("damaged.tsv", name, digests);
    }

    private static byte[] Whole(string name) => Made.FirstOrDefault(m => m.Name == name).File?.Invoke()
        ?? File.ReadAllBytes(IsTranscript(name) ? Repository.At("spec", "transcripts", name) : ReportTests.At(name));

    private static bool IsTranscript(string name) => name.EndsWith(".txt", StringComparison.Ordinal);

    // What tells the kind of a file stays, mostly.
    private static byte[] Damaged(string kind, string name, byte[] whole, Random random) => kind switch
    {
        "lines" => Dialogue(int.Parse(name, CultureInfo.InvariantCulture), random),
        "packets" => DamagedFile.Packets(whole, random),
        _ => DamagedFile.Octets(whole, random, random.Next(10) == 0 ? 0 : IsTranscript(name) ? 25 : 4),
    };

    // Logins, proxies and messages, as lines that went wrong, some with a gap.
    private static byte[] Dialogue(int number, Random random)
    {
        var proxies = LayerTests.Proxies.Select(p => p.Data.Item2).ToArray();
        var logins = CredentialTests.Sessions.Select(s => s.Data.Item2).ToArray();
        var proxied = number % 3 == 0;
        (char, string)[] lines =
        [
            .. proxied ? proxies[number / 3 % proxies.Length] : [],
            .. number % 3 == 1 ? [.. Frames.Lines[..3], .. logins[number / 3 % logins.Length], .. Frames.Lines[3..]]
                : number % 3 == 2 ? number % 2 == 0 ? ReportTests.Mime : ReportTests.Chunks : Frames.Lines,
        ];
        lines = DamagedFile.Lines(lines, random);
        if (!proxied && random.Next(2) == 0)
        {
            char side = random.Next(2) == 0 ? 'C' : 'S';
            return Gaps.Connection(lines, side, random.Next(Math.Max(1, Gaps.Octets(lines, side))), random.Next(1, 40));
        }

        var server = new IPEndPoint(Inspection.Server.Address,
            proxied ? random.Next(2) == 0 ? 1080 : 8080 : random.Next(3) == 0 ? 587 : 25);
        return Inspection.Connection(Inspection.Client, server, lines);
    }

    private InspectOptions Keys(string name) =>
        name.StartsWith("records", StringComparison.Ordinal)
            ? new InspectOptions { Keys = new Secured("X25519-CHACHA20POLY1305", refused: name == "records" ? null : "NEW").Keys }
            : name.EndsWith(".pcap", StringComparison.Ordinal) && Path.ChangeExtension(ReportTests.At(name), "keys.log") is { } own
                && File.Exists(own) ? new InspectOptions { Keys = KeyLog.Read(own) } : ReportTests.Options(_folder);

    private static byte[] Said(byte[] capture, InspectOptions options)
    {
        var all = new MemoryStream();
        var text = new StringWriter();
        using (var json = new JsonReport(all, lines: true))
        {
            var report = new TextReport(text, notes: true);
            var inspector = new Inspector(options with { Dialogue = true, Exchanges = true }, session =>
            {
                report.Session(session);
                json.Session(session);
            });
            var file = inspector.Inspect(new MemoryStream(capture), "capture");
            report.Finish([file], inspector.Totals);
            text.Write($"{file.Format} {file.Packets} {file.Octets} {file.Unreadable}\n");
        }

        return [.. all.ToArray(), .. Encoding.UTF8.GetBytes(text.ToString())];
    }

    private static byte[] Converted(string path, InspectOptions options)
    {
        var all = new MemoryStream();
        var text = new StringWriter();
        foreach (var script in Script.Read(path, options, out _))
        {
            text.Write($"{script.Session.Number} {script.Greeting}\n");
            foreach (var exchange in script.Exchanges)
            {
                text.Write($"{exchange.Name} {exchange.IsPipelined} {exchange.Time} {exchange.Code} {exchange.Reply}\n");
                all.Write(exchange.Octets);
            }
        }

        new Converter(options).ToPcap(path, all, out _);
        var converter = new Converter(options, new SeededRandom("reports", "damaged"));
        converter.ToTranscript(path, all, out _);
        text.Write(string.Join(' ', converter.Leaks));
        return [.. all.ToArray(), .. Encoding.UTF8.GetBytes(text.ToString())];
    }
}
