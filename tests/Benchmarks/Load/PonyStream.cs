using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Load;

/// <summary>An upgraded connection as a stream, as SslStream is one.</summary>
internal sealed class PonyStream(Stream inner) : Stream
{
    private static readonly RsaKeys RsaKeys = new(TimeProvider.System);
    private static readonly SystemRandom Random = new();

    private readonly byte[] _octets = new byte[32768];
    private readonly ArrayBufferWriter<byte> _data = new();
    private readonly ArrayBufferWriter<byte> _out = new();
    private SecureChannel? _channel;
    private int _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The client's upgrade: from the command to its Finished, which travels with what is written first,.</summary>
    public async Task AuthenticateAsClientAsync(Offer offer, Suite suite)
    {
        using var upgrade = new ClientUpgrade(offer, suite, 0, Random, RsaKeys, null);
        await inner.WriteAsync(upgrade.Command);
        var replies = new ReplyReader();
        int have = 0;
        while (true)
        {
            int count = await inner.ReadAsync(_octets.AsMemory(have));
            have += count > 0 ? count : throw new IOException("The server closed.");
            var reply = replies.Read(_octets.AsSpan(0, have), out int consumed);
            _octets.AsSpan(consumed, have - consumed).CopyTo(_octets);
            have -= consumed;
            if (reply is not null)
            {
                _channel = upgrade.OnReply(reply).Channel ?? throw new IOException($"The server refused with {reply.Code}.");
                break;
            }
        }

        _channel.Receive(_octets.AsSpan(0, have), _data, _out);
        while (!_channel.IsEstablished)
        {
            await ReceiveAsync();
        }
    }

    /// <summary>The server's upgrade: from the command to the client's verified Finished.</summary>
    public async Task AuthenticateAsServerAsync(ServerUpgrade upgrade)
    {
        int have = 0;
        int end;
        while ((end = _octets.AsSpan(0, have).IndexOf("\r\n"u8)) < 0)
        {
            int count = await inner.ReadAsync(_octets.AsMemory(have));
            have += count > 0 ? count : throw new IOException("The client closed.");
        }

        var step = upgrade.Examine(_octets.AsSpan(0, end), inside: false, afterEhlo: true, inTransaction: false);
        step = step.Kind == ServerStepKind.Accepted ? upgrade.Exchange() : step;
        _out.Write(step.Reply);
        _channel = step.Channel ?? throw new IOException("The upgrade failed.");
        _channel.Start(_out);
        while (!_channel.IsEstablished)
        {
            await FlushAsync(default);
            await ReceiveAsync();
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_read == _data.WrittenCount)
        {
            _data.ResetWrittenCount();
            _read = 0;
            if (_channel!.State != ChannelState.Open)
            {
                return 0;
            }

            await ReceiveAsync();
        }

        int count = Math.Min(buffer.Length, _data.WrittenCount - _read);
        _data.WrittenMemory.Slice(_read, count).CopyTo(buffer);
        _read += count;
        return count;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        // A few records at a time, as one write.
        for (; !buffer.IsEmpty; buffer = buffer[Math.Min(buffer.Length, 4 * Limits.MaxData)..])
        {
            _channel!.Send(buffer.Span[..Math.Min(buffer.Length, 4 * Limits.MaxData)], _out);
            await FlushAsync(cancellationToken);
        }
    }

    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_out.WrittenCount > 0)
        {
            await inner.WriteAsync(_out.WrittenMemory, cancellationToken);
            _out.ResetWrittenCount();
        }
    }

    /// <summary>Sends close and waits for the peer's.</summary>
    public async Task ShutdownAsync()
    {
        _channel!.Close(_out);
        await FlushAsync(default);
        while (_channel.State == ChannelState.Closing)
        {
            await ReceiveAsync();
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _channel?.Dispose();
        inner.Dispose();
        base.Dispose(disposing);
    }

    private async Task ReceiveAsync()
    {
        int count = await inner.ReadAsync(_octets);
        if (count == 0)
        {
            _channel!.ConnectionEnded();
            throw new IOException("The connection ended before the peer's close.");
        }

        _channel!.Receive(_octets.AsSpan(0, count), _data, _out);
        if (_channel.State is ChannelState.Failed or ChannelState.Alerted)
        {
            throw new IOException("A record failed.");
        }
    }
}
