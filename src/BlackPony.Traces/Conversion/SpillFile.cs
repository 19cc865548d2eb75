using System.Buffers;

namespace BlackPony.Traces.Conversion;

/// <summary>Holds what is written of many sessions at a time until each is over: a little in memory, the rest in one file that goes with
/// the process.</summary>
internal sealed class SpillFile : IDisposable
{
    // Doubled, it is still no large object.
    private const int MaxBuffer = 24576;
    private const int MaxBuffered = 8 << 20;
    private const int FewOctets = 1024;

    private FileStream? _file;
    private long _end;
    private long _buffered;

    public Buffer Begin() => new(this);

    public void Dispose() => _file?.Dispose();

    private long Write(ReadOnlySpan<byte> octets)
    {
        _file ??= new FileStream(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0,
            FileOptions.DeleteOnClose);
        long at = _end;
        RandomAccess.Write(_file.SafeFileHandle, octets, at);
        _end += octets.Length;
        return at;
    }

    /// <summary>What is written of a session.</summary>
    internal sealed class Buffer(SpillFile spill)
    {
        private readonly List<(long At, int Length)> _blocks = [];
        private ArrayBufferWriter<byte> _octets = new(256);

        public IBufferWriter<byte> Writer => _octets;

        /// <summary>To be called after each item.</summary>
        public void Check(int before)
        {
            spill._buffered += _octets.WrittenCount - before;
            if (_octets.WrittenCount > MaxBuffer || (spill._buffered > MaxBuffered && _octets.WrittenCount > FewOctets))
            {
                _blocks.Add((spill.Write(_octets.WrittenSpan), _octets.WrittenCount));
                bool many = spill._buffered > MaxBuffered;
                spill._buffered -= _octets.WrittenCount;
                if (many || _octets.Capacity > 3 * MaxBuffer)
                    _octets = new ArrayBufferWriter<byte>(256);
                else
                    _octets.ResetWrittenCount();
            }
        }

        /// <summary>Nothing more is written: what waits to be copied takes no more room than it needs.</summary>
        public void Seal()
        {
            if (_octets.WrittenCount > FewOctets)
            {
                _blocks.Add((spill.Write(_octets.WrittenSpan), _octets.WrittenCount));
                spill._buffered -= _octets.WrittenCount;
                _octets = new ArrayBufferWriter<byte>(1);
            }
        }

        public int Written => _octets.WrittenCount;

        /// <summary>Copies all of it, and forgets it.</summary>
        public void CopyTo(Stream output)
        {
            var piece = _blocks.Count > 0 ? ArrayPool<byte>.Shared.Rent(1 << 20) : [];
            foreach (var (at, length) in _blocks)
            {
                for (int done = 0; done < length;)
                {
                    int read = RandomAccess.Read(spill._file!.SafeFileHandle, piece.AsSpan(0, Math.Min(piece.Length, length - done)),
                        at + done);
                    output.Write(piece.AsSpan(0, read));
                    done += read > 0 ? read : length;
                }
            }

            if (piece.Length > 0)
                ArrayPool<byte>.Shared.Return(piece);

            output.Write(_octets.WrittenSpan);
            spill._buffered -= _octets.WrittenCount;
            _blocks.Clear();
            _octets = new ArrayBufferWriter<byte>(1);
        }
    }
}
