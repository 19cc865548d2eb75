using BlackPony.Conformance.Peers;
using BlackPony.Reference;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>A seeded source that keeps what was drawn: a transcript shows it, so that a port can draw the same.</summary>
internal sealed class RecordingRandom(string scenario, Role role) : IRandomSource
{
    private readonly SeededRandom _source = new(scenario, role.ToString());
    private readonly List<byte> _drawn = [];

    public byte[] Drawn => [.. _drawn];

    public void Fill(Span<byte> octets)
    {
        _source.Fill(octets);
        _drawn.AddRange(octets);
    }
}
