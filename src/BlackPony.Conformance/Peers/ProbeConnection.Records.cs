using System.Buffers.Binary;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Conformance.Peers;

/// <content>Records, sent and received.</content>
public sealed partial class ProbeConnection
{
    /// <summary>Takes what follows as records, both ways.</summary>
    /// <param name="suite">The suite.</param>
    /// <param name="role">The suite's own role.</param>
    /// <param name="secret">The shared secret.</param>
    /// <param name="th">The transcript hash.</param>
    /// <param name="hashed">The lines that were hashed, to find out what a peer hashed otherwise; null for those of the switch before.
    /// </param>
    public void SwitchTo(Suite suite, Role role, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> th, IReadOnlyList<string>? hashed = null) =>
        SwitchTo(suite, role, secret, th, hashed, []);

    /// <summary>Takes what follows as records, both ways.</summary>
    /// <param name="suite">The suite.</param>
    /// <param name="role">The suite's own role.</param>
    /// <param name="secret">The shared secret.</param>
    /// <param name="th">The transcript hash.</param>
    /// <param name="hashed">The lines that were hashed, to find out what a peer hashed otherwise; null for those of the switch before.
    /// </param>
    /// <param name="others">Shared secrets that come of mistakes in the key exchange.</param>
    internal void SwitchTo(Suite suite, Role role, ReadOnlySpan<byte> secret, ReadOnlySpan<byte> th, IReadOnlyList<string>? hashed,
        IEnumerable<KeyMistake> others)
    {
        _hashed = hashed ?? _hashed;
        _diagnosis = _hashed is null ? null : new Diagnosis(suite, role, [.. secret], [.. th], _hashed, others);
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
        Span<byte> content = stackalloc byte[Math.Max(inner == 0 ? usual : inner, data.Length + 1)];
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
        _sent = Incoming.NameOf(type);
        return WriteAsync(Seal(type, data.Span, inner));
    }

    /// <summary>Sends records that were made before, in one write.</summary>
    public Task SendRecordsAsync(params byte[][] records)
    {
        _sent = "records";
        return WriteAsync(Joined(records));
    }

    /// <summary>Sends a rekey record and goes to the next keys.</summary>
    public async Task RekeyAsync()
    {
        await SendRecordAsync(RecordType.Rekey);
        NextKeys();
    }

    /// <summary>Receives the next record; null at the end of the connection.</summary>
    internal async Task<Incoming?> RecordAsync()
    {
        int tag = _in!.Protection.TagLength;
        while (true)
        {
            if (_waiting.Length >= 2)
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(_waiting.Span);
                if (IsPlaintext(length))
                {
                    var text = Encoding.Latin1.GetString(_waiting.Span);
                    throw new CaseFailedException($"After {_sent}: plaintext came after the switch to records: {Expect.Show(text)}.",
                        PlaintextViolates(text));
                }

                if (length < 1 + tag || length > Limits.MaxInner + tag)
                {
                    throw new CaseFailedException(
                        $"After {_sent}: a record came with the length {length}, or octets that are not a record: "
                            + $"{Expect.Show(_waiting.Span, 40)}.", "BP-7.1-1");
                }

                if (_waiting.Length >= 2 + length)
                {
                    var raw = _waiting.Span[..(2 + length)].ToArray();
                    _waiting.Consume(raw.Length);
                    return Open(raw);
                }
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
        var record = await Expecting(Incoming.NameOf(type), RecordAsync);
        return record?.Type == type
            ? record
            : throw new CaseFailedException($"After {_sent}: expected {Incoming.NameOf(type)}, got {Name(record)}.",
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
        var text = Encoding.Latin1.GetString(_inside.Span);
        _inside.Clear();
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

    private static byte[] Joined(byte[][] records)
    {
        var all = new byte[records.Sum(r => r.Length)];
        int at = 0;
        foreach (var record in records)
        {
            record.CopyTo(all, at);
            at += record.Length;
        }

        return all;
    }

    private Incoming Open(byte[] raw)
    {
        ulong seq = _in!.Seq;
        Span<byte> record = stackalloc byte[raw.Length];
        raw.CopyTo(record);
        if (!_in.Open(record, out var inner))
            throw Unverified(raw);

        if (seq == 0 && _diagnosis?.OfStream(raw, inner.ToArray(), _in.Protection, seq) is { } cause)
        {
            throw new CaseFailedException($"After {_sent}: a record came whose content makes no sense. It does {cause.How}.",
                cause.Requirement);
        }

        if (Records.Count == 0 && OfType(inner) is { } place)
            throw new CaseFailedException($"After {_sent}: a finished record came with the right verify_data. {place}", "BP-6.3-1");

        int last = inner.LastIndexOfAnyExcept((byte)0);
        Expect.That(last >= 0, $"After {_sent}: a record came that has zero octets only.", "BP-7.1-5");
        var incoming = new Incoming((RecordType)inner[last], inner[..last].ToArray(), inner.Length);
        LastRecord = raw;
        _transcript.Record(_peer, raw, incoming.Type, incoming.Data);
        // The case has taken the data of the one before; several megabytes of them are not kept.
        if (Records is [.., { Type: RecordType.Data } before])
            Records[^1] = before with { Data = [] };

        Records.Add(incoming);
        Expect.That(_in.Used <= _in.Protection.Budget, "The peer uses one traffic secret above its limit.", "BP-7.6-2");
        if (incoming.Type == RecordType.Rekey)
        {
            _in.Rekey();
            _diagnosis = null;
        }

        return incoming;
    }

    // Where the type of the first record is, if it is right otherwise.
    private string? OfType(ReadOnlySpan<byte> inner)
    {
        var right = Keys.Finished(_me == 'C' ? Role.Server : Role.Client);
        return inner is [(byte)RecordType.Finished, .. var rest] && rest.StartsWith(right)
                ? "Its type comes before the data; it belongs after them (Section 7.1)."
            : inner.StartsWith(right) && !inner[right.Length..].ContainsAnyExcept((byte)0)
                ? "It has no type after the data (Section 7.1)."
            : null;
    }

    // Letters where a record would be too long; or a whole reply where it would not.
    private bool IsPlaintext(int length)
    {
        var octets = _waiting.Span;
        bool text = octets[0] is >= 32 and < 127 && octets[1] is >= 32 and < 127;
        return (text && length > Limits.MaxInner + Limits.HmacTag)
            || (octets.Length < 2 + length && octets is [>= (byte)'2' and <= (byte)'5', _, _, (byte)' ' or (byte)'-', ..]
                && octets[..3].IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 && octets.EndsWith("\r\n"u8));
    }

    private CaseFailedException Unverified(byte[] raw)
    {
        _transcript.Raw(_peer, raw);
        var cause = _diagnosis?.Of(raw, _in!.Protection, _in.Seq, IsThorough);
        var seen = cause is null && IsThorough ? _diagnosis?.OfExchange() : null;
        var known = cause is not null ? $" It does {cause.How}."
            : !IsThorough ? ""
            : seen is not null
                ? $" Its part of the key exchange decrypts {seen.How} (Section {seen.Section}). If it decrypts in this way too, it cannot "
                    + "decrypt the other half, and has another secret."
            : " No mistake that is known here fits.";
        return new CaseFailedException(
            $"After {_sent}: a record came that does not verify.{known} It is record {_in!.Seq} under its traffic secret, "
                + $"with {_suite!.Name}; the dialogue shows th and the shared secret.", cause?.Requirement ?? seen?.Requirement);
    }
}
