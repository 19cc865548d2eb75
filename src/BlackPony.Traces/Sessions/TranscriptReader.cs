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
    private const string FreshConnection = "# a fresh connection";

    private static readonly byte[] FirstLine = Encoding.ASCII.GetBytes("# BlackPony transcript 1");

    private readonly IPEndPoint _client = IPEndPoint.Parse(Client);
    private readonly IPEndPoint _server = new(IPAddress.Parse("192.0.2.2"), options.Ports.Count > 0 ? options.Ports.First() : 25);
    private readonly TranscriptContents _contents = new();
    private SessionObserver? _session;
    private readonly bool[] _ended = new bool[2];
    private (Role Sender, byte[] Octets)? _record;

    /// <summary>Whether a stream begins as a transcript does.</summary>
    /// <param name="stream">The stream; its first octets are taken.</param>
    /// <param name="whole">The stream from its first octet.</param>
    public static bool Knows(Stream stream, out Stream whole)
    {
        var source = new Capture.OctetSource(stream);
        bool knows = source.Ensure(FirstLine.Length) && source.Span.StartsWith(FirstLine);
        whole = new Capture.Unread(source, stream);
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
                    report.Findings.Add(new Finding(FindingKind.TranscriptLine.Level, FindingKind.TranscriptLine.Id, FindingKind.TranscriptLine.Requirement, $"Line {number} has not the form of a transcript's: {Escape.Octets(Encoding.UTF8.GetBytes(line), 60)}", report.Octets));
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
        {
            yield return line.ToString();
        }
    }

    private bool Item(string line)
    {
        if (line == FreshConnection)
        {
            Flush();
            Fresh();
            return true;
        }

        if (line.Length == 0 || line[0] is '#' or '@' or '=')
        {
            return true;
        }

        if (line.Length < 2 || line[0] is not ('C' or 'S'))
        {
            return false;
        }

        var sender = line[0] == 'C' ? Role.Client : Role.Server;
        var text = line.Length > 3 ? line[3..] : "";
        if (line[1] == '}')
        {
            return Content(sender, text);
        }

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
        {
            return false;
        }

        Send(sender, octets);
        return true;
    }

    // What a record holds stands behind it and is told before it.
    private bool Content(Role sender, string text)
    {
        var fields = text.Split(' ', 2);
        RecordType type;
        if (byte.TryParse(fields[0], CultureInfo.InvariantCulture, out byte number))
        {
            type = (RecordType)number;
        }
        else if (!Enum.TryParse(fields[0], ignoreCase: true, out type))
        {
            return false;
        }

        var data = fields.Length < 2 ? [] : type == RecordType.Data ? Escape.Back(fields[1]) : Hex(fields[1]);
        if (data is null || _record is null || _record.Value.Sender != sender)
        {
            return false;
        }

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
        {
            Fresh();
        }

        if (_session is null)
        {
            _session = new SessionObserver(_client, _server, 0, open(file, true, _contents));
        }

        _session.Data((int)sender, octets, 0);
    }

    private void Fresh()
    {
        _session?.Finish();
        _session = null;
        Array.Clear(_ended);
    }

    private void End(Role sender)
    {
        _session?.End((int)sender, reset: false, 0);
        _ended[(int)sender] = true;
    }

    private static byte[]? Hex(string text)
    {
        var octets = new byte[text.Length / 2];
        return text.Length % 2 == 0 && Convert.FromHexString(text, octets, out _, out _) == System.Buffers.OperationStatus.Done ? octets : null;
    }
}
