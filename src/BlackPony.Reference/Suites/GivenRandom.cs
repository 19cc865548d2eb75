using Org.BouncyCastle.Security;

namespace BlackPony.Reference.Suites;

/// <summary>Hands the octets of one draw to BouncyCastle, so that every draw is ours (spec Appendix B).</summary>
internal sealed class GivenRandom(byte[] octets) : SecureRandom(null)
{
    private int _used;

    public override void NextBytes(byte[] buf) => NextBytes(buf.AsSpan());

    public override void NextBytes(byte[] buf, int off, int len) => NextBytes(buf.AsSpan(off, len));

    public override void NextBytes(Span<byte> buffer)
    {
        octets.AsSpan(_used, buffer.Length).CopyTo(buffer);
        _used += buffer.Length;
    }
}
