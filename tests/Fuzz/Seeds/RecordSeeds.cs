using BlackPony.Reference.Records;

namespace BlackPony.Fuzz.Seeds;

/// <summary>What a record of a transcript is as an event of the peer.</summary>
internal static class RecordSeeds
{
    public static ScriptEvent Event(TranscriptItem item) => item.Type switch
    {
        "data" => new ScriptEvent('D', item.Content),
        "finished" => new ScriptEvent('F', []),
        "ident" => new ScriptEvent('I', []),
        "rekey" => new ScriptEvent('K', []),
        "close" => new ScriptEvent('O', []),
        "alert" => new ScriptEvent('A', [1]),
        _ => new ScriptEvent('T', [byte.TryParse(item.Type, out byte type) ? type : (byte)RecordType.FirstIgnored, .. item.Content]),
    };
}
