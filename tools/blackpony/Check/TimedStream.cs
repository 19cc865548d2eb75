using System.Diagnostics;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Tools.Check;

/// <summary>A connection whose round trips are counted: an answer that comes after something was sent.</summary>
internal sealed class TimedStream(Stream inner) : Stream
{
    private const int LongestAnswer = 4096;

    private readonly List<List<byte>> _answers = [[]];
    private bool _hasSent;

    /// <summary>How many round trips there were.</summary>
    public int RoundTrips { get; private set; }

    /// <summary>When each send began that followed an answer, by <see cref="Stopwatch"/>.</summary>
    public List<long> Sent { get; } = [];

    /// <summary>The greeting, and the reply that came after each send; null for what is none.</summary>
    public IEnumerable<Reply?> Replies => _answers.Select(a => new ReplyReader().Read(a.ToArray(), out _));

    /// <summary>The last of them; null if there is none.</summary>
    public Reply? LastReply => Replies.LastOrDefault(r => r is not null);

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        if (_hasSent)
        {
            RoundTrips++;
            _answers.Add([]);
        }

        // No more than a reply is long.
        if (_answers[^1] is var answer && answer.Count < LongestAnswer)
            answer.AddRange(buffer.Span[..count]);

        _hasSent = false;
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_hasSent)
            Sent.Add(Stopwatch.GetTimestamp());

        _hasSent = true;
        return inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();

        base.Dispose(disposing);
    }
}
