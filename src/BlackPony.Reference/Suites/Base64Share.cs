using System.Buffers;
using System.Buffers.Text;

namespace BlackPony.Reference.Suites;

/// <summary>Canonical base64 ([BP-5.1-6]).</summary>
internal static class Base64Share
{
    /// <summary>Writes a share.</summary>
    public static string Encode(ReadOnlySpan<byte> octets) => Convert.ToBase64String(octets);

    /// <summary>Reads a share.</summary>
    /// <returns>False if it is not canonical ([BP-5.1-7]).</returns>
    public static bool TryDecode(ReadOnlySpan<byte> text, out byte[] octets)
    {
        octets = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        bool decoded = Base64.DecodeFromUtf8(text, octets, out int consumed, out int written) == OperationStatus.Done
            && consumed == text.Length;
        octets = octets[..(decoded ? written : 0)];

        // The decoder skips white space and ignores unused bits; what it read must be what we would write.
        return decoded && System.Text.Ascii.Equals(text, Encode(octets));
    }
}
