namespace BlackPony.Fuzz.Seeds;

/// <summary>The records of transcripts as a channel's scripts.</summary>
internal static class ChannelSeeds
{
    public static Script Server(IReadOnlyList<TranscriptItem> transcript) => Of(transcript, peerIsClient: true, role: 1);

    public static Script Client(IReadOnlyList<TranscriptItem> transcript) => Of(transcript, peerIsClient: false, role: 0);

    private static Script Of(IReadOnlyList<TranscriptItem> transcript, bool peerIsClient, byte role)
    {
        var events = transcript.Where(i => i.Kind == '}').Select(i => i.IsClient == peerIsClient ? RecordSeeds.Event(i) : Own(i)).ToList();
        return new Script([role, (byte)events.Count], events);
    }

    private static ScriptEvent Own(TranscriptItem item) => item.Type switch
    {
        "rekey" => new ScriptEvent('k', []),
        "close" => new ScriptEvent('o', []),
        "alert" => new ScriptEvent('f', []),
        _ => new ScriptEvent('s', item.Content),
    };
}
