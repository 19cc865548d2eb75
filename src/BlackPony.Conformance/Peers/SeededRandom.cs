using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference;

namespace BlackPony.Conformance.Peers;

/// <summary>Random octets that a seed and a name decide: SHA-256 in counter mode. For tests only ([BP-B-2]).</summary>
public sealed class SeededRandom : IRandomSource
{
    private readonly byte[] _seed;
    private readonly Lock _lock = new();
    private byte[] _block = [];
    private int _used;
    private uint _counter;

    /// <summary>Makes a source.</summary>
    public SeededRandom(string seed, string name) => _seed = SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}/{name}"));

    /// <inheritdoc/>
    public void Fill(Span<byte> octets)
    {
        lock (_lock)
        {
            foreach (ref byte octet in octets)
            {
                if (_used == _block.Length)
                {
                    var input = new byte[36];
                    _seed.CopyTo(input, 0);
                    BinaryPrimitives.WriteUInt32BigEndian(input.AsSpan(32), _counter++);
                    (_block, _used) = (SHA256.HashData(input), 0);
                }

                octet = _block[_used++];
            }
        }
    }
}
