using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Traces;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Extraction;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is said of each capture and transcript, by its digest in <c>tests/Traces/Reports/digests.tsv</c>: some are not ours to publish, and
/// all of it would be long. It is also said of the capture with packets lost, cut short and out of order. A digest shows that something has
/// changed, not what is right: the other tests say that. <c>BLACKPONY_WRITE=1</c> writes the digests again.
/// </summary>
public sealed class DigestTests : IDisposable
{
    private const int Generated = 40;
    private const int Damaged = 120;

    private static readonly (string Name, (char, string)[] Lines)[] Made =
        [("mime", ReportTests.Mime), ("refused", ReportTests.Refused), ("chunks", ReportTests.Chunks), ("unfinished", Frames.Lines[..10]),
            ("midstream", Frames.Lines[3..])];

    private readonly Folder _folder = new();

    public static TheoryData<string> Everything =>
    [
        .. BlackPonyTests.Transcripts.Select(t => t.Data), .. AllCaptures,
        .. Made.Select(m => m.Name + ".pcap"), "gap.pcap",
        .. Enumerable.Range(1, Generated).Select(i => $"generated-{i}"),
        .. Enumerable.Range(1, Damaged).Select(i => $"damaged-{i}"),
        .. SharedCaptures.Folder is null ? [] : ConvertTests.AllShared.Select(s => "shared/" + s.Data),
    ];

    internal static IEnumerable<string> AllCaptures =>
        Directory.GetFiles(Repository.At("tests", "Traces", "Captures"), "*.pcap*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Repository.At("tests", "Traces", "Captures"), f)).Order(StringComparer.Ordinal);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Everything))]
    public void What_is_said_of_a_capture_stays_the_same(string name)
    {
        var path = Find(name);
        var options = Keys(name, path);
        var digests = new List<string> { Digest(Said(path, options)), Digest(Anonymized(path, options)) };
        var pcap = new MemoryStream();
        new Converter(options).ToPcap(path, pcap, out _);
        digests.Add(Digest(pcap.ToArray()));
        var frames = new List<byte[]>();
        if (pcap.Length > 0)
        {
            using var reader = CaptureReader.Open(new MemoryStream(pcap.ToArray()))!;
            while (reader.Read(out var packet))
            {
                frames.Add(packet.Data.ToArray());
            }
        }

        byte[][] lossy = [.. frames.Where((_, i) => i % 7 != 6)];
        byte[][] swapped = [.. frames.Chunk(3).SelectMany(c => c.Reverse())];
        byte[][] late = [.. frames.Skip(8)];
        byte[][] lossier = [.. frames.Where((_, i) => i % 5 != 3)];
        byte[][] holed = [.. frames.Where((_, i) => i % 11 is not (8 or 9 or 10))];
        byte[][] cut = [.. frames.Select(f => f[..Math.Min(f.Length, 78)])];
        byte[][] oneSided = [.. frames.Where(f => f.AsSpan(34, 2).SequenceEqual(frames[0].AsSpan(34, 2)))];
        foreach (var other in (byte[][][])[lossy, swapped, late, lossier, holed, cut, oneSided])
        {
            digests.Add(Digest(Said(_folder.Write("other.pcap", Inspection.Pcap(other)), options)));
        }

        Digests.Compare("digests.tsv", name, digests);
    }

    private string Find(string name)
    {
        return name.StartsWith("shared/", StringComparison.Ordinal) ? SharedCaptures.At(name[7..])
            : name.StartsWith("generated-", StringComparison.Ordinal)
                ? _folder.Write("generated.pcap", Inspection.Connection(GeneratedDialogue.Of(Number(name))))
            : name.StartsWith("damaged-", StringComparison.Ordinal) ? _folder.Write("generated.pcap", DamagedCapture.Of(Number(name)))
            : name == "gap.pcap" ? _folder.Write(name, Gaps.Connection(Frames.Lines, 'C', 40, 30))
            : Made.FirstOrDefault(m => m.Name + ".pcap" == name).Lines is { } lines ? _folder.Write(name, Inspection.Connection(lines))
            : name.Contains('.', StringComparison.Ordinal) ? ReportTests.At(name)
            : Repository.At("spec", "transcripts", name + ".txt");
    }

    private static int Number(string name) =>
        int.Parse(name[(name.IndexOf('-', StringComparison.Ordinal) + 1)..], CultureInfo.InvariantCulture);

    // One log of all keys where several captures go together; a capture's own, where it has one.
    private InspectOptions Keys(string name, string path) =>
        name.Contains('/', StringComparison.Ordinal) && Path.ChangeExtension(path, "keys.log") is { } own && File.Exists(own)
            ? new InspectOptions { Keys = KeyLog.Read(own) } : ReportTests.Options(_folder);

    // The reports, the conversion and the messages.
    private byte[] Said(string path, InspectOptions options)
    {
        var all = new MemoryStream();
        var text = new StringWriter();
        var messages = new MessageFolder(Path.Combine(_folder.Path, "messages"));
        using (var json = new JsonReport(all, lines: true))
        {
            var report = new TextReport(text, notes: true);
            var page = new HtmlReport(text);
            var sum = new Summary();
            var inspector = new Inspector(messages.With(options) with { Dialogue = true, Exchanges = true }, session =>
            {
                report.Session(session);
                page.Session(session);
                json.Session(session);
                sum.Add(session);
            });
            var file = inspector.Inspect(path);
            report.Finish([file], inspector.Totals);
            page.Finish([file], inspector.Totals);
            sum.Write(text);
            sum.WriteJson(all);
        }

        // An open file would have more or less in it, as memory is collected.
        Assert.Empty(Directory.GetFiles(Path.Combine(_folder.Path, "messages"), "*.part"));
        foreach (var message in Directory.GetFiles(Path.Combine(_folder.Path, "messages")).Order(StringComparer.Ordinal))
        {
            text.Write($"{Path.GetFileName(message)}\n{Encoding.Latin1.GetString(File.ReadAllBytes(message))}");
            File.Delete(message);
        }

        new Converter(options).ToTranscript(path, all, out _);
        var said = Encoding.Latin1.GetString(all.ToArray()) + text;
        return Encoding.UTF8.GetBytes(said.Replace(Path.GetDirectoryName(path)! + "/", "", StringComparison.Ordinal)
            .Replace(_folder.Path + "/", "", StringComparison.Ordinal));
    }

    private static byte[] Anonymized(string path, InspectOptions options)
    {
        var all = new MemoryStream();
        new Converter(options, new SeededRandom("reports", "digest")).ToTranscript(path, all, out _);
        return all.ToArray();
    }

    private static string Digest(byte[] octets) => Convert.ToHexStringLower(SHA256.HashData(octets))[..16];
}
