using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>The content of the message that a client sends: by DATA up to its dot, by BDAT in chunks.</summary>
/// <param name="dialogue">The session's other parts.</param>
internal sealed class MessageContent(SmtpDialogue dialogue)
{
    private Body? _body;
    private IContentSink? _sink;
    private MessageReport? _chunkMessage;
    private bool _chunkLast;
    private bool _swallow;

    /// <summary>Octets of the chunk that are to come.</summary>
    public long Chunk { get; private set; }

    /// <summary>Whether an octet of the chunk came.</summary>
    public bool ChunkBegun { get; private set; }

    /// <summary>Whether the server refused the last chunk, so that the client may leave it out.</summary>
    public bool LastChunkRefused { get; set; }

    /// <summary>Whether octets of the message are missing, and perhaps its end.</summary>
    public bool HasGap { get; private set; }

    /// <summary>Whether MAIL announced octets above 127 in the content.</summary>
    public bool IsEightBit { get; set; }

    /// <summary>Whether a MAIL announced them in addresses and headers.</summary>
    public bool IsUtf8 { get; set; }

    /// <summary>What the server answered before the message's end.</summary>
    public ServerReply? Early { get; set; }

    /// <summary>Whether a part of a message came.</summary>
    public bool IsOpen => _body is not null;

    /// <summary>Octets of the message so far.</summary>
    public long Octets => _body?.Octets ?? 0;

    /// <summary>Whether a dot stood between line ends that are not CRLF.</summary>
    public bool EndsInOddDot => _body!.EndsInOddDot;

    /// <summary>Whether the message's dot came.</summary>
    public bool IsWhole => _body!.IsWhole;

    /// <summary>DATA's content begins.</summary>
    public void Begin(long time)
    {
        dialogue.Matching.ForgetUnseen();
        Drop();
        (_body, HasGap) = (new Body(inChunks: false), false);
        _sink = dialogue.Session.Content?.Invoke();
        dialogue.Record(Verb.DataEnd, default, time);
    }

    /// <summary>The next message is none: its DATA was refused.</summary>
    public void Swallow() => _swallow = true;

    /// <summary>Octets of DATA's content.</summary>
    /// <returns>How many belong to it.</returns>
    public int Take(ReadOnlySpan<byte> octets)
    {
        int used = _body!.Take(octets);
        dialogue.Append(octets[..used]);
        _sink?.Write(octets[..used]);
        return used;
    }

    /// <summary>Octets of it are missing.</summary>
    public void Skip(long length)
    {
        _body!.Skip(length);
        _sink?.Skip(length);
        dialogue.Fill(length);
        HasGap = true;
    }

    /// <summary>DATA's content is whole.</summary>
    public void End(long time)
    {
        if (_swallow)
        {
            (_swallow, _body, HasGap) = (false, null, false);
            _sink?.End(whole: false);
            _sink = null;
            return;
        }

        var message = EndMessage(time, inChunks: false);
        var command = dialogue.Expect(Verb.DataEnd, null, null, message, time);
        (command.Early, Early) = (Early, null);
    }

    /// <summary>A chunk begins: BDAT's command was written down.</summary>
    public void BeginChunk(long size, bool last, string name, long time)
    {
        (Chunk, _chunkLast, ChunkBegun) = (size, last, false);
        if (_body is null)
        {
            _body = new Body(inChunks: true);
            _sink = dialogue.Session.Content?.Invoke();
            _sink?.InChunks();
        }

        // The last chunk's reply is the message's; it may come before the chunk is there.
        _chunkMessage = last ? new MessageReport { InChunks = true, Sink = _sink } : null;
        dialogue.Expect(last ? Verb.BdatLast : Verb.Bdat, name, null, _chunkMessage, time);
    }

    /// <summary>So many octets that are no message will come, if the server asks for them.</summary>
    public void AnnounceBinary(long size) => Chunk = size;

    /// <summary>They come.</summary>
    public void BeginBinary()
    {
        Drop();
        ChunkBegun = true;
    }

    /// <summary>Octets of a chunk.</summary>
    /// <param name="octets">The octets.</param>
    /// <param name="isMessage">Whether of a message.</param>
    /// <returns>How many belong to it.</returns>
    public int TakeChunk(ReadOnlySpan<byte> octets, bool isMessage)
    {
        ChunkBegun = true;
        int take = (int)Math.Min(Chunk, octets.Length);
        _body?.Take(octets[..take]);
        dialogue.Append(octets[..take]);
        _sink?.Write(isMessage ? octets[..take] : default);
        Chunk -= take;
        return take;
    }

    /// <summary>Octets are missing.</summary>
    /// <returns>How many of them are the chunk's.</returns>
    public long SkipChunk(long length)
    {
        long part = Math.Min(length, Chunk);
        _body?.Skip(part);
        _sink?.Skip(part);
        dialogue.Fill(part);
        ChunkBegun = true;
        Chunk -= part;
        return part;
    }

    /// <summary>The chunk is whole.</summary>
    public void EndChunk(long time)
    {
        if (_chunkLast && _chunkMessage is { } message)
        {
            _chunkMessage = null;
            Complete(message, time, inChunks: true);
        }
    }

    /// <summary>The client sends no chunk after all.</summary>
    public void AbandonChunk()
    {
        Drop();
        Chunk = 0;
    }

    /// <summary>The message is whole, with what stands elsewhere.</summary>
    public MessageReport EndMessage(long time, bool inChunks)
    {
        _body ??= new Body(inChunks);
        var message = new MessageReport { InChunks = inChunks, Sink = _sink };
        Complete(message, time, inChunks);
        return message;
    }

    /// <summary>Another message begins, or none: what came of the last one in chunks was not finished.</summary>
    public void Drop()
    {
        if (_body is not null)
        {
            _sink?.End(whole: false);
            (_body, _sink, _chunkMessage) = (null, null, null);
        }
    }

    /// <summary>Nothing more comes.</summary>
    public void Finish(ClientState state)
    {
        if ((state == ClientState.Content && _body!.Octets > 0) || (state == ClientState.Chunk && Chunk > 0))
        {
            dialogue.Session.Find(FindingKind.MessageCut, Role.Client, state == ClientState.Content
                ? $"The connection ends after {_body!.Octets} octets of a message, without its end."
                : $"The connection ends {Chunk} octets before the end of a chunk.");
        }

        _sink?.End(whole: false);
        _sink = null;
    }

    private void Complete(MessageReport message, long time, bool inChunks)
    {
        var body = _body!;
        (message.Octets, message.Missing, message.Time, message.Subject, message.MessageId) =
            (body.Octets, body.Missing, time, body.Subject, body.MessageId);
        dialogue.Report.AddMessage(message);
        dialogue.Say(time, Role.Client, "(message)", body.Octets);
        _sink?.End(whole: true);
        DialogueFindings.OnMessage(dialogue.Session, body, inChunks, IsEightBit || IsUtf8);
        (_body, _sink, HasGap) = (null, null, false);
    }
}
