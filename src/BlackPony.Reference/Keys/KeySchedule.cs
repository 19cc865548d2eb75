using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace BlackPony.Reference.Keys;

/// <summary>The secrets of a session (spec 6.2 to 6.4).</summary>
internal sealed class KeySchedule : IDisposable
{
    /// <summary>Octets of every secret.</summary>
    public const int SecretLength = 32;

    private readonly byte[] _clientFinished;
    private readonly byte[] _serverFinished;

    /// <summary>Derives the secrets.</summary>
    /// <param name="suite">The suite's name in upper case ([BP-6.2-1]).</param>
    /// <param name="sharedSecret">The key exchange's result; the caller erases it.</param>
    /// <param name="transcriptHash">32 octets.</param>
    public KeySchedule(string suite, ReadOnlySpan<byte> sharedSecret, ReadOnlySpan<byte> transcriptHash)
    {
        Span<byte> prk = stackalloc byte[SecretLength];
        HKDF.Extract(HashAlgorithmName.SHA256, sharedSecret, SHA256.HashData(Encoding.ASCII.GetBytes(suite)), prk);
        TranscriptHash = transcriptHash.ToArray();
        ClientTraffic = ExpandLabel(prk, "c traffic", transcriptHash, SecretLength);
        ServerTraffic = ExpandLabel(prk, "s traffic", transcriptHash, SecretLength);
        _clientFinished = ExpandLabel(prk, "c finished", transcriptHash, SecretLength);
        _serverFinished = ExpandLabel(prk, "s finished", transcriptHash, SecretLength);
        ExporterSecret = ExpandLabel(prk, "exporter", transcriptHash, SecretLength);
        CryptographicOperations.ZeroMemory(prk);
    }

    /// <summary>The transcript hash, 32 octets.</summary>
    public byte[] TranscriptHash { get; }

    /// <summary>client_traffic[0], 32 octets.</summary>
    public byte[] ClientTraffic { get; }

    /// <summary>server_traffic[0], 32 octets.</summary>
    public byte[] ServerTraffic { get; }

    /// <summary>exporter_secret, 32 octets.</summary>
    public byte[] ExporterSecret { get; }

    /// <summary>Expand-Label (spec 6.2).</summary>
    /// <param name="secret">32 octets.</param>
    /// <param name="label">Printable ASCII, at most 251 octets.</param>
    /// <param name="context">At most 255 octets.</param>
    /// <param name="length">Octets wanted, at most 8160.</param>
    public static byte[] ExpandLabel(ReadOnlySpan<byte> secret, string label, ReadOnlySpan<byte> context, int length)
    {
        var info = new byte[4 + 4 + label.Length + context.Length];
        BinaryPrimitives.WriteUInt16BigEndian(info, checked((ushort)length));
        info[2] = checked((byte)(4 + label.Length));
        "bp1 "u8.CopyTo(info.AsSpan(3));
        Encoding.ASCII.GetBytes(label, info.AsSpan(7));
        info[7 + label.Length] = checked((byte)context.Length);
        context.CopyTo(info.AsSpan(8 + label.Length));
        var output = new byte[length];
        HKDF.Expand(HashAlgorithmName.SHA256, secret, output, info);
        return output;
    }

    /// <summary>verify_data of a side (spec 6.3).</summary>
    /// <returns>32 octets.</returns>
    public byte[] Finished(Role role) => HMACSHA256.HashData(role == Role.Client ? _clientFinished : _serverFinished, TranscriptHash);

    /// <summary>Keying material for an application (spec 6.4).</summary>
    /// <param name="label">1 to <see cref="Limits.MaxExporterLabel"/> octets of printable ASCII.</param>
    /// <param name="context">Any octets.</param>
    /// <param name="length">Octets wanted, at most 8160.</param>
    /// <exception cref="ArgumentException">The label is not as [BP-6.4-2] says.</exception>
    public byte[] Export(string label, ReadOnlySpan<byte> context, int length)
    {
        if (label.Length is < 1 or > Limits.MaxExporterLabel || label.Any(c => c is < ' ' or > '~'))
            throw new ArgumentException("An exporter label is 1 to 200 printable ASCII characters.", nameof(label));

        var secret = ExpandLabel(ExporterSecret, label, [], SecretLength);
        var output = ExpandLabel(secret, "exporter", SHA256.HashData(context), length);
        CryptographicOperations.ZeroMemory(secret);
        return output;
    }

    /// <summary>Erases the traffic secrets, when who protects records has them: it erases its own at a rekey ([BP-6.2-3]).</summary>
    internal void EraseTraffic()
    {
        CryptographicOperations.ZeroMemory(ClientTraffic);
        CryptographicOperations.ZeroMemory(ServerTraffic);
    }

    /// <summary>Erases every secret.</summary>
    public void Dispose()
    {
        EraseTraffic();
        foreach (var secret in (byte[][])[_clientFinished, _serverFinished, ExporterSecret])
            CryptographicOperations.ZeroMemory(secret);
    }
}
