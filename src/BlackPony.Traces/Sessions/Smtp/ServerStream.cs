using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Smtp;

namespace BlackPony.Traces.Sessions;

/// <summary>Reads a server's octets as replies.</summary>
internal sealed class ServerStream(SmtpDialogue dialogue)
{
    private const int MaxReplyLine = 4096;
    private const int MaxText = 1024;
    private const int MaxScript = 65536;

    // No reply is shorter: what is shorter cannot hide one, and is read over.
    private const int MaxFill = 4;

    private readonly LineBuffer _lines = new();
    private readonly StringBuilder _text = new();
    private ReplyReader? _reader;
    private Reply? _whole;
    private int _code;
    private int _class;
    private int _count;
    private int _continues;
    private bool _isCut;
    private bool _afterGap;
    private bool _clientSpoke;
    private bool _nullIsMissing;

    public void Octets(ReadOnlySpan<byte> octets, long time)
    {
        EndBareLine(octets, time);
        while (!octets.IsEmpty && dialogue.Inner is null)
        {
            var before = octets;
            bool whole = _lines.Take(ref octets, out var line);
            dialogue.Write(Role.Server, before[..^octets.Length], time);
            if (whole)
            {
                Line(line, time);
            }
        }

        if (dialogue.Inner is { } inner && !octets.IsEmpty)
        {
            inner.Octets(Role.Server, octets, time);
        }
    }

    public void Gap(long length, bool cut, long time)
    {
        if (length <= MaxFill && !cut)
        {
            Fill((int)length, time);
            return;
        }

        // What was captured of the line tells the code.
        byte[] partial = [.. _lines.Partial.TrimEnd((byte)'\r'), .. "\r\n"u8];
        _lines.Clear();
        _isCut = true;
        if (IsReply(partial.AsSpan()[..^2]))
        {
            Line(partial, time);
        }

        int open = _code;
        if (_count > 0)
        {
            Emit(time);
        }

        (_isCut, _continues, _afterGap) = (false, open, true);
        dialogue.Matching.Gap(length, time);
    }

    /// <summary>The client said something.</summary>
    public void ClientSpoke() => _clientSpoke = !_lines.Partial.IsEmpty;

    /// <summary>Nothing more comes: a reply without its line end is one too.</summary>
    public void Finish(long time)
    {
        if (IsReply(_lines.Partial.TrimEnd((byte)'\r')))
        {
            byte[] line = [.. _lines.Partial.TrimEnd((byte)'\r'), .. "\r\n"u8];
            _lines.Clear();
            Line(line, time);
        }

        if (_count > 0)
        {
            _isCut = true;
            Emit(time);
        }
    }

    private static bool IsReply(ReadOnlySpan<byte> line) =>
        line.Length >= 3 && IsDigit(line[0], '2', '5') && IsDigit(line[1], '0', '9') && IsDigit(line[2], '0', '9') && !line[..3].SequenceEqual<byte>([0, 0, 0])
        && (line.Length == 3 || line[3] is (byte)' ' or (byte)'-' or Verbs.Missing);

    private static bool IsDigit(byte octet, char from, char to) => octet == Verbs.Missing || (octet >= from && octet <= to);

    // A line without its end, behind which the client went on: the next reply does not continue it.
    private void EndBareLine(ReadOnlySpan<byte> octets, long time)
    {
        if (_clientSpoke && octets.Length >= 4 && IsReply(octets[..4]) && IsReply(_lines.Partial))
        {
            byte[] line = [.. _lines.Partial, .. "\r\n"u8];
            _lines.Clear();
            dialogue.Session.FindOnce(FindingKind.ReplyMalformed, Role.Server, $"A reply without its line end: {Redaction.Reply(line.AsSpan()[..^2])}");
            Line(line, time);
        }

        _clientSpoke = false;
    }

    // A few octets are missing: the line is read with holes in it.
    private void Fill(int length, long time)
    {
        _nullIsMissing = true;
        if (_lines.Partial.EndsWith("\r"u8))
        {
            ReadOnlySpan<byte> end = "\n"u8;
            if (_lines.Take(ref end, out var line))
            {
                Line(line, time);
            }

            length--;
        }

        _lines.Fill(length);
    }

    private void Line(ReadOnlySpan<byte> whole, long time)
    {
        var line = whole.EndsWith("\r\n"u8) || (_nullIsMissing && whole.EndsWith("\0\n"u8)) ? whole[..^2] : whole[..^1];
        if (dialogue.Session.HasDialogue)
        {
            dialogue.Say(time, Role.Server, Redaction.Reply(line), whole.Length);
        }

        if (!IsReply(line) || (line.Contains(Verbs.Missing) && !_nullIsMissing && line[..3].Contains(Verbs.Missing)))
        {
            if (!_afterGap)
            {
                dialogue.Session.Find(FindingKind.ReplyMalformed, Role.Server, $"No reply: {Escape.Octets(line, 80)}");
            }

            _afterGap = false;
            return;
        }

        _afterGap = false;
        DialogueFindings.OnReplyLine(dialogue.Session, line, whole.Length, line.Length + 2 != whole.Length, MaxReplyLine);
        bool holes = line[..Math.Min(4, line.Length)].Contains(Verbs.Missing);
        var (code, kind) = Code(line);
        if (_count > 0 && _code != code && _code != 0 && code != 0)
        {
            dialogue.Session.Find(FindingKind.ReplyMalformed, Role.Server, $"The lines of one reply have the codes {_code} and {code}.");
        }

        (_code, _class) = (code == 0 ? _code : code, kind == 0 ? _class : kind);
        _count++;
        int most = dialogue.Session.Script is null ? MaxText : MaxScript;
        if (_text.Length < most)
        {
            _ = _text.Append(_count > 1 ? "\r\n" : "").Append(Encoding.Latin1.GetString(line[..Math.Min(line.Length, most)]));
        }

        Closer(whole, line, holes);
        bool last = line.Length == 3 || line[3] == ' ' || (line[3] == Verbs.Missing && _count == 1);
        if (last)
        {
            Emit(time);
        }
    }

    // Replies that are read closer go through the reference's own reader, within its limits.
    private void Closer(ReadOnlySpan<byte> whole, ReadOnlySpan<byte> line, bool holes)
    {
        if (_isCut || holes || (!dialogue.Matching.IsInDoubt && dialogue.Matching.Next?.Verb is not (Verb.Ehlo or Verb.Lhlo or Verb.Helo or Verb.XBlackPony or Verb.Continuation)))
        {
            return;
        }

        _reader ??= new ReplyReader();
        _whole = _reader.Read(whole, out _);
        if (_reader.IsMalformed && (dialogue.Negotiation.IsSpoken || Verbs.Contains(Encoding.Latin1.GetBytes(_text.ToString()), "XBLACKPONY"u8)))
        {
            dialogue.Session.FindOnce(FindingKind.Deviation("BP-4.3-11"), Role.Server, $"A BlackPony client takes this reply for malformed: {Escape.Octets(line, 80)}");
        }
    }

    // The code, 0 if a digit of it is missing, and its first digit: that of the enhanced code is the same (RFC 3463 2).
    private static (int Code, int Class) Code(ReadOnlySpan<byte> line)
    {
        bool enhanced = line.Length > 8 && line[5] == '.' && line[7] == '.' && line[4] is >= (byte)'2' and <= (byte)'5';
        byte first = line[0] == Verbs.Missing && enhanced ? line[4] : line[0];
        int kind = first == Verbs.Missing ? 0 : first - '0';
        return line[1] == Verbs.Missing || line[2] == Verbs.Missing || kind == 0 ? (0, kind) : ((kind * 100) + ((line[1] - '0') * 10) + line[2] - '0', kind);
    }

    private void Emit(long time)
    {
        var reply = new ServerReply(_code, _class, _text.ToString(), _count, dialogue.Matching.Last, time)
        {
            Whole = _reader is { IsMalformed: false } ? _whole : null, IsCut = _isCut, Continues = _continues,
        };
        (_code, _class, _count, _continues, _reader, _whole, _nullIsMissing) = (0, 0, 0, 0, null, null, false);
        _ = _text.Clear();
        dialogue.OnReply(reply);
    }
}
