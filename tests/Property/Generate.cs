using System.Text;
using BlackPony.Reference;
using FsCheck;
using FsCheck.Fluent;

namespace BlackPony.Tests.Property;

/// <summary>Generators of what goes over the wire.</summary>
internal static class Generate
{
    /// <summary>Any octets; the ones that mean something to SMTP are frequent.</summary>
    public static Gen<byte[]> Octets { get; } = Gen.Frequency(
        (3, Gen.Choose(0, 255)),
        (2, Gen.Elements(13, 10, 46, 0, 32, 255)))
        .Select(o => (byte)o).ArrayOf();

    /// <summary>The sizes of the pieces in which a stream comes; used round and round.</summary>
    public static Gen<int[]> Pieces { get; } = Gen.Frequency((3, Gen.Choose(1, 3)), (2, Gen.Choose(4, 40)), (1, Gen.Choose(41, 2000)))
        .NonEmptyListOf().Select(l => l.ToArray());

    /// <summary>An XBLACKPONY line of an EHLO reply, usable or not.</summary>
    public static Gen<string> Offer { get; } =
        from keyword in Gen.Frequency((6, Gen.Constant("XBLACKPONY")), (2, Gen.Constant("XBlackPony")), (1, Gen.Constant("XBLACKPONYX")))
        from version in Gen.Frequency((8, Gen.Constant("V1")), (1, Gen.Constant("v1")), (1, Gen.Elements("V01", "V2", "1")))
        from tokens in Gen.Elements(
            "X25519MLKEM768-CHACHA20POLY1305", "X25519MLKEM768-AES256GCM", "X25519-CHACHA20POLY1305", "x25519-chacha20poly1305",
            "RSA-BLOWFISH", "Rsa-Blowfish",
            "ROT", "rot", "V1", "V2", "G-0AF9", "X-TOMORROW", "~!@#").ListOf()
        from spaces in Gen.Frequency((5, Gen.Constant(" ")), (1, Gen.Constant("  ")))
        from end in Gen.Frequency((6, Gen.Constant("")), (1, Gen.Constant("  ")), (1, Gen.Elements("\t", "\u00e9", new string(' ', 512))))
        select string.Join(spaces, tokens.Prepend(version).Prepend(keyword)) + end;

    /// <summary>DATA's payload, dot-stuffed, without its end.</summary>
    public static Gen<byte[]> Payload { get; } = Octets.Select(Stuffed);

    /// <summary>What a client says after 354, the end included: nothing but the end, some octets, dots where they matter, or more than a
    /// record holds.</summary>
    public static Gen<byte[]> Message { get; } = Gen.Frequency(
        (3, Gen.Constant(".\r\n"u8.ToArray())),
        (8, Payload.Select(Ended)),
        (4, Dots.Select(o => Ended(Stuffed(o)))),
        (2, Long.Select(o => Ended(Stuffed(o)))));

    /// <summary>Lines of dots, and what is nearly the end of a message.</summary>
    public static Gen<byte[]> Dots => Gen.Elements("\r\n", "\r\n.", ".", "..", "\r", "\n", "\r\n.\n", "\n.\r\n", "x")
        .NonEmptyListOf().Select(l => Encoding.ASCII.GetBytes(string.Concat(l)));

    /// <summary>As many octets as need two records or three.</summary>
    public static Gen<byte[]> Long =>
        from length in Gen.Choose(Limits.MaxData + 1, 40_000)
        from pattern in Octets.Where(o => o.Length > 0)
        select Enumerable.Range(0, length).Select(i => pattern[i % pattern.Length]).ToArray();

    /// <summary>Whether a message is nothing but its end.</summary>
    public static bool IsEmpty(byte[] message) => message.AsSpan().SequenceEqual(".\r\n"u8);

    /// <summary>Whether there is a CR without its LF, or an LF without its CR.</summary>
    public static bool HasBare(byte[] octets) =>
        Encoding.Latin1.GetString(octets).Replace("\r\n", "", StringComparison.Ordinal).AsSpan().ContainsAny('\r', '\n');

    /// <summary>Pieces for a stream of some length: small ones for short streams, so that long ones do not come in ten thousands of
    /// them.</summary>
    public static Gen<int[]> PiecesOf(int length) => Pieces.Select(p => p.Select(size => size * Math.Max(1, length / 2000)).ToArray());

    /// <summary>Cuts a stream into pieces.</summary>
    public static IEnumerable<byte[]> Cut(byte[] stream, int[] pieces)
    {
        for (int at = 0, i = 0; at < stream.Length; i++)
        {
            int size = Math.Min(pieces[i % pieces.Length], stream.Length - at);
            yield return stream[at..(at + size)];
            at += size;
        }
    }

    private static byte[] Stuffed(byte[] octets) =>
        Encoding.Latin1.GetBytes(("\r\n" + Encoding.Latin1.GetString(octets)).Replace("\r\n.", "\r\n..", StringComparison.Ordinal)[2..]);

    private static byte[] Ended(byte[] payload) => [.. payload, .. "\r\n.\r\n"u8];
}
