using System.Buffers.Binary;
using System.Security.Cryptography;
using BlackPony.Reference;
using static BlackPony.Conformance.Peers.KeyForm;

namespace BlackPony.Conformance.Peers;

/// <content>Mistakes in the protection of records, spec 7.2 and 7.3.</content>
internal sealed partial class KeyMistakes
{
    // HMAC-SHA-1.
    private const int ShortestMac = 20;

    private static IEnumerable<KeyMistake> Nonces(ulong right)
    {
        yield return Nonce("with the sequence number from 1", (iv, seq) => Xor(iv, [0, 0, 0, 0, .. Big(seq + 1)]));
        yield return new KeyMistake("iv", "with an iv cut from 32 octets", "6.2", f => f with { IvLength = 32 });
        yield return new KeyMistake("iv", "with an iv cut from 16 octets", "6.2", f => f with { IvLength = 16 });
        yield return Nonce("with four octets of the iv before the sequence number", (iv, seq) => [.. iv[..4], .. Big(seq)]);
        yield return Nonce("with eight octets of the iv before the sequence number", (iv, seq) => [.. iv[..8], .. Big(seq)[4..]]);
        yield return Nonce("with the sequence number before four octets of the iv", (iv, seq) => [.. Big(seq), .. iv[..4]]);
        yield return Nonce("with the iv as the nonce, without the sequence number", (iv, _) => iv);
        yield return Nonce("with the sequence number as the nonce, without the iv", (_, seq) => [0, 0, 0, 0, .. Big(seq)]);
        if (right > 0)
        {
            yield return Nonce("with the sequence number in little-endian", (iv, seq) => Xor(iv, [0, 0, 0, 0, .. Big(seq).Reverse()]));
            yield return Nonce("with the sequence number at the beginning of the nonce", (iv, seq) => Xor(iv, [.. Big(seq), 0, 0, 0, 0]));
            yield return Nonce("with the sequence number in little-endian at the beginning of the nonce",
                (iv, seq) => Xor(iv, [.. Big(seq).Reverse(), 0, 0, 0, 0]));
            yield return Nonce("with the sequence number added to the iv", (iv, seq) => [.. iv[..4],
                .. Big(BinaryPrimitives.ReadUInt64BigEndian(iv.AsSpan(4)) + seq)]);
        }
        else
        {
            yield return Nonce("with the sequence number from 1, in little-endian",
                (iv, seq) => Xor(iv, [0, 0, 0, 0, .. Big(seq + 1).Reverse()]));
        }

        static KeyMistake Nonce(string how, Func<byte[], ulong, byte[]> nonce) => new("nonce", how, "7.2", f => f with { Nonce = nonce });
    }

    private static IEnumerable<KeyMistake> Aads()
    {
        yield return Aad("without additional data", (_, _) => []);
        yield return Aad("with the length in little-endian as additional data", (length, _) => [(byte)length, (byte)(length >> 8)]);
        yield return Aad("with the length without the tag as additional data", (length, _) => Big((ushort)(length - Limits.AeadTag)));
        yield return Aad("with the length of the whole record as additional data", (length, _) => Big((ushort)(length + 2)));
        yield return Aad("with the sequence number before the length as additional data",
            (length, seq) => [.. Big(seq), .. Big((ushort)length)]);
        yield return Aad("with the sequence number as additional data", (_, seq) => Big(seq));
        yield return Aad("with the length in four octets as additional data", (length, _) => [0, 0, .. Big((ushort)length)]);
        yield return Aad("with TLS's header as additional data", (length, _) => [23, 3, 3, .. Big((ushort)length)]);

        static KeyMistake Aad(string how, Func<int, ulong, byte[]> aad) => new("aad", how, "7.2", f => f with { Aad = aad });
    }

    private IEnumerable<KeyMistake> Ciphers()
    {
        if (Right.Cipher == RecordCipher.Aes256Gcm)
            yield return Cipher("with ChaCha20-Poly1305 instead of AES-256-GCM", RecordCipher.ChaCha20Poly1305);
        else
            yield return Cipher("with AES-256-GCM instead of ChaCha20-Poly1305", RecordCipher.Aes256Gcm);

        static KeyMistake Cipher(string how, RecordCipher cipher) => new("cipher", how, "5", f => f with { Cipher = cipher });
    }

    private static IEnumerable<KeyMistake> Macs()
    {
        yield return Mac("with the HMAC over the ciphertext alone", (_, _, text) => text);
        yield return Mac("with the HMAC over the length and the ciphertext, without the sequence number",
            (_, length, text) => [.. Big((ushort)length), .. text]);
        yield return Mac("with the HMAC over the sequence number and the ciphertext, without the length",
            (seq, _, text) => [.. Big(seq), .. text]);
        yield return Mac("with the sequence number from 1 in the HMAC", (seq, length, text) =>
            [.. Big(seq + 1), .. Big((ushort)length), .. text]);
        yield return Mac("with the sequence number as 32 bits in the HMAC", (seq, length, text) =>
            [.. Big(seq)[4..], .. Big((ushort)length), .. text]);
        yield return Mac("with the sequence number in little-endian in the HMAC", (seq, length, text) =>
            [.. Big(seq).Reverse(), .. Big((ushort)length), .. text]);
        yield return Mac("with the length in little-endian in the HMAC", (seq, length, text) =>
            [.. Big(seq), (byte)length, (byte)(length >> 8), .. text]);
        yield return Mac("with the length without the tag in the HMAC", (seq, length, text) =>
            [.. Big(seq), .. Big((ushort)text.Length), .. text]);
        yield return Mac("with the length before the sequence number in the HMAC", (seq, length, text) =>
            [.. Big((ushort)length), .. Big(seq), .. text]);
        yield return Over("with the HMAC over the plaintext instead of the ciphertext", f => f with { IsOverPlaintext = true });
        yield return Over("with the HMAC over the plaintext alone", f => f with { IsOverPlaintext = true, Mac = (_, _, text) => text });
        yield return Over("with HMAC-SHA-1 instead of HMAC-SHA-256", f => f with { MacLength = ShortestMac, Hmac = HMACSHA1.HashData });
        yield return Over("with HMAC-SHA-512, cut to 32 octets",
            f => f with { Hmac = (key, text) => HMACSHA512.HashData(key, text)[..32] });
        yield return Over("with HMAC-SHA-512 instead of HMAC-SHA-256", f => f with { MacLength = 64, Hmac = HMACSHA512.HashData });
        yield return Over("with SHA-256 over key and message instead of HMAC",
            f => f with { Hmac = (key, text) => SHA256.HashData([.. key, .. text]) });
        yield return new KeyMistake("label", "with the label \"key\" for the HMAC's key too", "6.2", f => f with { Label = _ => "key" });

        static KeyMistake Mac(string how, Func<ulong, int, byte[], byte[]> mac) => Over(how, f => f with { Mac = mac });
        static KeyMistake Over(string how, Func<KeyForm, KeyForm> change) => new("mac", how, "7.3", change);
    }
}
