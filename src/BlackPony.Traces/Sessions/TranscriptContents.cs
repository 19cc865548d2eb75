using BlackPony.Reference;
using BlackPony.Reference.Records;

namespace BlackPony.Traces.Sessions;

/// <summary>What the next record of a side holds, as a transcript file tells it.</summary>
internal sealed class TranscriptContents
{
    private readonly Queue<(RecordType Type, byte[] Data)>[] _next = [new(), new()];

    public void Tell(Role sender, RecordType type, byte[] data) => _next[(int)sender].Enqueue((type, data));

    public bool Take(Role sender, out RecordType type, out byte[] data)
    {
        bool told = _next[(int)sender].TryDequeue(out var content);
        (type, data) = told ? content : (0, []);
        return told;
    }
}
