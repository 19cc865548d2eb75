using System.Globalization;
using System.Net;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Writes the sessions of a capture or transcript as the other.</summary>
public sealed class Converter
{
    private readonly InspectOptions _options;
    private readonly Anonymiser? _anonymiser;

    /// <summary>Makes a converter.</summary>
    /// <param name="options">How the file is read; with a key log records are opened.</param>
    /// <param name="anonymise">Whether addresses, names, subjects and bodies are replaced.</param>
    public Converter(InspectOptions options, bool anonymise)
    {
        (_options, _anonymiser) = (options, anonymise ? new Anonymiser() : null);
    }

    /// <summary>Writes a transcript (spec Appendix D), sessions one behind the other.</summary>
    /// <param name="path">The file.</param>
    /// <param name="output">Where to.</param>
    /// <param name="sessions">How many there were.</param>
    public FileReport ToTranscript(string path, TextWriter output, out int sessions)
    {
        int count = 0;
        output.Write("# BlackPony transcript 1\n");
        var file = Read(path, recording =>
        {
            output.Write(count++ == 0 ? "\n" : "# a fresh connection\n");
            output.Write($"# {Client(recording)} to {Server(recording)}\n");
            recording.Items.ForEach(i => Write(output, i));
        });
        sessions = count;
        return file;
    }

    /// <summary>Writes a capture: Ethernet, with all handshakes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="output">Where to.</param>
    /// <param name="sessions">How many there were.</param>
    public FileReport ToPcap(string path, Stream output, out int sessions)
    {
        int count = 0;
        using var writer = new PcapWriter(output, LinkType.Ethernet);
        long clock = 0;
        var file = Read(path, recording =>
        {
            count++;
            var (client, server) = (Client(recording), Server(recording));
            // A transcript's sessions have one address and no time: a port and a second apart they are told from each other.
            bool timeless = recording.Session is { Start: 0, Client: TranscriptReader.Client };
            client = timeless ? new IPEndPoint(client.Address, 49151 + count) : client;
            var tcp = new TcpWriter(writer, client, server, count) { Time = timeless ? clock += 1_000_000_000 : recording.Session.Start };
            tcp.Open();
            foreach (var item in recording.Items)
            {
                tcp.Time = Math.Max(tcp.Time, item.Time);
                switch (item.Kind)
                {
                    case WireKind.Line:
                        tcp.Send(item.Sender, [.. item.Octets, .. "\r\n"u8]);
                        break;
                    case WireKind.End:
                        tcp.End(item.Sender);
                        break;
                    case WireKind.Reset:
                        tcp.Reset(item.Sender);
                        break;
                    case WireKind.Gap:
                        tcp.Skip(item.Sender, item.Length);
                        break;
                    case WireKind.Comment:
                        break;
                    default:
                        tcp.Send(item.Sender, item.Octets);
                        break;
                }
            }
        });
        sessions = count;
        return file;
    }

    private IPEndPoint Client(SessionRecording recording) => End(recording.Session.Client);

    private IPEndPoint Server(SessionRecording recording) => End(recording.Session.Server);

    private IPEndPoint End(string text)
    {
        var end = IPEndPoint.Parse(text);
        return _anonymiser?.EndPoint(end) ?? end;
    }

    private FileReport Read(string path, Action<SessionRecording> take)
    {
        var open = new Dictionary<SessionReport, SessionRecording>();
        var inspector = new Inspector(_options with { Recorder = r => open[r] = new SessionRecording(r) }, report =>
        {
            var recording = open[report];
            open.Remove(report);
            _anonymiser?.Session(recording.Items);
            take(recording);
        });
        return inspector.Inspect(path);
    }

    private static void Write(TextWriter output, WireItem item)
    {
        char side = item.Sender == Role.Client ? 'C' : 'S';
        switch (item.Kind)
        {
            case WireKind.Line:
                output.Write($"{side}: {Escape.Octets(item.Octets)}");
                break;
            case WireKind.Record:
                output.Write($"{side}> {Convert.ToHexStringLower(item.Octets)}");
                if (item.Type is { } type)
                {
                    var name = type is >= RecordType.Data and <= RecordType.Alert ? type.ToString().ToLowerInvariant() : ((int)type).ToString(CultureInfo.InvariantCulture);
                    output.Write($"\n{side}}} {name} {(type == RecordType.Data ? Escape.Octets(item.Data) : Convert.ToHexStringLower(item.Data!))}".TrimEnd(item.Data!.Length == 0 ? ' ' : '\n'));
                }

                break;
            case WireKind.Raw:
                output.Write($"{side}+ {Convert.ToHexStringLower(item.Octets)}");
                break;
            case WireKind.End or WireKind.Reset:
                output.Write($"{side}!");
                break;
            case WireKind.Gap:
                output.Write($"# {item.Length} octets of the {item.Sender.Name()} are not in the capture");
                break;
            default:
                output.Write($"# {Encoding.UTF8.GetString(item.Data!)}");
                break;
        }

        output.Write('\n');
    }
}
