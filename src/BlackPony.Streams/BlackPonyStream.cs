using System.Buffers;
using System.Security.Authentication;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;

namespace BlackPony.Streams;

/// <summary>
/// An SMTP session that BlackPony encrypts, over any stream: what <see cref="System.Net.Security.SslStream"/> is for TLS.
/// It plays the beginning of the session (greeting, EHLO, XBLACKPONY); what is read and written afterwards is the session inside.
/// </summary>
/// <remarks>
/// One read and one write may be under way at a time. A read at the end returns 0 only if the peer has closed the session properly; else
/// it throws <see cref="IOException"/> ([BP-8.2-1]). Disposing sends the close record that <see cref="ShutdownAsync"/> sends, if it was not
/// sent, and waits for the peer's, at most <see cref="Limits.CloseTimeout"/> ([BP-8.1-1], [BP-8.1-6]).
/// </remarks>
public sealed class BlackPonyStream : Stream
{
    private const int ReadLength = 32768;

    private readonly Stream _inner;
    private readonly StreamSide _side;
    private readonly bool _leaveOpen;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly CancellationTokenSource _reading = new();
    private readonly byte[] _received = new byte[ReadLength];
    private Task<int>? _receiving;
    private TaskCompletionSource _moved = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _hasShutDown;
    private int _disposed;

    private BlackPonyStream(Stream inner, StreamSide side, bool leaveOpen, TimeProvider time) =>
        (_inner, _side, _leaveOpen, _time) = (inner, side, leaveOpen, time);

    /// <summary>Whether the session is in records; false only where the options allow plaintext.</summary>
    public bool IsEncrypted => _side.Report.Encrypted;

    /// <summary>Whether this is the server's side.</summary>
    public bool IsServer => _side is ServerSide;

    /// <summary>The suite that encrypts the session; null in plaintext.</summary>
    public string? NegotiatedSuite => _side.Report.Suite;

    /// <summary>
    /// The IDENT keys that the server proved; none if it sent none, and none on the server's side (spec 6.5). A key that nobody knows
    /// authenticates nobody.
    /// </summary>
    public IReadOnlyList<PeerIdent> RemoteIdents => _side.RemoteIdents;

    /// <summary>What became of the session (spec 11.1).</summary>
    public SessionReport Report => _side.Report;

    /// <inheritdoc/>
    public override bool CanRead => _disposed == 0;

    /// <inheritdoc/>
    public override bool CanWrite => _disposed == 0;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanTimeout => true;

    /// <summary>How long <see cref="Read(byte[], int, int)"/> waits, in milliseconds; infinite by default.</summary>
    public override int ReadTimeout { get; set; } = Timeout.Infinite;

    /// <summary>How long <see cref="Write(byte[], int, int)"/> waits, in milliseconds; infinite by default.</summary>
    public override int WriteTimeout { get; set; } = Timeout.Infinite;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Reads the server's greeting, says EHLO, upgrades, and says EHLO inside.</summary>
    /// <param name="innerStream">A connection of which nothing was read. If the call fails it is left open, and must not be used.</param>
    /// <param name="options">What the client asks for.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The session inside; in plaintext only if <see cref="BlackPonyClientAuthenticationOptions.Policy"/> allows that.</returns>
    /// <exception cref="AuthenticationException">There is no session that the policy allows; the message has the reason of spec
    /// 11.1.</exception>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="ArgumentException">The options contradict one another.</exception>
    public static Task<BlackPonyStream> AuthenticateAsClientAsync(
        Stream innerStream, BlackPonyClientAuthenticationOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(innerStream);
        ArgumentNullException.ThrowIfNull(options);
        return BeginAsync(new BlackPonyStream(innerStream, new ClientSide(options), options.LeaveInnerStreamOpen, options.TimeProvider),
            cancellationToken);
    }

    /// <summary>Greets the client, answers EHLO, and upgrades when it asks for that.</summary>
    /// <param name="innerStream">A connection to which nothing was written. If the call fails it is left open, and must not be
    /// used.</param>
    /// <param name="options">What the server offers.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <returns>The session inside, which begins with the client's EHLO; in plaintext only if
    /// <see cref="BlackPonyServerAuthenticationOptions.AllowPlaintext"/> is set.</returns>
    /// <exception cref="AuthenticationException">The client did not upgrade, or the upgrade failed.</exception>
    /// <exception cref="IOException">The connection failed.</exception>
    /// <exception cref="ArgumentException">The options contradict one another.</exception>
    public static Task<BlackPonyStream> AuthenticateAsServerAsync(
        Stream innerStream, BlackPonyServerAuthenticationOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(innerStream);
        ArgumentNullException.ThrowIfNull(options);
        return BeginAsync(new BlackPonyStream(innerStream, new ServerSide(options), options.LeaveInnerStreamOpen, options.TimeProvider),
            cancellationToken);
    }

    /// <summary>
    /// Closes the session: sends the close record (spec 8.1), on the server's side after a 421 reply if no 221 was written. What the peer
    /// still sends is thrown away; a read returns 0 when it has closed too.
    /// </summary>
    /// <param name="cancellationToken">Cancels the call.</param>
    public async Task ShutdownAsync(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        EndApplication();
        await SendAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
#pragma warning disable RS0027 // As Stream has them.
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            lock (_lock)
            {
                ObjectDisposedException.ThrowIf(_disposed != 0, this);
                if (_side.ToApplication.Length > 0)
                {
                    int count = Math.Min(buffer.Length, _side.ToApplication.Length);
                    _side.ToApplication.Span[..count].CopyTo(buffer.Span);
                    _side.ToApplication.Consume(count);
                    return count;
                }

                if (_side.IsTruncated && !_hasShutDown)
                    throw new IOException($"The session ended without a close ({_side.Report.Closed}).");

                if (_side.HasEnded)
                    return 0;
            }

            await ReceiveAsync(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);

            // A close or an alert that answers what came.
            await SendIfFreeAsync(_reading.Token).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
#pragma warning restore RS0027
    {
        for (; !buffer.IsEmpty; buffer = buffer[Math.Min(buffer.Length, ReadLength)..])
        {
            await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                lock (_lock)
                {
                    ObjectDisposedException.ThrowIf(_disposed != 0, this);
                    if (_hasShutDown)
                        throw new InvalidOperationException("The session was shut down.");

                    if (_side.IsOver)
                        throw new IOException($"The session has ended ({_side.Report.Closed}).");

                    _side.FromApplication(buffer.Span[..Math.Min(buffer.Length, ReadLength)]);
                    Move();
                }

                await SendUnlockedAsync(cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                _sending.Release();
            }

            // What a read had to send meanwhile.
            await SendIfFreeAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => _inner.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        int read = 0;
        WaitFor(async t => read = await ReadAsync(buffer.AsMemory(offset, count), t).ConfigureAwait(false), ReadTimeout);
        return read;
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) =>
        WaitFor(t => WriteAsync(buffer.AsMemory(offset, count), t).AsTask(), WriteTimeout);

    /// <inheritdoc/>
    public override void Flush() => _inner.Flush();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;

        using var limit = new CancellationTokenSource(Limits.CloseTimeout, _time);
        try
        {
            EndApplication();
            await SendAsync(limit.Token).ConfigureAwait(false);
            while (!HasEnded())
                await ReceiveAsync(Timeout.InfiniteTimeSpan, limit.Token).ConfigureAwait(false);

            // The peer closed first, or at the same time.
            await SendAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // The peer is gone, or does not close in time: there is nobody to tell.
        }

        await LeaveAsync().ConfigureAwait(false);
        if (!_leaveOpen)
            await _inner.DisposeAsync().ConfigureAwait(false);

        await base.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            DisposeAsync().AsTask().GetAwaiter().GetResult();

        base.Dispose(disposing);
    }

    private static async Task<BlackPonyStream> BeginAsync(BlackPonyStream stream, CancellationToken cancel)
    {
        var progress = new ProgressTimeout(stream._time);
        try
        {
            while (true)
            {
                stream._side.Advance();
                await stream.SendAsync(cancel).ConfigureAwait(false);
                if (stream._side.Failure is { } failure)
                    throw new AuthenticationException($"There is no session with BlackPony: {failure}.");

                if (stream._side.IsReady)
                    return stream;

                var session = stream._side.Session;
                await stream.ReceiveAsync(progress.Left(session.Progress, session.PeerTimeout), cancel).ConfigureAwait(false);
            }
        }
        catch
        {
            await stream.LeaveAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static void WaitFor(Func<CancellationToken, Task> task, int timeout)
    {
        using var limit = new CancellationTokenSource(timeout);
        try
        {
            task(limit.Token).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested)
        {
            throw new IOException("The time-out of the stream is over.", e);
        }
    }

    // Waits for the wire, or until the other direction has moved what this one waits for.
    private async Task ReceiveAsync(TimeSpan limit, CancellationToken cancel)
    {
        Task<int>? receiving;
        Task moved;
        lock (_lock)
        {
            receiving = _receiving ??= _side.WantsWire ? ReadInnerAsync() : null;
            moved = _moved.Task;
        }

        try
        {
            await (receiving is null ? moved : Task.WhenAny(receiving, moved)).WaitAsync(limit, _time, cancel).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _side.Session.TimedOut();
            return;
        }

        if (receiving is not { IsCompleted: true })
            return;

        lock (_lock)
        {
            // Not twice, where somebody disposes while a read is under way.
            if (_receiving != receiving)
                return;

            _receiving = null;
            int count = receiving.IsCompletedSuccessfully ? receiving.Result : 0;
            if (count > 0)
                _side.FromWire(_received.AsSpan(0, count));
            else
                _side.WireEnded();
        }

        await receiving.ConfigureAwait(false);
    }

    // It goes on where the read that began it is cancelled: nothing that comes is lost.
    private async Task<int> ReadInnerAsync() => await _inner.ReadAsync(_received, _reading.Token).ConfigureAwait(false);

    private async Task SendAsync(CancellationToken cancel)
    {
        await _sending.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            await SendUnlockedAsync(cancel).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    // A read does not wait for a write that is under way: the peer may take that write only when this side has read on.
    private async Task SendIfFreeAsync(CancellationToken cancel)
    {
        while (HasToSend() && await _sending.WaitAsync(TimeSpan.Zero, cancel).ConfigureAwait(false))
        {
            try
            {
                await SendUnlockedAsync(cancel).ConfigureAwait(false);
            }
            finally
            {
                _sending.Release();
            }
        }
    }

    private bool HasToSend()
    {
        lock (_lock)
        {
            return _side.ToWire.WrittenCount > 0;
        }
    }

    private async Task SendUnlockedAsync(CancellationToken cancel)
    {
        byte[] octets;
        int count;
        lock (_lock)
        {
            count = _side.ToWire.WrittenCount;
            if (count == 0)
                return;

            octets = ArrayPool<byte>.Shared.Rent(count);
            _side.ToWire.WrittenSpan.CopyTo(octets);
            _side.ToWire.ResetWrittenCount();
        }

        try
        {
            await _inner.WriteAsync(octets.AsMemory(0, count), cancel).ConfigureAwait(false);
            await _inner.FlushAsync(cancel).ConfigureAwait(false);
        }
        catch
        {
            // Half a record may be out: nothing can follow it.
            lock (_lock)
            {
                _side.WireEnded();
            }

            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(octets);
        }
    }

    private bool HasEnded()
    {
        lock (_lock)
        {
            return _side.HasEnded;
        }
    }

    private void EndApplication()
    {
        lock (_lock)
        {
            if (!_hasShutDown)
                _side.ApplicationEnded();

            _hasShutDown = true;
            Move();
        }
    }

    private void Move()
    {
        _moved.TrySetResult();
        _moved = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    // Ends a read that is under way below, so that none is left behind on a stream that stays open; one that cannot be ended is not
    // waited for.
    private async Task LeaveAsync()
    {
        await _reading.CancelAsync().ConfigureAwait(false);
        if (_receiving is { } receiving)
            await ((Task)receiving).WaitAsync(Limits.LingerTimeout, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        lock (_lock)
        {
            _side.Dispose();
            Move();
        }
    }
}
