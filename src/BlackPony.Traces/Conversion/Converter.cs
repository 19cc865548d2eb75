using System.Net;
using BlackPony.Reference;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Writes the sessions of a capture or transcript as the other, as they are read: what is held goes with the sessions that are
/// open.</summary>
public sealed class Converter
{
    private readonly InspectOptions _options;
    private readonly Anonymizer? _anonymizer;

    /// <summary>Makes a converter.</summary>
    /// <param name="options">How the file is read; with a key log records are opened.</param>
    /// <param name="pseudonyms">Where the words come from that replace what is not known to be protocol; the file is then read twice.
    /// If null nothing is replaced.</param>
    public Converter(InspectOptions options, IRandomSource? pseudonyms = null)
    {
        (_options, _anonymizer) = (options, pseudonyms is null ? null : new Anonymizer(pseudonyms));
    }

    /// <summary>Words of the input that were found in the output, of which there should be none; a few of them.</summary>
    public IReadOnlyCollection<string> Leaks => _anonymizer?.Leaks ?? [];

    /// <summary>Writes a transcript (spec Appendix D), sessions one after the other.</summary>
    /// <param name="path">The file.</param>
    /// <param name="output">Where to.</param>
    /// <param name="sessions">How many there were.</param>
    public FileReport ToTranscript(string path, Stream output, out int sessions)
    {
        int count = 0;
        using var spill = new SpillFile();
        var open = new Dictionary<ObservedSession, TranscriptSink>();
        Learn(path);
        var inspector = new Inspector(_options with { Recorder = Open }, report =>
        {
            if (!open.Remove(report, out var sink))
                return;

            output.Write(count++ == 0 ? "# BlackPony transcript 1\n\n"u8 : "# a fresh connection\n"u8);
            sink.Buffer.CopyTo(output);
        });
        var file = inspector.Inspect(path);
        output.Flush();
        sessions = count;
        return file;

        SessionRecording Open(ObservedSession report, bool openingSeen)
        {
            var sink = new TranscriptSink(spill.Begin());
            open[report] = sink;
            TranscriptSink.Write(sink.Buffer.Writer,
                $"# {TranscriptComments.Ends(End(report.Client).ToString(), End(report.Server).ToString())}\n");
            if (!openingSeen)
                TranscriptSink.Write(sink.Buffer.Writer, $"# {TranscriptComments.Midstream}\n");

            return Recording(report, sink);
        }
    }

    /// <summary>Writes a capture: Ethernet, with all handshakes that were captured.</summary>
    /// <param name="path">The file.</param>
    /// <param name="output">Where to.</param>
    /// <param name="sessions">How many there were.</param>
    public FileReport ToPcap(string path, Stream output, out int sessions)
    {
        int count = 0;
        long clock = 0;
        var buffered = new BufferedStream(output, 1 << 20);
        PcapWriter? writer = null;
        Learn(path);
        // As it is, every octet is passed on; changed, item by item.
        var options = _anonymizer is null
            ? _options with { Tap = Open }
            : _options with { Recorder = (report, openingSeen) => Recording(report, Open(report, openingSeen)) };
        var file = new Inspector(options, _ => { }).Inspect(path);
        buffered.Flush();
        sessions = count;
        return file;

        PcapTap Open(ObservedSession report, bool openingSeen)
        {
            count++;
            writer ??= new PcapWriter(buffered, LinkType.Ethernet);
            var client = End(report.Client);
            // A transcript's sessions may have one address, and have no time: a port and a second apart they are told from each other.
            bool timeless = report.Start == 0;
            client = timeless && report.Client == TranscriptReader.Client ? new IPEndPoint(client.Address, 49152 + (count % 16000))
                : client;
            return new PcapTap(writer, client, End(report.Server), count, timeless ? clock += 1_000_000_000 : report.Start, openingSeen,
                isTimed: !timeless);
        }
    }

    private SessionRecording Recording(ObservedSession report, IItemSink sink) =>
        new(report, _anonymizer is null ? sink : _anonymizer.Session(sink));

    private void Learn(string path)
    {
        if (_anonymizer is not null)
        {
            _ = new Inspector(_options with { Recorder = (report, _) => new SessionRecording(report, _anonymizer.Learning()) }, _ => { })
                .Inspect(path);
        }
    }

    private IPEndPoint End(string text)
    {
        var end = IPEndPoint.Parse(text);
        return _anonymizer?.EndPoint(end) ?? end;
    }
}
