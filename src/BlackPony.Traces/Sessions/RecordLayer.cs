using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Traces.Sessions;

/// <summary>BlackPony's records (spec 7): their lengths at least; with the key log's secrets, what they hold.</summary>
internal sealed class RecordLayer : Layer
{
    private readonly Session _session;
    private readonly Suite _suite;
    private readonly byte[] _th;
    private readonly Direction[] _directions = new Direction[2];
    private readonly SmtpDialogue _inner;
    private readonly int _tag;
    private bool _quit;
    private bool _ended;

    /// <param name="session">The session.</param>
    /// <param name="suite">Its suite.</param>
    /// <param name="th">The transcript hash; empty if the negotiation was not captured whole, and then the records are not
    /// followed.</param>
    public RecordLayer(Session session, Suite suite, byte[] th)
    {
        (_session, _suite, _th) = (session, suite, th);
        var (client, server) = session.Keys?.Find(th) ?? default;
        _directions[(int)Role.Client] = new Direction(client is null ? null : new RecordReader(suite, client));
        _directions[(int)Role.Server] = new Direction(server is null ? null : new RecordReader(suite, server));
        _directions[0].Stopped = _directions[1].Stopped = th.Length == 0;
        _tag = suite.Name == "RSA-BLOWFISH" ? Limits.HmacTag : Limits.AeadTag;
        _inner = new SmtpDialogue(session, Place.Records);
        if (session.Contents is null && (client is null || server is null))
        {
            session.FindOnce(FindingKind.NoKeys, Role.Server,
                session.Keys is null ? "No key log was given: what the records hold is not seen."
                : "The key log has no secrets for this session.");
        }
    }

    private sealed class Direction(RecordReader? reader)
    {
        public readonly RecordReader? Reader = reader;
        public byte[] Record = new byte[1024];
        public int Have;
        public int Count;
        public int Read;
        public int Idle;
        public bool Stopped;
        public bool Closed;
        public bool Alerted;
        public bool EndedFirst;
    }

    // Whether a transcript says of what looked like a record that it was none; what stands in the same item is none either.
    private bool _isRaw;

    private bool IsOpened => _session.Contents is not null || (_directions[0].Reader is not null && _directions[1].Reader is not null);

    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        var direction = _directions[(int)sender];
        while (!octets.IsEmpty && !direction.Stopped)
        {
            int need = 2 + (direction.Have >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(direction.Record) : 0);

            int take = Math.Min(need - direction.Have, octets.Length);
            if (direction.Record.Length < need)
                Array.Resize(ref direction.Record, need);

            octets[..take].CopyTo(direction.Record.AsSpan(direction.Have));
            octets = octets[take..];
            direction.Have += take;
            if (need == 2 && direction.Have == 2)
            {
                int length = BinaryPrimitives.ReadUInt16BigEndian(direction.Record);
                if (length > Limits.MaxInner + _tag || length < 1 + _tag)
                {
                    NoRecord(sender, direction, length, octets);
                    return;
                }
            }
            if (direction.Have == need && need > 2)
            {
                direction.Have = 0;
                _isRaw = false;
                Record(sender, direction, direction.Record.AsSpan(0, need), time);
                if (_isRaw)
                {
                    Opaque(sender, [.. direction.Record[..need], .. octets], time);
                    return;
                }
            }
        }

        if (!octets.IsEmpty)
            _session.Recorder?.Raw(sender, octets);
    }

    public override void Gap(Role sender, long length, bool cut, long time)
    {
        // Where the next record begins, and its number, nobody can tell.
        Rest(sender, _directions[(int)sender]);
        _directions[(int)sender].Stopped = true;
        _inner.Gap(sender, length, cut: false, time);
    }

    public override void End(Role sender, bool reset, long time)
    {
        var direction = _directions[(int)sender];
        Rest(sender, direction);
        direction.EndedFirst = !_ended;
        _ended = true;
        _inner.End(sender, reset, time);
    }

    public override void Finish()
    {
        var client = _directions[(int)Role.Client];
        var server = _directions[(int)Role.Server];
        Rest(Role.Client, client);
        Rest(Role.Server, server);
        if (IsOpened && !client.Stopped && !server.Stopped && !client.Alerted && !server.Alerted)
        {
            foreach (var (role, direction, other) in new[] { (Role.Client, client, server), (Role.Server, server, client) })
            {
                // Who failed, met the end of the connection, or had not verified the server's Finished owes no close ([BP-8.1-1]).
                if (direction is { Closed: false, EndedFirst: true, Read: > 0 } && !other.Closed)
                    _session.Find(FindingKind.Truncated, role, $"The {role.Name()} ended its direction without a close.");
            }
        }

        if (client.Count == 0 && !client.Stopped && _ended)
        {
            _session.Report.UpgradeBroke = true;
            _session.FindOnce(FindingKind.UpgradeBroken, Role.Client,
                "The client ended the connection without a record: it did not accept the server's share, or its Finished.");
        }

        _inner.Finish();
        client.Reader?.Dispose();
        server.Reader?.Dispose();
    }

    // A record that was not captured to its end.
    private void Rest(Role sender, Direction direction)
    {
        if (direction.Have > 0 && !direction.Stopped)
        {
            _session.Recorder?.Raw(sender, direction.Record.AsSpan(0, direction.Have));
            direction.Have = 0;
        }
    }

    private void NoRecord(Role sender, Direction direction, int length, ReadOnlySpan<byte> octets)
    {
        direction.Stopped = true;
        bool isLong = length > Limits.MaxInner + _tag;
        byte[] all = [.. direction.Record[..direction.Have], .. octets];
        _session.Recorder?.Raw(sender, all);
        // Two octets of text read as a length stand far outside.
        _session.Deviates(isLong ? "BP-7.1-1" : "BP-7.1-3", sender,
            $"The {sender.Name()} sends something that is not a record: a length of {length}, octets {Escape.Octets(all, 40)}");
    }

    private void Record(Role sender, Direction direction, Span<byte> record, long time)
    {
        direction.Count++;
        if (direction.Closed && _session.Contents is null)
        {
            // What follows a close is ignored by its recipient ([BP-8.1-4]); to send it is wrong.
            _session.Recorder?.Record(sender, record, null, default);
            _session.Deviates("BP-8.1-2", sender, $"The {sender.Name()} sends a record after its close.");
            return;
        }

        RecordType type;
        ReadOnlySpan<byte> data;
        if (_session.Contents is { } contents)
        {
            if (!contents.Take(sender, out type, out var told))
            {
                _isRaw = true;
                return;
            }

            data = told;
        }
        else if (direction.Reader is { } reader)
        {
            ReadOnlySpan<byte> octets = record;
            bool opened = reader.Read(ref octets, out type, out var inner);
            data = inner.ToArray();
            if (!opened)
            {
                direction.Stopped = true;
                Unopened(sender, record);
                _session.Find(FindingKind.RecordUnverified, sender,
                    $"The {sender.Name()}'s record {direction.Count} does not verify under the key log's secret: it was changed in "
                        + "transit, or sealed with other keys.");
                return;
            }
        }
        else
        {
            Opaque(sender, record, time);
            return;
        }

        _session.Recorder?.Record(sender, record, type, data);
        if (_session.HasDialogue && type != RecordType.Data)
            _session.Report.Say(time, sender, true, $"({Name(type)})", record.Length);

        Examine(sender, direction, type, data);
        direction.Read++;
        if (type == RecordType.Data)
        {
            _quit |= sender == Role.Server && (data.StartsWith("221"u8) || data.StartsWith("421"u8));
            _inner.Octets(sender, data, time);
        }
        else if (type == RecordType.Rekey)
        {
            direction.Reader?.Rekey();
        }
    }

    private void Opaque(Role sender, ReadOnlySpan<byte> record, long time)
    {
        Unopened(sender, record);
        if (_session.HasDialogue)
            _session.Report.Say(time, sender, true, "(record)", record.Length);
    }

    // Who could open records and cannot open this one has raw octets (spec Appendix D).
    private void Unopened(Role sender, ReadOnlySpan<byte> record)
    {
        if (IsOpened)
            _session.Recorder?.Raw(sender, record);
        else
            _session.Recorder?.Record(sender, record, null, default);
    }

    private void Examine(Role sender, Direction direction, RecordType type, ReadOnlySpan<byte> data)
    {
        if (direction.Read == 0)
        {
            if (type is not (RecordType.Finished or RecordType.Alert))
                _session.Deviates("BP-6.3-1", sender, $"The {sender.Name()}'s first record is {Name(type)}, not finished.");

            if (sender == Role.Client && type != RecordType.Alert && _directions[(int)Role.Server].Read == 0)
                _session.Deviates("BP-6.3-3", sender, "The client sends a record before the server's Finished.");
        }

        if (sender == Role.Server && type == RecordType.Data && _directions[(int)Role.Client].Read == 0)
            _session.Deviates("BP-6.3-5", sender, "The server sends data before the client's Finished.");

        direction.Idle = type == RecordType.Data && !data.IsEmpty ? 0
            : type is RecordType.Rekey or RecordType.Data or >= RecordType.FirstIgnored ? direction.Idle + 1 : direction.Idle;
        if (direction.Idle == Limits.MaxIdleRecords + 1)
        {
            _session.Deviates("BP-7.4-5", sender,
                $"The {sender.Name()} sends more than {Limits.MaxIdleRecords} records in a row that carry nothing.");
        }

        switch (type)
        {
            case RecordType.Finished when direction.Read > 0:
                _session.Deviates("BP-6.3-8", sender, $"The {sender.Name()} sends a second Finished.");
                break;
            case RecordType.Finished when data.Length != KeySchedule.SecretLength:
                _session.Deviates("BP-6.3-7", sender, $"verify_data of {data.Length} octets.");
                break;
            case RecordType.Ident when sender == Role.Client:
                _session.Deviates("BP-6.5-3", sender, "The client sends an ident record.");
                break;
            case RecordType.Ident when direction.Read != 1:
                _session.Deviates("BP-6.5-2", sender, "The ident record is not the server's second record.");
                break;
            case RecordType.Ident when Ident.Verify(data, _th) is null:
                _session.Deviates("BP-6.5-6", sender, "The ident record does not verify.");
                break;
            case RecordType.Rekey or RecordType.Close when !data.IsEmpty:
                _session.Deviates("BP-7.4-3", sender, $"A {Name(type)} record carries {data.Length} octets.");
                break;
            case RecordType.Alert:
                direction.Alerted = true;
                _session.Find(FindingKind.Alert, sender, $"The {sender.Name()} sent an alert: a record that it received had failed.");
                if (data is not [1])
                    _session.Deviates("BP-8.3-2", sender, "The alert's data is not the one octet 1.");

                break;
            case > RecordType.Alert and < RecordType.FirstIgnored or 0:
                _session.Deviates("BP-7.4-2", sender, $"A record of the unassigned type {(int)type}.");
                break;
            default:
                break;
        }

        // Only a rekey record may stand between the last reply and the close.
        if (sender == Role.Server && _quit && type is not (RecordType.Close or RecordType.Rekey or RecordType.Alert))
        {
            _session.Deviates("BP-8.1-5", sender, $"After its last reply the server sends {Name(type)}, not its close.");
            _quit = false;
        }

        direction.Closed |= type == RecordType.Close;
    }

    private static string Name(RecordType type) => Enum.IsDefined(type) && type != RecordType.FirstIgnored
        ? type.ToString().ToLowerInvariant() : $"type {(int)type}";
}
