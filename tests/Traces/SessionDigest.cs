using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What happens on the wire: octets of a side, a gap, or the end of a direction.</summary>
/// <param name="Side">0 is the client.</param>
/// <param name="Octets">What it sent; null if there is none.</param>
/// <param name="Gap">How many octets of it are missing.</param>
/// <param name="Cut">Whether they are of a packet that was cut short.</param>
/// <param name="Reset">Whether the end is a reset.</param>
internal readonly record struct WireStep(int Side, byte[]? Octets, int Gap = 0, bool Cut = false, bool Reset = false)
{
    /// <summary>
    /// Reads a step. <c>c</c> is the client, <c>s</c> the server. <c>c:TEXT</c> sends TEXT and CRLF; with an underscore at its end, no
    /// CRLF. <c>c 30</c> is a gap of 30 octets; one of the server of less than 10 was cut off in the capture. <c>c!</c> is the end of a
    /// direction, <c>s!</c> a reset.
    /// </summary>
    public static WireStep Parse(string text)
    {
        int side = text[0] == 'c' ? 0 : 1;
        return text[1] switch
        {
            ':' => new(side, Encoding.Latin1.GetBytes(text.EndsWith('_') ? text[2..^1] : text[2..] + "\r\n")),
            '!' => new(side, null, Reset: side == 1),
            _ => new(side, null, int.Parse(text[2..], CultureInfo.InvariantCulture), Cut: side == 1 && text.Length == 3),
        };
    }
}

/// <summary>A digest of all reports on sessions, and of what they are converted to.</summary>
/// <param name="server">The server's end.</param>
/// <param name="keys">Their secrets.</param>
internal sealed class SessionDigest(IPEndPoint server, KeyLog? keys = null) : IDisposable
{
    private readonly Hashed _output = new();

    // One for all sessions, because it takes much memory; it keeps the names that it learned from earlier ones.
    private readonly Anonymizer _anonymizer = new(new SeededRandom("reports", "short"));

    /// <summary>Reads a session.</summary>
    public void Say(IReadOnlyList<WireStep> said, bool openingSeen, bool anonymize) =>
        Say(options => [Read(said, openingSeen, options)], anonymize);

    /// <summary>Reads sessions, anyhow; twice, if they are made anonymous.</summary>
    public void Say(Func<InspectOptions, IReadOnlyList<ObservedSession?>> read, bool anonymize)
    {
        var script = new Script();
        var options = new InspectOptions { Keys = keys, Dialogue = true, Exchanges = true, Script = _ => script };
        using var pcap = new PcapWriter(_output, LinkType.Raw);
        if (anonymize)
        {
            var learning = new InspectOptions { Keys = keys, Recorder = (r, _) => new SessionRecording(r, _anonymizer.Learning()) };
            read(learning);
            options = options with { Recorder = (r, _) => new SessionRecording(r, _anonymizer.Session(new Items(_output))) };
        }
        else
        {
            options = options with
            {
                Recorder = (r, _) => new SessionRecording(r, new Items(_output)),
                Tap = (r, seen) => new PcapTap(pcap, Inspection.Client, Inspection.Server, 1, r.Start, seen, isTimed: true),
                Content = () => new Kept(_output),
            };
        }

        foreach (var report in read(options))
        {
            Say(report);
        }

        foreach (var exchange in script.Exchanges)
        {
            _output.Say($"{exchange.Name} {exchange.IsPipelined} {exchange.Time} {exchange.Code} {exchange.Reply} {script.Greeting}");
            _output.Write(exchange.Octets);
        }
    }

    /// <summary>Takes a text into the digest.</summary>
    public void Say(string text) => _output.Say(text);

    private void Say(ObservedSession? report)
    {
        if (report is null)
        {
            _output.Say("none");
            return;
        }

        using (var json = new JsonReport(_output, lines: true))
        {
            json.Session(report);
        }

        foreach (var line in report.Dialogue ?? [])
        {
            _output.Say($"{line.Time} {line.Sender} {line.Protected} {line.Text} {line.Octets}");
        }

        _output.Say($"{report.ClientOctets} {report.ServerOctets} {report.Gaps} {report.UpgradeBroke}");
    }

    /// <summary>The digest of all since the last one.</summary>
    public string End() => _output.Digest();

    public void Dispose() => _output.Dispose();

    private ObservedSession? Read(IReadOnlyList<WireStep> said, bool openingSeen, InspectOptions options)
    {
        ObservedSession? report = null;
        const long Start = 1_700_000_000_000_000_000;
        var observer = new SessionObserver(Inspection.Client, server, Start,
            new SessionOpening("capture", openingSeen, options, r => report = r));
        long time = Start;
        foreach (var step in said)
        {
            time += 1_000_000;
            if (step.Octets is { } octets)
            {
                observer.Data(step.Side, octets, time);
            }
            else if (step.Gap > 0)
            {
                observer.Gap(step.Side, step.Gap, step.Cut, time);
            }
            else
            {
                observer.End(step.Side, step.Reset, time);
            }
        }

        observer.Finish();
        return report;
    }

    private sealed class Items(Hashed output) : IItemSink
    {
        public void Take(WireItem item)
        {
            output.Say($"{item.Kind} {item.Sender} {item.Time} {item.Type} {item.Shift} {item.Before} {item.Length}");
            output.Write(item.Octets);
            output.Write(item.Data);
        }

        public void Finish() => output.Say("end");
    }

    private sealed class Kept(Hashed output) : IContentSink
    {
        public void InChunks() => output.Say("in chunks");

        public void Write(ReadOnlySpan<byte> octets)
        {
            output.Say("content");
            output.Write(octets);
        }

        public void Skip(long length) => output.Say($"lacks {length}");

        public void End(bool whole) => output.Say($"ends {whole}");

        public void Done(ObservedSession session, MessageReport message)
        {
        }
    }

    // A stream of which only the digest is kept.
    private sealed class Hashed : MemoryStream
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public void Say(string text)
        {
            Write(Encoding.UTF8.GetBytes(text));
            WriteByte((byte)'\n');
        }

        public override void Flush()
        {
            if (Length > 1 << 20)
            {
                Drain();
            }
        }

        public string Digest()
        {
            Drain();
            return Convert.ToHexStringLower(_hash.GetHashAndReset())[..12];
        }

        protected override void Dispose(bool disposing)
        {
            _hash.Dispose();
            base.Dispose(disposing);
        }

        private void Drain()
        {
            _hash.AppendData(GetBuffer(), 0, (int)Length);
            SetLength(0);
        }
    }
}
