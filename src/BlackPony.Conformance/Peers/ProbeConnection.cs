using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <summary>A record that came.</summary>
/// <param name="Type">The type.</param>
/// <param name="Data">The data.</param>
/// <param name="Inner">The length of its <em>inner</em> in octets, padding included.</param>
internal sealed record Incoming(RecordType Type, byte[] Data, int Inner);

/// <summary>
/// A TCP connection as a case sees it: lines, replies and, after the switch, records, each sent as the case likes and each written down.
/// </summary>
public sealed partial class ProbeConnection : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly CaseTimeout _patience;
    private readonly Transcript _transcript;
    private readonly char _me;
    private readonly char _peer;
    private readonly byte[] _octets = new byte[65536];
    private readonly OctetBuffer _waiting = new();
    private readonly OctetBuffer _inside = new();
    private string _sent = "the connection";
    private string? _expected;
    private bool _hasEnded;
    private long _sentAt;
    private Diagnosis? _diagnosis;
    private KeySchedule? _keys;
    private Suite? _suite;
    private Direction? _out;
    private Direction? _in;
    private ReplyReader _replies = new();

    /// <summary>Makes a wire.</summary>
    /// <param name="socket">The connection, which the wire owns.</param>
    /// <param name="me">Who the suite is here.</param>
    /// <param name="transcript">Where the dialogue is written down.</param>
    /// <param name="patience">The case's patience.</param>
    public ProbeConnection(Socket socket, Role me, Transcript transcript, CaseTimeout patience)
    {
        (_socket, _transcript, _patience) = (socket, transcript, patience);
        (_me, _peer) = me == Role.Client ? ('C', 'S') : ('S', 'C');
        PlaintextViolates = _ => me == Role.Client ? "BP-4.6-3" : "BP-4.6-4";
        socket.NoDelay = true;
    }

    /// <summary>The session's secrets, after the switch to records.</summary>
    internal KeySchedule Keys => _keys!;

    /// <summary>The lines that came in plaintext.</summary>
    public List<string> Plaintext { get; } = [];

    /// <summary>The records that came.</summary>
    internal List<Incoming> Records { get; } = [];

    /// <summary>The last record that came, as it was on the wire.</summary>
    public byte[] LastRecord { get; private set; } = [];

    /// <summary>Whether something came that was not received yet.</summary>
    public bool HasMore => _waiting.Length > 0 || _socket.Available > 0;

    /// <summary>Whether the connection switched to records.</summary>
    public bool Switched => _in is not null;

    /// <summary>The requirement that plaintext instead of records violates.</summary>
    public Func<string, string> PlaintextViolates { get; set; }

    /// <summary>Whether a record that does not verify is worth some time, to find out which two mistakes it was made with.</summary>
    internal bool IsThorough { get; init; }

    /// <summary>
    /// Whether the peer ended the connection with a reset (RST), which throws away what is under way, instead of FIN (spec 2.1, 8.1).
    /// </summary>
    public bool WasReset { get; private set; }

    /// <summary>Sends octets as they are.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> octets)
    {
        if (_out is null)
            _transcript.Plain(_me, octets.Span);

        _sent = Expect.Show(octets.Span, 60);
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
                _transcript.Plain(_peer, _waiting.Span[..(end + 2)]);
                _waiting.Consume(end + 2);
                Plaintext.Add(line);
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

    /// <summary>Sends a line that must be refused with this code.</summary>
    /// <param name="line">The line.</param>
    /// <param name="code">The code.</param>
    /// <param name="taken">The requirement that a server violates which does not refuse; null for the case's first.</param>
    /// <param name="another">The requirement that another refusal violates.</param>
    public async Task RefusedAsync(string line, int code, string? taken, string? another)
    {
        await SendLineAsync(line);
        var reply = await ReplyAsync("BP-4.4-2");
        Check(reply, code, reply.Code >= 400 ? another : taken);
    }

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

    /// <summary>
    /// The peer has ended its direction, because of what was sent last: it still reads and throws away what comes (spec 8.1). One that has
    /// closed for good answers with a reset, which may throw away what it sent last.
    /// </summary>
    /// <param name="requirement">The requirement that it violates.</param>
    public async Task ExpectLingersAsync(string? requirement = null)
    {
        const int Octets = 5, Microseconds = 10_000;
        long since = _sentAt;
        bool isReset = false;
        for (int i = 0; i < Octets && !isReset; i++)
        {
            try
            {
                await _socket.SendAsync(new byte[1], _patience.Token);
                isReset = _socket.Poll(Microseconds, SelectMode.SelectError);
            }
            catch (SocketException)
            {
                isReset = true;
            }
        }

        // Later it may have closed for good, or have been told of this side's end.
        Expect.That(!isReset || Stopwatch.GetElapsedTime(since) >= Limits.LingerTimeout,
            $"After {_sent}: the peer ended the connection, and answers what comes then with a reset (RST), which discards octets in "
                + "transit.", requirement);
    }

    /// <summary>Throws away what comes, to the end of the connection; lines in plaintext are kept in <see cref="Plaintext"/>.</summary>
    /// <returns>How many octets it was.</returns>
    public async Task<long> DrainAsync()
    {
        long count = 0;
        while (!Switched && await LineAsync() is { } line)
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

    /// <summary>The connection must end without another record.</summary>
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
    public ValueTask DisposeAsync()
    {
        if (_waiting.Length > 0)
            _transcript.Raw(_peer, _waiting.Span);

        _keys?.Dispose();
        _in?.Dispose();
        _out?.Dispose();
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Name(Incoming? record) => record is null
        ? "the end of the connection"
        : record.Type == RecordType.Data
            ? $"data {Expect.Show(record.Data, 60)}"
            : $"a record {record.Type} with {record.Data.Length} octets";

    private Reply Check(Reply reply, int code, string? requirement) => reply.Code == code
        ? reply
        : throw new CaseFailedException($"Sent {_sent}, expected {code}, got {Expect.Show(reply.Lines[^1])}.", requirement);

    private async Task WriteAsync(ReadOnlyMemory<byte> octets)
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
    private async Task<T> Expecting<T>(string what, Func<Task<T>> receive)
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

    private async Task<bool> FillAsync(string expected)
    {
        _patience.WaitsFor($"after {_sent}, {_expected ?? expected}");
        try
        {
            int count = await _socket.ReceiveAsync(_octets.AsMemory(), _patience.Token);
            _patience.Renew();
            _waiting.Append(_octets.AsSpan(0, count));
            if (count == 0)
                _transcript.End(_peer);

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
