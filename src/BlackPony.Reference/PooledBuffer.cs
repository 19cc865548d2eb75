using System.Buffers;

namespace BlackPony.Reference;

/// <summary>
/// Octets that wait, in memory from a pool: while none wait, it holds none.
/// Its members are named as those of <see cref="ArrayBufferWriter{T}"/>.
/// </summary>
public sealed class PooledBuffer : IBufferWriter<byte>
{
    private byte[] _octets = [];

    /// <summary>How many octets wait.</summary>
    public int WrittenCount { get; private set; }

    /// <summary>The octets that wait; valid until more are written or removed.</summary>
    public ReadOnlySpan<byte> WrittenSpan => _octets.AsSpan(0, WrittenCount);

    /// <summary>The octets that wait; valid until more are written or removed.</summary>
    public ReadOnlyMemory<byte> WrittenMemory => _octets.AsMemory(0, WrittenCount);

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _octets.Length - WrittenCount);
        WrittenCount += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _octets.AsMemory(WrittenCount);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _octets.AsSpan(WrittenCount);
    }

    /// <summary>Drops octets from the beginning.</summary>
    /// <param name="count">At most <see cref="WrittenCount"/>.</param>
    public void Remove(int count)
    {
        if (count == WrittenCount)
        {
            ResetWrittenCount();
        }
        else
        {
            WrittenSpan[count..].CopyTo(_octets);
            WrittenCount -= count;
        }
    }

    /// <summary>Drops all octets and gives the memory back.</summary>
    public void ResetWrittenCount()
    {
        WrittenCount = 0;
        Give(_octets);
        _octets = [];
    }

    private static void Give(byte[] octets)
    {
        if (octets.Length > 0)
            ArrayPool<byte>.Shared.Return(octets);
    }

    private void Ensure(int room)
    {
        int need = checked(WrittenCount + Math.Max(room, 1));
        if (need > _octets.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(need, 2 * _octets.Length));
            WrittenSpan.CopyTo(larger);
            Give(_octets);
            _octets = larger;
        }
    }
}
