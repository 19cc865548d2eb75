using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Capture;

/// <summary>Several captures as one, by the times of their packets.</summary>
internal sealed class MergedCaptures : IDisposable
{
    private readonly Input?[] _inputs;
    private readonly PriorityQueue<int, (long Time, int Index)> _next = new();
    private int? _last;

    /// <summary>Opens what are captures.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="secrets">Takes the secrets that stand in them.</param>
    public MergedCaptures(IReadOnlyList<string> paths, KeyLog secrets)
    {
        _inputs = [.. paths.Select(p => Open(p, secrets))];
        for (int i = 0; i < _inputs.Length; i++)
            Advance(i);
    }

    private sealed class Input(CaptureReader reader, FileReport file)
    {
        private byte[] _data = [];
        private int _length;
        private LinkType _link;

        public CaptureReader Reader => reader;

        public FileReport File => file;

        public long Time { get; private set; }

        public Packet Packet => new(Time, _link, _data.AsSpan(0, _length));

        public bool Read()
        {
            if (!reader.Read(out var packet))
            {
                if (reader.Damage is { } damage)
                    file.Findings.Add(new Finding(FindingKind.Damaged.Level, FindingKind.Damaged.Id, null, damage, reader.Offset));

                return false;
            }

            // The other readers are asked before this packet is used.
            if (_data.Length < packet.Data.Length)
                _data = new byte[packet.Data.Length];

            packet.Data.CopyTo(_data);
            (_length, _link, Time) = (packet.Data.Length, packet.Link, packet.Time);
            return true;
        }
    }

    /// <summary>The files that are read; null for what is no capture.</summary>
    public FileReport?[] Files => [.. _inputs.Select(i => i?.File)];

    /// <summary>The next packet, and of which file it is.</summary>
    public bool Read(out Packet packet, out int index)
    {
        packet = default;
        if (_last is { } last)
            Advance(last);

        if (!_next.TryDequeue(out index, out _))
        {
            _last = null;
            return false;
        }

        _last = index;
        packet = _inputs[index]!.Packet;
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var input in _inputs)
            input?.Reader.Dispose();
    }

    private void Advance(int index)
    {
        if (_inputs[index] is { } input && input.Read())
            _next.Enqueue(index, (input.Time, index));
    }

    private static Input? Open(string path, KeyLog secrets)
    {
        try
        {
            if (path == Inspector.StandardInput || new FileInfo(path).Length == 0)
                return null;

            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            if (CaptureReader.Open(stream) is { } reader)
            {
                reader.Secrets = secrets;
                return new Input(reader, new FileReport(path) { Format = reader.Format });
            }

            stream.Dispose();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }
}
