using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Conformance.Peers;

/// <summary>A TCP connection as a case sees it: lines and replies, each sent as the case likes and each written down.</summary>
public abstract class LineConnection : IAsyncDisposable
{
    private const string Opened = "the connection";
    private const int MostAtOnce = 65536;
    private const int Shown = 60;

    private protected readonly Socket _socket;
    private protected readonly CaseTimeout _patience;
    private protected readonly Transcript _transcript;
    private protected readonly char _me;
    private protected readonly char _peer;
    private protected readonly OctetBuffer _waiting = new();
    private protected string _sent = Opened;
    private protected long _sentAt;
    private byte[] _octets = GC.AllocateUninitializedArray<byte>(4096);
    private readonly Func<string> _came;
    private string? _expected;
    private bool _hasEnded;
    private ReplyReader _replies = new();

    /// <summary>Makes one.</summary>
    /// <param name="socket">The connection, which this owns.</param>
    /// <param name="me">The suite's role.</param>
    /// <param name="transcript">Where the dialogue is written down.</param>
    /// <param name="patience">The case's patience.</param>
    private protected LineConnection(Socket socket, Role me, Transcript transcript, CaseTimeout patience)
    {
        (_socket, _transcript, _patience) = (socket, transcript, patience);
        (_me, _peer) = me == Role.Client ? ('C', 'S') : ('S', 'C');
        _came = () => _waiting.Length > 0 ? Expect.Show(_waiting.Span, Shown) : "";
        socket.NoDelay = true;
    }

    /// <summary>The lines that came in plaintext.</summary>
    public List<string> Plaintext { get; } = [];

    /// <summary>Whether something came that was not received yet.</summary>
    public bool HasMore => _waiting.Length > 0 || _socket.Available > 0;

    /// <summary>
    /// Whether the peer ended the connection with a reset (RST), which throws away what is under way, instead of FIN (spec 2.1, 8.1).
    /// </summary>
    public bool WasReset { get; private set; }

    /// <summary>Whether what goes is text, to be written down as such.</summary>
    private protected virtual bool IsText => true;

    /// <summary>Sends octets as they are.</summary>
    public virtual async Task SendAsync(ReadOnlyMemory<byte> octets)
    {
        if (IsText)
            _transcript.Plain(_me, octets.Span);

        _sent = Expect.Show(octets.Span, Shown);
        await WriteAsync(octets);
    }

    /// <summary>Sends text in Latin-1 as it is.</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>Sends a line in Latin-1, with CRLF.</summary>
    public Task SendLineAsync(string line) => SendAsync(line + "\r\n");

    /// <summary>Receives a plaintext line without its CRLF; null at the end of the connection.</summary>
    public async Task<string?> LineAsync()
    {
        while (true)
        {
            int end = _waiting.Span.IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = Encoding.Latin1.GetString(_waiting.Span[..end]);
                WriteDown(line, _waiting.Span[..(end + 2)]);
                _waiting.Consume(end + 2);
                return line;
            }

            Expect.That(_waiting.Length < 1 << 20, "More than a megabyte came without the end of a line.");
            if (!await FillAsync("a line"))
                return null;
        }
    }

    /// <summary>Receives exactly so many octets; fewer at the end of the connection.</summary>
    public async Task<byte[]> OctetsAsync(int count)
    {
        while (_waiting.Length < count && await FillAsync("octets"))
        {
        }

        count = Math.Min(count, _waiting.Length);
        var octets = _waiting.Span[..count].ToArray();
        _transcript.Raw(_peer, octets);
        _waiting.Consume(count);
        return octets;
    }

    /// <summary>Receives what comes next, whatever it is; nothing at the end of the connection.</summary>
    public async Task<byte[]> SomeAsync()
    {
        if (_waiting.Length == 0)
            await FillAsync("the end of the connection");

        return await OctetsAsync(_waiting.Length);
    }

    /// <summary>Receives a plaintext reply.</summary>
    /// <param name="ended">The requirement that the end of the connection violates, if it is not the case's first.</param>
    public async Task<Reply> ReplyAsync(string? ended = null)
    {
        while (true)
        {
            var line = await Expecting("an SMTP reply", LineAsync)
                ?? throw new CaseFailedException(
                    $"After {_sent}: expected an SMTP reply, but the connection ended"
                        + $"{(_waiting.Length > 0 ? $" after {Expect.Show(_waiting.Span)}" : "")}.", ended);
            var reply = _replies.Read(Encoding.Latin1.GetBytes(line + "\r\n"), out _);
            if (_replies.IsMalformed)
            {
                _replies = new ReplyReader();
                throw new CaseFailedException($"After {_sent}: expected an SMTP reply, got {Expect.Show(line)}.");
            }

            if (reply is not null)
                return reply;
        }
    }

    /// <summary>Sends a line and receives the reply, which must have the code.</summary>
    public async Task<Reply> CommandAsync(string line, int code, string? requirement = null)
    {
        await SendLineAsync(line);
        return Check(await ReplyAsync(), code, requirement);
    }

    /// <summary>Receives a plaintext reply, which must have the code.</summary>
    public async Task<Reply> ExpectAsync(int code, string? requirement = null) => Check(await ReplyAsync(), code, requirement);

    /// <summary>The connection must end now, and nothing may come before it.</summary>
    public async Task ExpectClosedAsync(string finding, string? requirement = null)
    {
        if (_waiting.Length > 0 || await FillAsync("the end of the connection"))
            throw new CaseFailedException($"{finding} After {_sent} came {Expect.Show(_waiting.Span)}.", requirement);

        ExpectNoReset(requirement);
    }

    /// <summary>The end of the connection that has come must be a FIN.</summary>
    public void ExpectNoReset(string? requirement = null) =>
        Expect.That(
            !WasReset, $"After {_sent}: the connection ended with a reset (RST) instead of FIN, which discards octets in transit.",
            requirement);

    /// <summary>Throws away what comes, to the end of the connection; lines in plaintext are kept in <see cref="Plaintext"/>.</summary>
    /// <returns>How many octets it was.</returns>
    public async Task<long> DrainAsync()
    {
        long count = 0;
        while (IsText && await LineAsync() is { } line)
            count += line.Length + 2;

        count += _waiting.Length;
        while (await FillAsync("the end of the connection"))
        {
            count += _waiting.Length;
            _waiting.Clear();
        }

        return count;
    }

    /// <summary>Ends this direction, if it has not ended.</summary>
    public void EndDirection()
    {
        if (_hasEnded)
            return;

        _hasEnded = true;
        _transcript.End(_me);
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // The peer was faster.
        }
    }

    /// <summary>Ends the connection with a reset.</summary>
    public void Reset()
    {
        _hasEnded = true;
        _socket.LingerState = new LingerOption(true, 0);
        _socket.Close();
    }

    /// <summary>The connection must end without another octet.</summary>
    /// <param name="finding">What is wrong if something comes.</param>
    /// <param name="requirement">The requirement that this violates.</param>
    /// <param name="reset">The requirement that an end by reset violates, if it is another.</param>
    public async Task ExpectNothingAsync(string finding, string? requirement = null, string? reset = null)
    {
        if (_waiting.Length > 0 || await FillAsync("the end of the connection"))
            throw new CaseFailedException($"After {_sent}: {finding}", requirement);

        ExpectNoReset(reset ?? requirement);
    }

    /// <inheritdoc/>
    public virtual ValueTask DisposeAsync()
    {
        if (_waiting.Length > 0)
            _transcript.Raw(_peer, _waiting.Span);

        _socket.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private protected Reply Check(Reply reply, int code, string? requirement) => reply.Code == code
        ? reply
        : throw new CaseFailedException(
            $"{(_sent == Opened ? "After" : "Sent")} {_sent}, expected {code}, got {Expect.Show(reply.Lines[^1])}.", requirement);

    private protected virtual async Task WriteAsync(ReadOnlyMemory<byte> octets)
    {
        for (; !octets.IsEmpty;)
        {
            // What the suite did before this took no time of the target's.
            _patience.Renew();
            _sentAt = Stopwatch.GetTimestamp();
            octets = octets[await _socket.SendAsync(octets, _patience.Token)..];
        }
    }

    // Says what a case waits for, where a line or a record is not the whole of it.
    private protected async Task<T> Expecting<T>(string what, Func<Task<T>> receive)
    {
        var before = _expected;
        _expected ??= what;
        try
        {
            return await receive();
        }
        finally
        {
            _expected = before;
        }
    }

    // Writes down a line that came.
    private protected virtual void WriteDown(string line, ReadOnlySpan<byte> octets)
    {
        _transcript.Plain(_peer, octets);
        Plaintext.Add(line);
    }

    // Takes octets off the wire.
    private protected virtual void Take(ReadOnlySpan<byte> octets) => _waiting.Append(octets);

    private protected virtual async Task<bool> FillAsync(string expected)
    {
        _patience.WaitsFor($"after {_sent}, {_expected ?? expected}", _came);
        try
        {
            int count = await _socket.ReceiveAsync(_octets.AsMemory(), _patience.Token);
            _patience.Renew();
            Take(_octets.AsSpan(0, count));
            if (count == 0)
                _transcript.End(_peer);

            // Most connections carry little.
            if (count == _octets.Length && count < MostAtOnce)
                _octets = GC.AllocateUninitializedArray<byte>(MostAtOnce);

            return count > 0;
        }
        catch (SocketException e)
        {
            WasReset |= e.SocketErrorCode == SocketError.ConnectionReset;
            _transcript.End(_peer);
            return false;
        }
    }
}
