using System.Buffers.Binary;
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
/// <param name="Raw">The record as it was on the wire.</param>
internal sealed record Incoming(RecordType Type, byte[] Data, int Inner, byte[] Raw);

/// <summary>
/// A TCP connection as a case sees it: lines, replies and, after the switch, records, each sent as the case likes and each written down.
/// </summary>
public sealed class ProbeConnection : IAsyncDisposable
{
    private readonly Socket _socket;
    private readonly CaseTimeout _patience;
    private readonly Transcript _transcript;
    private readonly char _me;
    private readonly char _peer;
    private readonly byte[] _octets = new byte[65536];
    private byte[] _waiting = [];
    private byte[] _inside = [];
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

    // ---------------------------------------------------------------- plaintext

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
            int end = _waiting.AsSpan().IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = Encoding.Latin1.GetString(_waiting, 0, end);
                _transcript.Plain(_peer, _waiting.AsSpan(0, end + 2));
                _waiting = _waiting[(end + 2)..];
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
        var octets = _waiting[..count];
        _transcript.Raw(_peer, octets);
        _waiting = _waiting[count..];
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
                        + $"{(_waiting.Length > 0 ? $" after {Expect.Show(_waiting)}" : "")}.", ended);
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
            throw new CaseFailedException($"{finding} After {_sent} came {Expect.Show(_waiting)}.", requirement);

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
            _waiting = [];
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

    // ---------------------------------------------------------------- records

    /// <summary>Takes what follows as records, both ways.</summary>
    /// <param name="suite">The suite.</param>
    /// <param name="role">The suite's own role.</param>
    /// <param name="secret">The shared secret.</param>
    /// <param name="th">The transcript hash.</param>
    /// <param name="hashed">The lines that were hashed, to find out what a peer hashed otherwise.</param>
    public void SwitchTo(Suite suite, Role role, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> th, IReadOnlyList<string>? hashed = null) =>
        SwitchTo(suite, role, secret, th, hashed, []);

    /// <summary>Takes what follows as records, both ways.</summary>
    /// <param name="suite">The suite.</param>
    /// <param name="role">The suite's own role.</param>
    /// <param name="secret">The shared secret.</param>
    /// <param name="th">The transcript hash.</param>
    /// <param name="hashed">The lines that were hashed, to find out what a peer hashed otherwise.</param>
    /// <param name="others">Shared secrets that come of mistakes in the key exchange.</param>
    internal void SwitchTo(Suite suite, Role role, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> th, IReadOnlyList<string>? hashed,
        IEnumerable<KeyMistake> others)
    {
        _diagnosis = hashed is null ? null : new Diagnosis(suite, role, [.. secret], [.. th], hashed, others);
        // What an implementation's author compares first when a record does not verify.
        _transcript.Comment($"th {Convert.ToHexStringLower(th)}");
        _transcript.Comment($"shared secret {Convert.ToHexStringLower(secret)}");
        _suite = suite;
        _keys = new KeySchedule(suite.Name, secret, th);
        _transcript.Keys(_keys);
        _out = new Direction(suite, role == Role.Client ? _keys.ClientTraffic : _keys.ServerTraffic);
        _in = new Direction(suite, role == Role.Client ? _keys.ServerTraffic : _keys.ClientTraffic);
    }

    /// <summary>The peer's verify_data must be right.</summary>
    /// <param name="finished">Its Finished.</param>
    internal void CheckFinished(Incoming finished)
    {
        var right = Keys.Finished(_me == 'C' ? Role.Server : Role.Client);
        Expect.That(finished.Data.AsSpan().SequenceEqual(right),
            $"The {(_me == 'C' ? "server" : "client")}'s verify_data has a wrong value.{_diagnosis?.OfVerifyData(finished.Data)}\n"
                + $"expected {Convert.ToHexStringLower(right)}\ngot      {Convert.ToHexStringLower(finished.Data)}", "BP-6.3-1");
    }

    /// <summary>Makes a record, without sending it; it has the next sequence number.</summary>
    /// <param name="type">The type.</param>
    /// <param name="data">The data.</param>
    /// <param name="inner">The length of <em>inner</em>; 0 for the usual padding.</param>
    internal byte[] Seal(RecordType type, ReadOnlySpan<byte> data, int inner = 0)
    {
        int usual = Math.Min((data.Length + Limits.PadTo) / Limits.PadTo * Limits.PadTo, Limits.MaxInner);
        var content = new byte[Math.Max(inner == 0 ? usual : inner, data.Length + 1)];
        data.CopyTo(content);
        content[data.Length] = (byte)type;
        return SealInner(content);
    }

    /// <summary>Makes a record of an <em>inner</em> as it is.</summary>
    public byte[] SealInner(ReadOnlySpan<byte> inner)
    {
        var record = _out!.Seal(inner);
        int last = inner.LastIndexOfAnyExcept((byte)0);
        _transcript.Record(_me, record, last < 0 ? 0 : (RecordType)inner[last], last < 0 ? [] : inner[..last]);
        return record;
    }

    /// <summary>Goes to the next keys for sending, as after a rekey record.</summary>
    public void NextKeys() => _out!.Rekey();

    /// <summary>Sends a record.</summary>
    internal Task SendRecordAsync(RecordType type, ReadOnlyMemory<byte> data = default, int inner = 0)
    {
        _sent = $"a {type} record";
        return WriteAsync(Seal(type, data.Span, inner));
    }

    /// <summary>Sends records that were made before, in one write.</summary>
    public Task SendRecordsAsync(params byte[][] records)
    {
        _sent = "records";
        return WriteAsync(records.SelectMany(r => r).ToArray());
    }

    /// <summary>Sends a rekey record and goes to the next keys.</summary>
    public async Task RekeyAsync()
    {
        await SendRecordAsync(RecordType.Rekey);
        NextKeys();
    }

    /// <summary>Sends text in one data record.</summary>
    public async Task SendInsideAsync(string text)
    {
        var data = Encoding.Latin1.GetBytes(text);
        await SendRecordAsync(RecordType.Data, data);
        _sent = $"{Expect.Show(data, 60)} inside";
    }

    /// <summary>Receives the next record; null at the end of the connection.</summary>
    internal async Task<Incoming?> RecordAsync()
    {
        int tag = _in!.Protection.TagLength;
        while (true)
        {
            if (_waiting.Length >= 2)
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(_waiting);
                if (IsPlaintext(length))
                {
                    var text = Encoding.Latin1.GetString(_waiting);
                    throw new CaseFailedException($"After {_sent}: plaintext came after the switch to records: {Expect.Show(text)}.",
                        PlaintextViolates(text));
                }

                if (length < 1 + tag || length > Limits.MaxInner + tag)
                {
                    throw new CaseFailedException(
                        $"After {_sent}: a record came with the length {length}, or octets that are not a record: "
                            + $"{Expect.Show(_waiting, 40)}.", "BP-7.1-1");
                }

                if (_waiting.Length >= 2 + length)
                    return Open(_waiting[..(2 + length)]);
            }

            if (!await FillAsync("a record"))
            {
                Expect.That(_waiting.Length == 0, $"After {_sent}: the connection ended within a record.");
                return null;
            }
        }
    }

    /// <summary>Receives the next record, which must have the type.</summary>
    /// <param name="type">The type.</param>
    /// <param name="requirement">The requirement that another record violates.</param>
    /// <param name="none">The requirement that the end of the connection violates; null for the case's first.</param>
    internal async Task<Incoming> RecordAsync(RecordType type, string? requirement = null, string? none = null)
    {
        var record = await Expecting($"a {type} record", RecordAsync);
        return record?.Type == type
            ? record
            : throw new CaseFailedException($"After {_sent}: expected a {type} record, got {Name(record)}.",
                record is null ? none : requirement);
    }

    /// <summary>Receives the next record and says whether it verifies; false too if none comes.</summary>
    public async Task<bool> NextVerifiesAsync()
    {
        var record = await RawRecordAsync();
        return record.Length > 2 + _in!.Protection.TagLength && _in.Open(record) is not null;
    }

    /// <summary>Receives a record as it is; none at the end of the connection.</summary>
    public async Task<byte[]> RawRecordAsync()
    {
        var length = await OctetsAsync(2);
        return length.Length < 2 ? [] : [.. length, .. await OctetsAsync(BinaryPrimitives.ReadUInt16BigEndian(length))];
    }

    /// <summary>Whether a server's first record verifies under another shared secret.</summary>
    public bool Verifies(byte[] record, ReadOnlySpan<byte> secret)
    {
        using var keys = new KeySchedule(_suite!.Name, secret, Keys.TranscriptHash);
        using var protection = _suite.Protect(keys.ServerTraffic);
        return record.Length > 2 + protection.TagLength && protection.Open(0, (byte[])record.Clone());
    }

    /// <summary>Receives a line inside records, without CRLF; null at close, alert or end.</summary>
    public async Task<string?> LineInsideAsync()
    {
        while (true)
        {
            int end = _inside.AsSpan().IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = Encoding.Latin1.GetString(_inside, 0, end);
                _inside = _inside[(end + 2)..];
                return line;
            }

            if (await DataAsync() is not { } data)
                return null;

            _inside = [.. _inside, .. data];
        }
    }

    /// <summary>Receives octets inside records, exactly so many; fewer at the end.</summary>
    public async Task<byte[]> OctetsInsideAsync(int count)
    {
        while (_inside.Length < count && await DataAsync() is { } data)
            _inside = [.. _inside, .. data];

        count = Math.Min(count, _inside.Length);
        var octets = _inside[..count];
        _inside = _inside[count..];
        return octets;
    }

    /// <summary>Receives a reply inside records.</summary>
    public async Task<Reply> ReplyInsideAsync()
    {
        var reader = new ReplyReader();
        while (true)
        {
            var line = await Expecting("an SMTP reply inside", LineInsideAsync)
                ?? throw new CaseFailedException(
                    $"After {_sent}: expected a reply inside, but the session ended with {Name(Records.LastOrDefault())}.");
            var reply = reader.Read(Encoding.Latin1.GetBytes(line + "\r\n"), out _);
            Expect.That(!reader.IsMalformed, $"After {_sent}: expected a reply inside, got {Expect.Show(line)}.");
            if (reply is not null)
                return reply;
        }
    }

    /// <summary>Sends a line inside and receives the reply, which must have the code.</summary>
    public async Task<Reply> CommandInsideAsync(string line, int code, string? requirement = null)
    {
        await SendInsideAsync(line + "\r\n");
        return Check(await ReplyInsideAsync(), code, requirement);
    }

    /// <summary>The peer must send one alert with the octet 1, after its IDENT perhaps, and end the connection.</summary>
    /// <param name="requirement">The requirement that a peer violates which goes on; null for the case's first.</param>
    /// <param name="none">The requirement that a peer violates which ends the connection without an alert.</param>
    public async Task ExpectAlertAsync(string? requirement = null, string none = "BP-8.3-1")
    {
        var record = await Expecting("an alert and the end of the connection", AfterIdentAsync);
        Expect.That(record?.Type == RecordType.Alert, $"After {_sent}: expected an alert, got {Name(record)}.",
            record is null ? none : requirement);
        Expect.That(record!.Data is [1],
            $"After {_sent}: the alert's data is {Convert.ToHexStringLower(record.Data)}, not the one octet 1.", "BP-8.3-2");
        await ExpectNothingAsync("Something follows the alert.", "BP-8.3-1");
    }

    /// <summary>The peer must end the connection, after an alert or without, and after nothing else.</summary>
    public async Task ExpectFailureAsync(string? requirement = null)
    {
        var record = await Expecting("the end of the connection", AfterIdentAsync);
        Expect.That(record is null or { Type: RecordType.Alert },
            $"After {_sent}: expected the end of the connection, got {Name(record)}.", requirement);
        if (record is not null)
            await ExpectNothingAsync("Something follows the alert.", "BP-8.3-1");
    }

    /// <summary>
    /// The peer must send its close ([BP-8.1-1]), after a rekey perhaps and nothing else: so after a 221 or 421 ([BP-8.1-5]).
    /// </summary>
    /// <param name="between">The requirement that another record violates.</param>
    public async Task ExpectCloseAsync(string between = "BP-8.1-5")
    {
        var record = await Expecting("a close record", RecordAsync);
        record = record?.Type == RecordType.Rekey ? await RecordAsync() : record;
        Expect.That(record?.Type == RecordType.Close, $"After {_sent}: expected a close record, got {Name(record)}.",
            record is null or { Type: RecordType.Alert } ? "BP-8.1-1" : between);
    }

    /// <summary>
    /// Receives the next record that says something: no rekey, no data record without data, none of a type that is ignored.
    /// A sender may send those at any time (spec 7.4, 7.6).
    /// </summary>
    internal async Task<Incoming?> NextAsync()
    {
        while (true)
        {
            var record = await RecordAsync();
            if (record is null
                || !(record.Type is RecordType.Rekey or >= RecordType.FirstIgnored || record is { Type: RecordType.Data, Data: [] }))
            {
                return record;
            }
        }
    }

    /// <summary>Receives lines, in any number of data records, up to a record of another kind.</summary>
    /// <returns>The lines, without the first lines of replies of several; and that record, null at the end of the connection.</returns>
    internal async Task<(IReadOnlyList<string> Lines, Incoming? End)> ToTheEndAsync()
    {
        var text = Encoding.Latin1.GetString(_inside);
        _inside = [];
        while (true)
        {
            var record = await NextAsync();
            if (record?.Type != RecordType.Data)
                return ([.. text.Split("\r\n")[..^1].Where(l => l is [_, _, _] or [_, _, _, not '-', ..])], record);

            text += Encoding.Latin1.GetString(record.Data);
        }
    }

    /// <summary>Receives the next record that says something and is no IDENT.</summary>
    internal async Task<Incoming?> AfterIdentAsync()
    {
        var record = await NextAsync();
        return record?.Type == RecordType.Ident ? await NextAsync() : record;
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
            _transcript.Raw(_peer, _waiting);

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

    private async Task<byte[]?> DataAsync()
    {
        while (await RecordAsync() is { } record)
        {
            switch (record.Type)
            {
                case RecordType.Data:
                    return record.Data;
                case RecordType.Close or RecordType.Alert:
                    return null;
            }
        }

        return null;
    }

    private Incoming Open(byte[] record)
    {
        _waiting = _waiting[record.Length..];
        var raw = (byte[])record.Clone();
        ulong seq = _in!.Seq;
        var inner = _in.Open(record) ?? throw Unverified(raw);
        if (seq == 0 && _diagnosis?.OfStream(raw, inner, _in.Protection, seq) is { } cause)
        {
            throw new CaseFailedException($"After {_sent}: a record came whose content makes no sense. It does {cause.How}.",
                cause.Requirement);
        }

        int last = inner.AsSpan().LastIndexOfAnyExcept((byte)0);
        Expect.That(last >= 0, $"After {_sent}: a record came that has zero octets only.", "BP-7.1-5");
        var incoming = new Incoming((RecordType)inner[last], inner[..last], inner.Length, raw);
        _transcript.Record(_peer, raw, incoming.Type, incoming.Data);
        Records.Add(incoming);
        Expect.That(_in.Used <= _in.Protection.Budget, "The peer uses one traffic secret above its limit.", "BP-7.6-2");
        if (incoming.Type == RecordType.Rekey)
        {
            _in.Rekey();
            _diagnosis = null;
        }

        return incoming;
    }

    // Letters where a record would be too long; or a whole reply where it would not.
    private bool IsPlaintext(int length)
    {
        bool text = _waiting[0] is >= 32 and < 127 && _waiting[1] is >= 32 and < 127;
        return (text && length > Limits.MaxInner + Limits.HmacTag)
            || (_waiting.Length < 2 + length && _waiting is [>= (byte)'2' and <= (byte)'5', _, _, (byte)' ' or (byte)'-', ..]
                && _waiting.AsSpan(0, 3).IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 && _waiting.AsSpan().EndsWith("\r\n"u8));
    }

    private CaseFailedException Unverified(byte[] raw)
    {
        _transcript.Raw(_peer, raw);
        var cause = _diagnosis?.Of(raw, _in!.Protection, _in.Seq, IsThorough);
        var known = cause is not null ? $" It does {cause.How}." : IsThorough ? " No mistake that is known here fits." : "";
        return new CaseFailedException(
            $"After {_sent}: a record came that does not verify.{known} It is record {_in!.Seq} under its traffic secret, "
                + $"with {_suite!.Name}; the dialogue shows th and the shared secret.", cause?.Requirement);
    }

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
            _waiting = [.. _waiting, .. _octets[..count]];
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
