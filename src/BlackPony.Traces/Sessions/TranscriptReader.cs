using System.Globalization;
using System.Net;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;

namespace BlackPony.Traces.Sessions;

/// <summary>Reads the project's transcripts (spec Appendix D): what went over the wire, and what the records hold.</summary>
internal sealed class TranscriptReader(string file, InspectOptions options, Func<string, bool, TranscriptContents?, SessionOpening> open)
{
    /// <summary>What the client is called, of whom a transcript gives no address.</summary>
    public const string Client = "192.0.2.1:49152";

    private const int MaxLine = 1 << 20;

    private static readonly byte[] FirstLine = Encoding.ASCII.GetBytes("# BlackPony transcript 1");

    private readonly IPEndPoint _defaultServer = new(IPAddress.Parse("192.0.2.2"), options.Ports.Count > 0 ? options.Ports.First() : 25);
    private readonly TranscriptContents _contents = new();
    private IPEndPoint _client = IPEndPoint.Parse(Client);
    private IPEndPoint? _server;
    private SessionObserver? _session;
    private bool _openingSeen = true;
    private bool _reset;
    private readonly bool[] _ended = new bool[2];
    private (Role Sender, byte[] Octets)? _record;

    /// <summary>Whether a stream begins as a transcript does.</summary>
    /// <param name="stream">The stream; its first octets are taken.</param>
    /// <param name="whole">The stream from its first octet.</param>
    public static bool Knows(Stream stream, out Stream whole)
    {
        var source = new Capture.OctetSource(stream);
        bool knows = source.Ensure(FirstLine.Length) && source.Span.StartsWith(FirstLine);
        whole = new Capture.PrependedStream(source, stream);
        return knows;
    }

    public void Read(Stream stream, FileReport report)
    {
        int number = 0;
        foreach (var line in Lines(stream))
        {
            number++;
            report.Octets += line.Length + 1;
            if (!Item(line))
            {
                if (report.Findings.Count < 100)
                {
                    report.Findings.Add(new Finding(
                        FindingKind.TranscriptLine.Level, FindingKind.TranscriptLine.Id, FindingKind.TranscriptLine.Requirement,
                        $"Line {number} is not a line of a transcript: {Escape.Octets(Encoding.UTF8.GetBytes(line), 60)}",
                        report.Octets));
                }
            }
        }

        Flush();
        _session?.Finish();
    }

    // Bounded, whatever the file is.
    private static IEnumerable<string> Lines(Stream stream)
    {
        using var reader = new StreamReader(stream, Encoding.UTF8, detectEncodingFromByteOrderMarks: false, bufferSize: 65536);
        var line = new StringBuilder();
        var buffer = new char[65536];
        int count;
        while ((count = reader.Read(buffer)) > 0)
        {
            int from = 0;
            while (from < count)
            {
                int end = Array.IndexOf(buffer, '\n', from, count - from);
                int until = end < 0 ? count : end;
                line.Append(buffer, from, Math.Min(until - from, Math.Max(0, MaxLine - line.Length)));
                from = until + 1;
                if (end >= 0)
                {
                    yield return line.ToString();
                    line.Clear();
                }
            }
        }

        if (line.Length > 0)
            yield return line.ToString();
    }

    private bool Item(string line)
    {
        if (line.StartsWith("# ", StringComparison.Ordinal))
        {
            Comment(line[2..]);
            return true;
        }

        if (line.Length == 0 || line[0] is '#' or '@' or '=')
            return true;

        if (line.Length < 2 || line[0] is not ('C' or 'S'))
            return false;

        var sender = line[0] == 'C' ? Role.Client : Role.Server;
        var text = line.Length > 3 ? line[3..] : "";
        if (line[1] == '}')
            return Content(sender, text);

        Flush();
        byte[]? octets;
        switch (line[1])
        {
            case ':':
                octets = Escape.Back(text);
                octets = octets is null ? null : [.. octets, .. "\r\n"u8];
                break;
            case '+':
                octets = Hex(text);
                break;
            case '>':
                octets = Hex(text);
                _record = octets is null ? null : (sender, octets);
                return octets is not null;
            case '!':
                End(sender);
                return true;
            default:
                return false;
        }

        if (octets is null)
            return false;

        Send(sender, octets);
        return true;
    }

    private void Comment(string text)
    {
        if (text == TranscriptComments.FreshConnection)
        {
            Flush();
            Fresh();
        }
        else if (_session is null && text == TranscriptComments.Midstream)
        {
            _openingSeen = false;
        }
        else if (_session is null && TranscriptComments.TryEnds(text, out var client, out var server))
        {
            (_client, _server) = (client, server);
        }
        else if (text == TranscriptComments.Reset)
        {
            _reset = true;
        }
        else if (TranscriptComments.TryGap(text, out var sender, out long length, out bool cut))
        {
            Flush();
            Session().Gap((int)sender, length, cut, 0);
        }
    }

    // What a record holds stands after it and is told before it.
    private bool Content(Role sender, string text)
    {
        var fields = text.Split(' ', 2);
        RecordType type;
        if (byte.TryParse(fields[0], CultureInfo.InvariantCulture, out byte number))
            type = (RecordType)number;
        else if (!Enum.TryParse(fields[0], ignoreCase: true, out type))
            return false;

        var data = fields.Length < 2 ? [] : type == RecordType.Data ? Escape.Back(fields[1]) : Hex(fields[1]);
        if (data is null || _record is null || _record.Value.Sender != sender)
            return false;

        _contents.Tell(sender, type, data);
        Flush();
        return true;
    }

    private void Flush()
    {
        if (_record is { } record)
        {
            _record = null;
            Send(record.Sender, record.Octets);
        }
    }

    private void Send(Role sender, byte[] octets)
    {
        // After both ends comes another connection.
        if (_ended[(int)sender])
            Fresh();

        Session().Data((int)sender, octets, 0);
    }

    private SessionObserver Session() =>
        _session ??= new SessionObserver(_client, _server ?? _defaultServer, 0, open(file, _openingSeen, _contents));

    private void Fresh()
    {
        _session?.Finish();
        (_session, _openingSeen, _server, _client) = (null, true, null, IPEndPoint.Parse(Client));
        Array.Clear(_ended);
    }

    private void End(Role sender)
    {
        _session?.End((int)sender, _reset, 0);
        _reset = false;
        _ended[(int)sender] = true;
    }

    private static byte[]? Hex(string text)
    {
        var octets = new byte[text.Length / 2];
        return text.Length % 2 == 0 && Convert.FromHexString(text, octets, out _, out _) == System.Buffers.OperationStatus.Done ? octets
            : null;
    }
}
