namespace BlackPony.Smtp.Outbound;

/// <summary>How far the connection to the next server is.</summary>
internal enum NextState
{
    None,
    Greeting,
    Ehlo,
    Helo,
    StartTls,
    Handshake,
    Ready,
}

/// <summary>The connection to the next server, up to its first transaction: greeting, EHLO, TLS ([BP-10.5-13]).</summary>
internal sealed class NextConnection(OctetBuffer octets, PooledBuffer output)
{
    private NextReplyReader _replies = new(Limits.MaxReplyLine);
    private string[] _extensions = [];
    private bool _isInTls;

    public NextState State { get; private set; }

    /// <summary>Whether TLS is not to be tried, because it failed.</summary>
    public bool WithoutTls { get; private set; }

    /// <summary>Whether TLS is being set up, or the session in it has not begun.</summary>
    public bool IsSecuring => State is NextState.StartTls or NextState.Handshake || (State is NextState.Ehlo or NextState.Helo && _isInTls);

    /// <summary>How many transactions were begun.</summary>
    public int Transactions { get; set; }

    public bool IsMalformed => _replies.IsMalformed;

    /// <summary>The code of a malformed reply, if it is known; else 0.</summary>
    public int KnownCode => _replies.KnownCode;

    public bool Has(string extension) => _extensions.Contains(extension);

    public void Open(bool withoutTls) => (State, WithoutTls) = (NextState.Greeting, withoutTls);

    /// <summary>The connection is gone, and all that is known of it.</summary>
    public void Reset()
    {
        (State, _isInTls, WithoutTls, _extensions, Transactions) = (NextState.None, false, false, [], 0);
        octets.Clear();
        _replies = new NextReplyReader(Limits.MaxReplyLine);
    }

    /// <summary>The next reply; null if none is complete, or none is expected.</summary>
    public Reply? Read()
    {
        if (State is NextState.None or NextState.Handshake)
            return null;

        var reply = _replies.Read(octets.Span, out int consumed);
        octets.Consume(consumed);
        return reply;
    }

    /// <summary>Takes a reply before <see cref="NextState.Ready"/>.</summary>
    /// <param name="reply">The reply.</param>
    /// <param name="name">The client's name, for EHLO.</param>
    /// <param name="startTls">Whether STARTTLS is used where it is offered.</param>
    /// <returns>False if the connection is of no use.</returns>
    public bool OnReply(Reply reply, byte[] name, bool startTls)
    {
        switch (State)
        {
            case NextState.Greeting when reply.Code == 220:
                Greet(name);
                return true;
            case NextState.Ehlo when reply.IsPositive:
                // A mailer that has BlackPony there removed the keyword ([BP-10.5-13]).
                (_extensions, State) = (EhloReply.Keywords(reply), NextState.Ready);
                if (startTls && !_isInTls && !WithoutTls && Has("STARTTLS"))
                    Send("STARTTLS"u8, NextState.StartTls);

                return true;
            case NextState.Ehlo when reply.Code >= 500:
                Send([.. "HELO "u8, .. name], NextState.Helo);
                return true;
            case NextState.StartTls when reply.Code == 220:
                State = NextState.Handshake;
                return true;
            case NextState.Helo when reply.IsPositive:
            case NextState.StartTls when reply.Code is >= 400 and not 421:
                State = NextState.Ready;
                return true;
            default:
                return false;
        }
    }

    /// <summary>TLS stands: what was said before is forgotten (RFC 3207 4.2).</summary>
    public void Secure(byte[] name)
    {
        (_isInTls, _extensions) = (true, []);
        octets.Clear();
        Greet(name);
    }

    /// <summary>Sends a command line.</summary>
    public void Send(ReadOnlySpan<byte> line)
    {
        output.Write(line);
        output.Write("\r\n"u8);
    }

    private void Greet(byte[] name) => Send([.. "EHLO "u8, .. name], NextState.Ehlo);

    private void Send(ReadOnlySpan<byte> line, NextState next)
    {
        Send(line);
        State = next;
    }
}
