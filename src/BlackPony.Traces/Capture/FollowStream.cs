namespace BlackPony.Traces.Capture;

/// <summary>A file to which another program still writes: at its end it waits for more, until it is stopped.</summary>
internal sealed class FollowStream(Stream file, CancellationToken stop) : Stream
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        while (true)
        {
            int count = file.Read(buffer);
            if (count > 0 || stop.IsCancellationRequested)
                return count;

            stop.WaitHandle.WaitOne(Pause);
        }
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            file.Dispose();

        base.Dispose(disposing);
    }
}
