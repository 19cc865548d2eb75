using System.Security.Cryptography;
using System.Text;

namespace BlackPony.Traces.Sessions;

/// <summary>The keys of records from logged secrets (RFC 5246 5 and 6.3; RFC 8446 7.1 to 7.3).</summary>
internal static class TlsKeySchedule
{
    /// <summary>HKDF-Expand-Label without a context.</summary>
    public static byte[] Expand(HashAlgorithmName hash, byte[] secret, string label, int length)
    {
        var name = Encoding.ASCII.GetBytes("tls13 " + label);
        return HKDF.Expand(hash, secret, length, [(byte)(length >> 8), (byte)length, (byte)name.Length, .. name, 0]);
    }

    /// <summary>The key block of TLS 1.2.</summary>
    public static byte[] Block(HashAlgorithmName hash, byte[] master, byte[] clientRandom, byte[] serverRandom, int length)
    {
        byte[] seed = [.. "key expansion"u8, .. serverRandom, .. clientRandom];
        var block = new List<byte>(length + 48);
        for (byte[] a = seed; block.Count < length;)
        {
            a = CryptographicOperations.HmacData(hash, master, a);
            block.AddRange(CryptographicOperations.HmacData(hash, master, (byte[])[.. a, .. seed]));
        }

        return [.. block.Take(length)];
    }
}
