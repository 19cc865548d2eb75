using System.Text;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Parsers;

/// <summary>Canonical base64 ([BP-5.1-6]).</summary>
internal static class ShareParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        bool decoded = Base64Share.TryDecode(input, out var octets);
        if (decoded)
        {
            Invariant.Same(Encoding.ASCII.GetBytes(Base64Share.Encode(octets)), input, "a share is written in one way [BP-5.1-7]");
        }

        Invariant.That(Base64Share.TryDecode(Encoding.ASCII.GetBytes(Base64Share.Encode(input)), out octets), "what is written is read");
        Invariant.Same(octets, input, "a share reads back");
    }
}
