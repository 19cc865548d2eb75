using System.Buffers;
using System.Runtime.InteropServices;
using BlackPony.Reference;

namespace BlackPony.Tests.Reference;

/// <summary>What a user of the library sees of the buffer that sessions write to.</summary>
public class PooledBufferTests
{
    private readonly PooledBuffer _buffer = new();

    [Fact]
    public void Octets_come_out_in_order_however_many_there_are()
    {
        var all = new byte[100_000];
        new Random(1).NextBytes(all);
        for (int i = 0; i < all.Length;)
        {
            // By turns as a span and as memory, and sometimes less than was asked for.
            int count = Math.Min(i % 300, all.Length - i - 1) + 1;
            all.AsSpan(i, count).CopyTo(i % 2 == 0 ? _buffer.GetSpan(count) : _buffer.GetMemory(count + 50).Span);
            _buffer.Advance(count);
            i += count;
            Assert.Equal(i, _buffer.WrittenCount);
        }

        Assert.True(_buffer.WrittenSpan.SequenceEqual(all));
        Assert.True(_buffer.WrittenMemory.Span.SequenceEqual(all));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(5000)]
    public void There_is_always_as_much_room_as_was_asked_for_and_never_none(int hint)
    {
        for (int i = 0; i < 40; i++)
        {
            Assert.True(_buffer.GetSpan(hint).Length >= Math.Max(hint, 1));
            Assert.True(_buffer.GetMemory(hint).Length >= Math.Max(hint, 1));
            _buffer.Advance(1);
        }
    }

    [Fact]
    public void No_more_can_be_written_than_there_was_room_for()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _buffer.Advance(1));
        _buffer.Advance(0);
        int room = _buffer.GetSpan(10).Length;
        Assert.Throws<ArgumentOutOfRangeException>(() => _buffer.Advance(room + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => _buffer.Advance(-1));
        _buffer.Advance(room - 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => _buffer.Advance(2));
        _buffer.Advance(1);
        Assert.Equal(room, _buffer.WrittenCount);
        Assert.Throws<OverflowException>(() => _buffer.GetSpan(int.MaxValue));
    }

    [Fact]
    public void Its_memory_is_used_to_the_last_octet_before_it_grows()
    {
        var first = Memory(_buffer.GetMemory(16));
        _buffer.Advance(first.Length - 1);
        Assert.Same(first, Memory(_buffer.GetMemory(1)));
        _buffer.Advance(1);
        Assert.NotSame(first, Memory(_buffer.GetMemory(1)));
        Assert.Equal(first.Length, _buffer.WrittenCount);
    }

    [Fact]
    public void What_is_removed_is_the_beginning()
    {
        _buffer.Write("abcdef"u8);
        _buffer.Remove(0);
        _buffer.Remove(2);
        Assert.Equal("cdef"u8, _buffer.WrittenSpan);
        _buffer.Write("gh"u8);
        Assert.Equal("cdefgh"u8, _buffer.WrittenSpan);
        Assert.ThrowsAny<ArgumentException>(() => _buffer.Remove(7));
        _buffer.Remove(6);
        Assert.Equal(0, _buffer.WrittenCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void While_no_octets_wait_it_holds_no_memory(bool removes)
    {
        _buffer.Write("abc"u8);
        var held = Memory(_buffer.WrittenMemory);
        if (removes)
        {
            _buffer.Remove(3);
        }
        else
        {
            _buffer.ResetWrittenCount();
        }

        Assert.Equal(0, _buffer.WrittenCount);
        Assert.True(_buffer.WrittenSpan.IsEmpty);
        Assert.Throws<ArgumentOutOfRangeException>(() => _buffer.Advance(1));

        // The pool has it again: whoever asks next on this thread gets it.
        var next = ArrayPool<byte>.Shared.Rent(held.Length);
        ArrayPool<byte>.Shared.Return(next);
        Assert.Same(held, next);
    }

    [Fact]
    public void When_it_grows_the_pool_has_the_smaller_memory_again()
    {
        _buffer.Write("abc"u8);
        var held = Memory(_buffer.WrittenMemory);
        _buffer.Write(new byte[held.Length]);
        var next = ArrayPool<byte>.Shared.Rent(held.Length);
        ArrayPool<byte>.Shared.Return(next);
        Assert.Same(held, next);
        Assert.NotSame(held, Memory(_buffer.WrittenMemory));
    }

    private static byte[] Memory(ReadOnlyMemory<byte> memory)
    {
        Assert.True(MemoryMarshal.TryGetArray(memory, out var segment));
        return segment.Array!;
    }
}
