namespace BlackPony.Traces.Sessions;

/// <summary>Takes a message's content as it comes.</summary>
internal interface IContentSink
{
    /// <summary>The content comes in chunks, of which all is content.</summary>
    void InChunks();

    /// <summary>Octets as on the wire, DATA's final dot included.</summary>
    void Write(ReadOnlySpan<byte> octets);

    /// <summary>Octets that the capture lacks.</summary>
    void Skip(long length);

    /// <summary>No more comes.</summary>
    /// <param name="whole">Whether the message's end came.</param>
    void End(bool whole);

    /// <summary>All is known of the message that ever will be.</summary>
    void Done(ObservedSession session, MessageReport message);
}
