using Org.BouncyCastle.Math.EC.Rfc8032;

namespace BlackPony.Reference.Keys;

/// <summary>The data of the ident record (spec 6.5).</summary>
internal static class Ident
{
    private static readonly int EntryLength = Ed25519.PublicKeySize + Ed25519.SignatureSize;

    /// <summary>Makes the record's data.</summary>
    /// <param name="keys">1 to <see cref="Limits.MaxIdents"/> keys.</param>
    /// <param name="transcriptHash">32 octets.</param>
    public static byte[] Create(IReadOnlyList<IdentKey> keys, byte[] transcriptHash) =>
        [.. keys.SelectMany(k => k.PublicKey.Concat(k.Sign(transcriptHash)))];

    /// <summary>Verifies the record's data ([BP-6.5-5], [BP-6.5-6]).</summary>
    /// <returns>The public keys, 32 octets each; null if anything is wrong.</returns>
    public static IReadOnlyList<byte[]>? Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> transcriptHash)
    {
        if (data.Length < EntryLength || data.Length > EntryLength * Limits.MaxIdents || data.Length % EntryLength != 0)
            return null;

        var message = Message(transcriptHash);
        var keys = new List<byte[]>();
        for (; !data.IsEmpty; data = data[EntryLength..])
        {
            var key = data[..Ed25519.PublicKeySize];
            if (!Ed25519.Verify(data[Ed25519.PublicKeySize..EntryLength], key, message))
                return null;

            keys.Add(key.ToArray());
        }

        return keys;
    }

    internal static byte[] Message(ReadOnlySpan<byte> transcriptHash) => [.. "BLACKPONY V1 IDENT"u8, .. transcriptHash];
}
