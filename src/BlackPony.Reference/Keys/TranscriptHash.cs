using System.Buffers.Binary;
using System.Security.Cryptography;

namespace BlackPony.Reference.Keys;

/// <summary>The transcript hash <em>th</em> (spec 6.1). Holds no secret.</summary>
internal sealed class TranscriptHash
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Begins with the protocol's label.</summary>
    public TranscriptHash() => _hash.AppendData("BLACKPONY V1"u8);

    /// <summary>Adds offer, command, continuation or reply line: the octets on the wire without CRLF ([BP-6.1-5]).</summary>
    /// <param name="line">At most 65535 octets.</param>
    public void Add(ReadOnlySpan<byte> line)
    {
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, checked((ushort)line.Length));
        _hash.AppendData(length);
        _hash.AppendData(line);
    }

    /// <summary>Ends the transcript.</summary>
    /// <returns>32 octets.</returns>
    public byte[] Finish()
    {
        var th = _hash.GetHashAndReset();
        _hash.Dispose();
        return th;
    }
}
