namespace BlackPony.Smtp.Inbound;

/// <summary>A reply of the backend.</summary>
/// <param name="command">The command that it answers; <see cref="Verb.Other"/> also if it is unsolicited.</param>
/// <param name="code">Its code.</param>
/// <param name="octets">As it came.</param>
/// <param name="ehlo">A positive reply to EHLO, else null.</param>
internal readonly ref struct BackendReply(Verb command, int code, ReadOnlySpan<byte> octets, Reply? ehlo = null)
{
    public Verb Command { get; } = command;

    public int Code { get; } = code;

    public ReadOnlySpan<byte> Octets { get; } = octets;

    public Reply? Ehlo { get; } = ehlo;

    public bool IsPositive => Code is >= 200 and <= 299;
}

/// <summary>
/// The backend's replies, each to the command that it answers (spec 10.2), and what they say of the client's session:
/// Unready, Ready or Transaction (state table G.6).
/// </summary>
internal sealed class BackendReplies
{
    private readonly Queue<Verb> _pending = new();
    private readonly ReplyReader _ehlo = new();
    private readonly NextReplyReader _other = new(Limits.MaxEhloLine);

    /// <summary>How many replies the backend owes.</summary>
    public int Pending => _pending.Count;

    /// <summary>Whether the octets are no reply.</summary>
    public bool IsMalformed => _ehlo.IsMalformed || _other.IsMalformed;

    /// <summary>Whether EHLO succeeded, and no HELO since (else Unready).</summary>
    public bool AfterEhlo { get; private set; }

    /// <summary>Whether a transaction is open.</summary>
    public bool InTransaction { get; private set; }

    /// <summary>Whether the backend offered CHUNKING, so that octets follow BDAT.</summary>
    public bool Chunking { get; private set; }

    /// <summary>A command, or a whole message, went to the backend.</summary>
    public void Expect(Verb command) => _pending.Enqueue(command);

    /// <summary>Takes the next reply from the octets that came; it is valid until the next call.</summary>
    /// <returns>False if none is complete.</returns>
    public bool TryTake(OctetBuffer octets, out BackendReply reply)
    {
        var command = _pending.TryPeek(out var next) ? next : Verb.Other;
        if (command != Verb.Ehlo && _other.ReadLine(octets, out int code, out var line))
        {
            reply = new BackendReply(command, code, line);
        }
        else
        {
            // Lines of an unfinished reply are kept by the reader, not here ([BP-10.2-15]).
            var lines = command == Verb.Ehlo ? _ehlo.Read(octets.Span, out int consumed) : _other.Read(octets.Span, out consumed);
            octets.Consume(consumed);
            reply = lines is null ? default
                : new BackendReply(command, lines.Code, lines.ToOctets(), command == Verb.Ehlo && lines.IsPositive ? lines : null);
        }

        if (reply.Code > 0)
            Note(reply);

        return reply.Code > 0;
    }

    // Outside and inside alike ([BP-4.5-8]).
    private void Note(BackendReply reply)
    {
        _pending.TryDequeue(out _);
        var command = reply.Command;
        if (reply.Ehlo is not null)
        {
            (AfterEhlo, InTransaction, Chunking) = (true, false, EhloReply.Keywords(reply.Ehlo).Contains("CHUNKING"));
        }
        else if (reply.IsPositive)
        {
            AfterEhlo &= command != Verb.Helo;
            InTransaction = command == Verb.Mail || (InTransaction && command is not (Verb.Message or Verb.Rset or Verb.Helo));
        }
        else if (command == Verb.Message)
        {
            InTransaction = false;
        }
    }
}
