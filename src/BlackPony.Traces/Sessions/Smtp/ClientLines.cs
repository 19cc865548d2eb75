using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>Reads a client's lines: commands, and lines that a 334 asked for, with holes where a few octets are missing.</summary>
/// <param name="dialogue">The session's other parts.</param>
/// <param name="stream">Where they stand.</param>
/// <param name="commands">Takes the commands.</param>
internal sealed class ClientLines(SmtpDialogue dialogue, ClientStream stream, ClientCommands commands)
{
    private readonly LineBuffer _lines = new();
    private readonly LineGap _gap = new();
    private bool _continuation;

    /// <summary>Whether a line would begin here.</summary>
    public bool IsEmpty => _lines.Partial.IsEmpty;

    /// <summary>Whether a TLS client's hello begins here, or began in the octets before.</summary>
    public bool IsHello(ReadOnlySpan<byte> octets)
    {
        var partial = _lines.Partial;
        return partial.Length < TlsRecords.Opening && TlsRecords.IsClientHello(
            partial.IsEmpty ? octets : (byte[])[.. partial, .. octets[..Math.Min(octets.Length, TlsRecords.Opening)]]);
    }

    /// <summary>What came of a line that is none.</summary>
    public byte[] TakePartial()
    {
        byte[] partial = [.. _lines.Partial];
        _lines.Clear();
        return partial;
    }

    /// <summary>How many octets are missing after the last one.</summary>
    public int Lacking => _gap.IsFilled ? 0 : _gap.Length;

    /// <summary>What nobody knows may be credentials from here on.</summary>
    public void OnAuth() => commands.AuthSeen = true;

    /// <summary>The next line continues XBLACKPONY.</summary>
    public void ExpectContinuation() => _continuation = true;

    /// <summary>Takes the next line, or a part of it; what was used is cut off.</summary>
    public void Take(ref ReadOnlySpan<byte> octets, long time)
    {
        _gap.Fill(_lines);
        if (_lines.Take(ref octets, out var line))
            Line(line, time, unfinished: false);
    }

    /// <summary>Nothing more comes: a command without its line end is one too.</summary>
    public void Finish(long time)
    {
        if (Verbs.LooksLikeCommand(_lines.Partial.TrimEnd((byte)'\r')))
        {
            // The capture ends within its line end.
            byte[] line = [.. _lines.Partial];
            _lines.Clear();
            Line(line, time, unfinished: true);
        }
    }

    /// <summary>Whether a gap may be read over.</summary>
    public bool MayFill(long length, bool cut) => _gap.Takes(length, cut);

    /// <summary>Of a line whose CR was the last octet before a gap, the LF is its first.</summary>
    /// <returns>How many of the gap's octets that is.</returns>
    public int EndByGap(long time)
    {
        if (!_lines.Partial.EndsWith("\r"u8))
            return 0;

        ReadOnlySpan<byte> end = "\n"u8;
        if (_lines.Take(ref end, out var line))
            Line(line, time, unfinished: false);

        return 1;
    }

    /// <summary>A few octets are missing.</summary>
    public void BeginGap(int length) => _gap.Begin(length, _lines.Partial.Length);

    /// <summary>More are missing: what was captured of the line tells the verb.</summary>
    public void Lose(long time)
    {
        byte[] partial = _gap.End(_lines);
        _ = Verbs.Find(partial, out var name);
        if (stream.State == ClientState.AuthLine)
        {
            Take(partial, partial.Length, time, cut: true);
        }
        else if (name is not null)
        {
            stream.State = ClientState.Command;
            Take(partial, partial.Length, time, cut: true);
        }
    }

    private void Line(ReadOnlySpan<byte> line, long time, bool unfinished)
    {
        if (_gap.IsFilled && _gap.IsTwo(line, out int at, out int next))
        {
            byte[] both = [.. line];
            Take(both.AsSpan(0, at), at, time, cut: true);
            stream.Feed(both.AsSpan(next), time);
            return;
        }

        int length = line.Length;
        bool bare = !unfinished && (line.Length < 2 || line[^2] is not ((byte)'\r' or Verbs.Missing));
        line = unfinished ? line.TrimEnd((byte)'\r') : line[..^(bare ? 1 : 2)];
        if (stream.State == ClientState.Lost)
        {
            if (!Verbs.LooksLikeCommand(line))
            {
                dialogue.Say(time, Role.Client, "(after a gap)", length);
                return;
            }

            stream.State = ClientState.Command;
        }

        if (bare)
        {
            var shown = stream.State == ClientState.AuthLine ? "(authentication)" : Redaction.Command(line, commands.AuthSeen);
            dialogue.Session.FindOnce(FindingKind.BareLf, Role.Client, $"A command ends in LF alone: {shown}");
        }

        if (length >= LineBuffer.MaxLine)
            dialogue.Session.Find(FindingKind.LineTooLong, Role.Client, $"A command line of more than {LineBuffer.MaxLine} octets.");

        Take(line, length, time, cut: false);
    }

    private void Take(ReadOnlySpan<byte> line, int length, long time, bool cut)
    {
        if (stream.State != ClientState.AuthLine)
        {
            commands.Take(line, length, time, cut);
        }
        else if (_continuation)
        {
            dialogue.Say(time, Role.Client, Escape.Octets(line, 1000), length);
            dialogue.Negotiation.OnContinuation(line, length, cut);
            _continuation = false;
            stream.Wait(Verb.Continuation, null, line, time);
        }
        else
        {
            dialogue.Say(time, Role.Client, "(authentication)", length);
            stream.Wait(Verb.AuthLine, null, line, time);
        }
    }
}
