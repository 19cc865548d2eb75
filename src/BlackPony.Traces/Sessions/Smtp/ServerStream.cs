using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

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

    // Before the first reply nobody knows where the capture began: within a reply, or within something else.
    private bool _isUnplaced = !dialogue.Session.OpeningSeen;
    private bool _clientSpoke;
    private long _partialSince;
    private long _partialSeen;
    private long? _seen;
    private int _fill;
    private int _fillAt;
    private bool _isFilled;

    public void Octets(ReadOnlySpan<byte> octets, long time)
    {
        EndBareLine(octets);
        if (_fill > 0 && !_isFilled)
        {
            _isFilled = true;
            _lines.Fill(_fill);
        }

        while (!octets.IsEmpty && dialogue.Inner is null)
        {
            var before = octets;
            bool begins = _lines.Partial.IsEmpty;
            bool whole = _lines.Take(ref octets, out var line);
            dialogue.Write(Role.Server, before[..^octets.Length], time);
            if (whole)
                Line(line, time);
            else if (begins)
                (_partialSince, _partialSeen) = (time, dialogue.Matching.Last);
        }

        if (dialogue.Inner is { } inner && !octets.IsEmpty)
            inner.Octets(Role.Server, octets, time);
    }

    public void Gap(long length, bool cut, long time)
    {
        ResolveFill(time);
        if (length <= MaxFill && !cut)
        {
            Fill((int)length, time);
            return;
        }

        byte[] partial = [.. _lines.Partial];
        _lines.Clear();
        Lose(partial, length, time);
    }

    /// <summary>The client said something.</summary>
    public void ClientSpoke(long time)
    {
        // Whatever is missing of a reply, it was whole for the client.
        ResolveFill(time);
        _clientSpoke = !_lines.Partial.IsEmpty;
    }

    /// <summary>Nothing more comes: a reply without its line end is one too.</summary>
    public void Finish(long time)
    {
        ResolveFill(time);
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

    // With holes where octets are missing; of a code all may be.
    private static bool IsReply(ReadOnlySpan<byte> line) =>
        line.Length >= 3 && IsDigit(line[0], '2', '5') && IsDigit(line[1], '0', '9') && IsDigit(line[2], '0', '9')
            && (line.Length == 3 || line[3] is (byte)' ' or (byte)'-');

    private static bool IsDigit(byte octet, char from, char to) => octet == Verbs.Missing || (octet >= from && octet <= to);

    // A line without its end, after which the client went on: the next reply does not continue it.
    private void EndBareLine(ReadOnlySpan<byte> octets)
    {
        if (_clientSpoke && octets.Length >= 4 && IsReply(octets[..4]) && IsReply(_lines.Partial))
        {
            byte[] line = [.. _lines.Partial.TrimEnd((byte)'\r'), .. "\r\n"u8];
            _lines.Clear();
            dialogue.Session.FindOnce(FindingKind.ReplyMalformed, Role.Server,
                $"A reply without its line end: {Redaction.Reply(line.AsSpan()[..^2])}");
            // It came before the client went on.
            _seen = _partialSeen;
            Line(line, _partialSince);
            _seen = null;
        }

        _clientSpoke = false;
    }

    // A few octets are missing: the line may be read with holes in it, once it is known what follows.
    private void Fill(int length, long time)
    {
        if (_lines.Partial.EndsWith("\r"u8))
        {
            ReadOnlySpan<byte> end = "\n"u8;
            if (_lines.Take(ref end, out var line))
                Line(line, time);

            length--;
        }

        (_fill, _fillAt) = (length, _lines.Partial.Length);
    }

    // Nothing followed that would tell: it is a gap like any other.
    private void ResolveFill(long time)
    {
        if (_fill > 0)
        {
            int length = _fill;
            byte[] partial = [.. _lines.Partial];
            _lines.Clear();
            bool filled = _isFilled;
            (_fill, _isFilled) = (0, false);
            Lose(filled ? partial[..Math.Min(_fillAt, partial.Length)] : partial, length, time);
        }
    }

    // Octets are missing, and perhaps whole replies. What was captured of the line tells the code.
    private void Lose(ReadOnlySpan<byte> partial, long length, long time)
    {
        byte[] line = [.. partial.TrimEnd((byte)'\r'), .. "\r\n"u8];
        _isCut = true;
        if (IsReply(line.AsSpan()[..^2]))
            Take(line, time);

        int open = _code;
        if (_count > 0)
            Emit(time);

        (_isCut, _continues, _afterGap) = (false, open, true);
        dialogue.Matching.Gap(length, time);
    }

    // A line in which octets are missing, as far as it can be told apart from two.
    private void Filled(ReadOnlySpan<byte> whole, long time)
    {
        var (at, length) = (_fillAt, _fill);
        (_fill, _isFilled) = (0, false);
        for (int k = 0; k <= length - 2; k++)
        {
            // Line end, and of the next line's code so many octets.
            var next = whole[(at + length - k)..];
            if (at > 0 && next.Length >= 5 && IsReply(next))
            {
                if (k == 0)
                {
                    Take((byte[])[.. whole[..at], .. "\r\n"u8], time);
                    Take(next, time);
                }
                else
                {
                    Lose(whole[..at], length, time);
                    _afterGap = false;
                }

                return;
            }
        }

        bool inText = at >= 4 && IsReply(whole[..4]);
        bool inCode = at + length <= 3 && IsReply(whole[..Math.Min(4, whole.Length)]);
        if (inText || inCode)
        {
            bool lineEnd = whole.EndsWith("\0\n"u8);
            Take(lineEnd ? (byte[])[.. whole[..^2], .. "\r\n"u8] : whole, time);
            return;
        }

        Lose(whole[..at], length, time);
        _afterGap = false;
    }

    private void Line(ReadOnlySpan<byte> whole, long time)
    {
        if (_isFilled)
            Filled(whole.ToArray(), time);
        else
            Take(whole, time);
    }

    private void Take(ReadOnlySpan<byte> whole, long time)
    {
        var line = whole.EndsWith("\r\n"u8) ? whole[..^2] : whole[..^1];
        if (dialogue.Session.HasDialogue)
            dialogue.Say(time, Role.Server, Redaction.Reply(line), whole.Length);

        if (!IsReply(line))
        {
            if (!_afterGap && !_isUnplaced)
                dialogue.Session.Find(FindingKind.ReplyMalformed, Role.Server, $"Not a reply: {Escape.Octets(line, 80)}");

            _afterGap = false;
            return;
        }

        (_afterGap, _isUnplaced) = (false, false);
        DialogueFindings.OnReplyLine(dialogue.Session, line, whole.Length, line.Length + 2 != whole.Length, MaxReplyLine);
        bool holes = line[..3].Contains(Verbs.Missing);
        var (code, kind) = Code(line);
        if (_count > 0 && _code != code && _code != 0 && code != 0)
            dialogue.Session.Find(FindingKind.ReplyMalformed, Role.Server, $"The lines of one reply have the codes {_code} and {code}.");

        (_code, _class) = (code == 0 ? _code : code, kind == 0 ? _class : kind);
        _count++;
        int most = dialogue.Session.Script is null ? MaxText : MaxScript;
        if (_text.Length < most)
            _ = _text.Append(_count > 1 ? "\r\n" : "").Append(Encoding.Latin1.GetString(line[..Math.Min(line.Length, most)]));

        Closer(whole, line, holes);
        if (line.Length == 3 || line[3] == ' ')
            Emit(time);
    }

    // Replies that are read closer go through the reference's own reader, within its limits.
    private void Closer(ReadOnlySpan<byte> whole, ReadOnlySpan<byte> line, bool holes)
    {
        if (_isCut || holes || (!dialogue.Matching.IsInDoubt
            && dialogue.Matching.Next?.Verb is not (Verb.Ehlo or Verb.Lhlo or Verb.Helo or Verb.XBlackPony or Verb.Continuation)))
        {
            return;
        }

        _reader ??= new ReplyReader();
        _whole = _reader.Read(whole, out _);
        if (_reader.IsMalformed && (dialogue.Negotiation.IsSpoken
            || Verbs.Contains(Encoding.Latin1.GetBytes(_text.ToString()), "XBLACKPONY"u8)))
        {
            dialogue.Session.FindOnce(FindingKind.Deviation("BP-4.3-11"), Role.Server,
                $"A BlackPony client treats this reply as malformed: {Escape.Octets(line, 80)}");
        }
    }

    // The code, 0 if a digit of it is missing, and its first digit: that of the enhanced code is the same (RFC 3463 2).
    private static (int Code, int Class) Code(ReadOnlySpan<byte> line)
    {
        bool enhanced = line.Length > 8 && line[5] == '.' && line[7] == '.' && line[4] is >= (byte)'2' and <= (byte)'5';
        byte first = line[0] == Verbs.Missing && enhanced ? line[4] : line[0];
        int kind = first == Verbs.Missing ? 0 : first - '0';
        return line[1] == Verbs.Missing || line[2] == Verbs.Missing || kind == 0 ? (0, kind)
            : ((kind * 100) + ((line[1] - '0') * 10) + line[2] - '0', kind);
    }

    private void Emit(long time)
    {
        var reply = new ServerReply(_code, _class, _text.ToString(), _count, _seen ?? dialogue.Matching.Last, time)
        {
            Whole = _reader is { IsMalformed: false } ? _whole : null, IsCut = _isCut, Continues = _continues,
        };
        (_code, _class, _count, _continues, _reader, _whole) = (0, 0, 0, 0, null, null);
        _ = _text.Clear();
        dialogue.OnReply(reply);
    }
}
