using BlackPony.Reference;

namespace BlackPony.Tests;

/// <summary>Random octets from a given stream, in the order of the specification's Appendix B.</summary>
internal sealed class GivenStream(byte[] octets) : IRandomSource
{
    private int _used;

    /// <summary>How many octets of the stream were drawn.</summary>
    public int Used => _used;

    public void Fill(Span<byte> span)
    {
        octets.AsSpan(_used, span.Length).CopyTo(span);
        _used += span.Length;
    }
}
