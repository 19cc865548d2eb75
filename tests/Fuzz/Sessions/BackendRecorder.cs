using System.Globalization;
using System.Text;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Fuzz.Sessions;

/// <summary>
/// What a strict backend makes of the octets that the relay sends it: which of them are commands.
/// None of those is one that a relay keeps to itself, and none comes before it may ([BP-10.1-4], [BP-10.2-2], [BP-10.2-5]).
/// </summary>
internal sealed class BackendRecorder
{
    private static readonly string[] NeverPassed = ["XBLACKPONY", "XCLIENT", "XFORWARD", "PROXY", "VERB"];
    private static readonly string[] Pipelined = ["MAIL", "RCPT", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "QUIT", "BDAT"];

    private readonly ReplyReader _replies = new();
    private readonly Queue<string> _unanswered = new();
    private readonly List<byte> _line = [];
    private byte[] _reply = [];
    private Hearing _hearing = Hearing.Commands;
    private bool _chunking;
    private long _chunk;

    private enum Hearing
    {
        Commands,
        Nothing,
        OneLine,
        Payload,
        Chunk,
        Anything,
    }

    /// <summary>The backend says something.</summary>
    public void Says(ReadOnlySpan<byte> octets)
    {
        _reply = [.. _reply, .. octets];
        while (_hearing != Hearing.Anything)
        {
            bool isEhlo = _unanswered.TryPeek(out var next) && next == "EHLO";
            int consumed = 0;
            var reply = isEhlo ? _replies.Read(_reply, out consumed) : Tolerant(out consumed);
            _reply = _reply[consumed..];
            if (reply is null)
            {
                return;
            }

            OnReply(reply, _unanswered.TryDequeue(out var verb) ? verb : "");
        }
    }

    // A reply whose lines may be long or end in a bare LF ([BP-10.2-15]); null if it is not whole, or none.
    private Reply? Tolerant(out int consumed)
    {
        consumed = 0;
        for (int from = 0, end; (end = _reply.AsSpan(from).IndexOf((byte)'\n')) >= 0; from += end + 1)
        {
            var line = Encoding.Latin1.GetString(_reply.AsSpan(from, end)).TrimEnd('\r');
            if (line.Length < 3 || line.AsSpan(0, 3).ContainsAnyExceptInRange('0', '9') || line[0] is < '2' or > '5'
                || line[..3] != Encoding.Latin1.GetString(_reply.AsSpan(0, 3)) || (line.Length > 3 && line[3] is not (' ' or '-')))
            {
                return null;
            }

            if (line.Length == 3 || line[3] == ' ')
            {
                consumed = from + end + 1;
                return new Reply(int.Parse(line.AsSpan(0, 3), CultureInfo.InvariantCulture), []);
            }
        }

        return null;
    }

    /// <summary>The backend hears something.</summary>
    public void Hears(ReadOnlySpan<byte> octets)
    {
        foreach (byte octet in octets)
        {
            Invariant.That(_hearing != Hearing.Nothing, "nothing comes before the backend has answered [BP-10.2-5]");
            if (_hearing == Hearing.Anything)
            {
                return;
            }

            if (_hearing == Hearing.Chunk)
            {
                _hearing = --_chunk == 0 ? Hearing.Commands : Hearing.Chunk;
                continue;
            }

            _line.Add(octet);
            if (_line is [.., (byte)'\r', (byte)'\n'])
            {
                OnLine(Encoding.Latin1.GetString([.. _line]));
                _line.Clear();
            }
        }
    }

    private void OnReply(Reply reply, string verb)
    {
        if (verb == "EHLO" && reply.IsPositive)
        {
            _chunking = Enumerable.Range(1, reply.Lines.Count - 1).Any(i => Verb(Encoding.Latin1.GetString(reply.Text(i))) == "CHUNKING");
        }

        if (_hearing == Hearing.Nothing && _unanswered.Count == 0)
        {
            _hearing = (verb, reply.Code) switch
            {
                ("DATA", 354) => Hearing.Payload,
                ("STARTTLS", 220) => Hearing.Anything,
                (not "DATA", >= 300 and <= 399) => Hearing.OneLine,
                _ => Hearing.Commands,
            };
        }
    }

    private void OnLine(string line)
    {
        if (_hearing == Hearing.Payload)
        {
            if (line == ".\r\n")
            {
                _unanswered.Enqueue("");
                _hearing = Hearing.Commands;
            }

            return;
        }

        Invariant.That(line.AsSpan()[..^2].IndexOfAny("\r\n\0") < 0, "only CRLF ends a command [BP-10.2-2]");
        if (_hearing == Hearing.OneLine)
        {
            _unanswered.Enqueue("");
            _hearing = Hearing.Nothing;
            return;
        }

        var verb = Verb(line[..^2]);
        Invariant.That(!NeverPassed.Contains(verb), "what the backend must not hear from a client does not come [BP-10.1-4]");
        _unanswered.Enqueue(verb);
        _hearing = Pipelined.Contains(verb) && (verb != "BDAT" || _chunking) ? Hearing.Commands : Hearing.Nothing;
        if (verb == "BDAT" && _chunking)
        {
            var fields = line.Split([' ', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
            bool counted = fields.Length is 2 or 3 && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out _chunk);
            _hearing = !counted ? Hearing.Nothing : _chunk > 0 ? Hearing.Chunk : Hearing.Commands;
        }
    }

    private static string Verb(string line) => line.Split(' ')[0].ToUpperInvariant();
}
