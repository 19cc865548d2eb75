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

    /// <summary>Verifies the record's data ([BP-6.5-5], [BP-6.5-6], [BP-6.5-10]).</summary>
    /// <returns>The public keys; null if anything is wrong.</returns>
    public static IReadOnlyList<PeerIdent>? Verify(ReadOnlySpan<byte> data, ReadOnlySpan<byte> transcriptHash)
    {
        if (data.Length < EntryLength || data.Length > EntryLength * Limits.MaxIdents || data.Length % EntryLength != 0)
            return null;

        var (shown, withdrawn) = (Message(transcriptHash, false), Message(transcriptHash, true));
        var keys = new List<PeerIdent>();
        for (; !data.IsEmpty; data = data[EntryLength..])
        {
            var (key, signature) = (data[..Ed25519.PublicKeySize].ToArray(), data[Ed25519.PublicKeySize..EntryLength].ToArray());
            bool isShown = Ed25519.Verify(signature, key, shown);
            if (!isShown && !Ed25519.Verify(signature, key, withdrawn))
                return null;

            keys.Add(new PeerIdent(Convert.ToHexStringLower(key), !isShown));
        }

        // [BP-6.5-9]
        return [.. keys.GroupBy(k => k.Key).Select(g => new PeerIdent(g.Key, g.Any(k => k.IsWithdrawn)))];
    }

    internal static byte[] Message(ReadOnlySpan<byte> transcriptHash, bool isWithdrawn) =>
        [.. isWithdrawn ? "BLACKPONY V1 WITHDRAWN"u8 : "BLACKPONY V1 IDENT"u8, .. transcriptHash];
}
