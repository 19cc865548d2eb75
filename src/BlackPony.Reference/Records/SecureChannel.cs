using System.Buffers;
using System.Security.Cryptography;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Records;

/// <summary>Where a protected channel stands (spec 8).</summary>
public enum ChannelState
{
    /// <summary>Our close was not sent, and nothing failed.</summary>
    Open,

    /// <summary>Our close was sent; the peer's is awaited.</summary>
    Closing,

    /// <summary>Both closes were exchanged.</summary>
    Closed,

    /// <summary>Something failed here; the alert was sent.</summary>
    Failed,

    /// <summary>The peer sent an alert.</summary>
    Alerted,

    /// <summary>The connection ended before the peer's close.</summary>
    Truncated,
}

/// <summary>Both directions of records after the switch: Finished, IDENT, data, rekey, close and alerts (spec 6.3, 6.5, 7, 8).</summary>
public sealed class SecureChannel : IDisposable
{
    private readonly Role _role;
    private readonly KeySchedule _keys;
    private readonly RecordWriter _writer;
    private readonly RecordReader _reader;
    private readonly IReadOnlyList<IdentKey> _idents;
    private int _received;
    private int _idle;

    /// <summary>Makes the channel.</summary>
    /// <param name="role">This side.</param>
    /// <param name="suite">A suite that encrypts.</param>
    /// <param name="sharedSecret">The key exchange's result; the caller erases it.</param>
    /// <param name="transcriptHash">32 octets.</param>
    /// <param name="idents">A server's IDENT keys.</param>
    /// <param name="keyLog">Where to log secrets, if the user asked for it.</param>
    internal SecureChannel(
        Role role, Suite suite, ReadOnlySpan<byte> sharedSecret, ReadOnlySpan<byte> transcriptHash, IReadOnlyList<IdentKey>? idents = null,
        IKeyLog? keyLog = null)
    {
        _role = role;
        _idents = idents ?? [];
        _keys = new KeySchedule(suite.Name, sharedSecret, transcriptHash);
        // [BP-6.2-2]
        _writer = new RecordWriter(suite, role == Role.Client ? _keys.ClientTraffic : _keys.ServerTraffic);
        _reader = new RecordReader(suite, role == Role.Client ? _keys.ServerTraffic : _keys.ClientTraffic);
        if (keyLog is not null)
        {
            string th = Convert.ToHexStringLower(_keys.TranscriptHash);
            keyLog.Log($"BLACKPONY_CLIENT_TRAFFIC_SECRET_0 {th} {Convert.ToHexStringLower(_keys.ClientTraffic)}");
            keyLog.Log($"BLACKPONY_SERVER_TRAFFIC_SECRET_0 {th} {Convert.ToHexStringLower(_keys.ServerTraffic)}");
            keyLog.Log($"BLACKPONY_EXPORTER_SECRET {th} {Convert.ToHexStringLower(_keys.ExporterSecret)}");
        }

        _keys.EraseTraffic();
    }

    /// <summary>Where the channel stands.</summary>
    public ChannelState State { get; private set; }

    /// <summary>Whether the peer's Finished was verified.</summary>
    public bool IsEstablished { get; private set; }

    /// <summary>The IDENT keys that the server proved, each once; none if it sent none.</summary>
    public IReadOnlyList<PeerIdent> PeerIdents { get; private set; } = [];

    /// <summary>The transcript hash, 32 octets: the same on both sides, and in no two sessions.</summary>
    public ReadOnlyMemory<byte> TranscriptHash => _keys.TranscriptHash;

    /// <summary>Begins: the server sends Finished and IDENT ([BP-6.3-2], [BP-6.5-2]); the client waits.</summary>
    public void Start(IBufferWriter<byte> output)
    {
        if (_role == Role.Server)
        {
            _writer.Write(RecordType.Finished, _keys.Finished(Role.Server), output);
            if (_idents.Count > 0)
                _writer.Write(RecordType.Ident, Ident.Create(_idents, _keys.TranscriptHash), output);
        }
    }

    /// <summary>Takes octets from the peer. Never throws on them.</summary>
    /// <param name="octets">Any octets, split in any way.</param>
    /// <param name="data">Receives the SMTP stream.</param>
    /// <param name="output">Receives Finished, close or alert.</param>
    public void Receive(ReadOnlySpan<byte> octets, IBufferWriter<byte> data, IBufferWriter<byte> output)
    {
        // Nothing after a close, an alert or a failure is read ([BP-8.1-4], [BP-8.3-3]).
        while (State is ChannelState.Open or ChannelState.Closing && _reader.Read(ref octets, out var type, out var content))
        {
            if (!Take(type, content, data, output))
                Fail(output);

            _received = Math.Min(_received + 1, 2);
        }

        if (_reader.Failed)
            Fail(output);
    }

    /// <summary>Sends a part of the SMTP stream, in as many records as it needs.</summary>
    /// <exception cref="InvalidOperationException">The peer's Finished is not verified ([BP-6.3-5]),
    /// or the channel is not open ([BP-8.1-2]).</exception>
    public void Send(ReadOnlySpan<byte> data, IBufferWriter<byte> output)
    {
        if (State != ChannelState.Open || !IsEstablished)
            throw new InvalidOperationException("The channel is not open for data.");

        for (; !data.IsEmpty; data = data[Math.Min(data.Length, Limits.MaxData)..])
            _writer.Write(RecordType.Data, data[..Math.Min(data.Length, Limits.MaxData)], output);
    }

    /// <summary>Sends a rekey record ([BP-7.6-4]).</summary>
    public void Rekey(IBufferWriter<byte> output)
    {
        if (State == ChannelState.Open && IsEstablished)
            _writer.Rekey(output);
    }

    /// <summary>Sends close: nothing follows (spec 8.1).</summary>
    public void Close(IBufferWriter<byte> output)
    {
        if (State == ChannelState.Open)
        {
            _writer.Write(RecordType.Close, [], output);
            State = ChannelState.Closing;
        }
    }

    /// <summary>Gives up with the one alert ([BP-8.3-1], [BP-8.3-2], [BP-8.3-6]); nothing goes on after it ([BP-8.3-7]).</summary>
    public void Fail(IBufferWriter<byte> output)
    {
        if (State == ChannelState.Open)
            _writer.Write(RecordType.Alert, [1], output);

        if (State is ChannelState.Open or ChannelState.Closing)
            State = ChannelState.Failed;
    }

    /// <summary>The connection ended ([BP-8.2-1]).</summary>
    public void ConnectionEnded()
    {
        if (State is ChannelState.Open or ChannelState.Closing)
            State = ChannelState.Truncated;
    }

    /// <summary>Keying material for an application (spec 6.4).</summary>
    public byte[] Export(string label, ReadOnlySpan<byte> context, int length) => _keys.Export(label, context, length);

    /// <summary>Erases every secret.</summary>
    public void Dispose()
    {
        _keys.Dispose();
        _writer.Dispose();
        _reader.Dispose();
    }

    // One verified record; false is a failure.
    private bool Take(RecordType type, ReadOnlySpan<byte> content, IBufferWriter<byte> data, IBufferWriter<byte> output)
    {
        if (type == RecordType.Alert)
        {
            // Whatever its data, and without an answer ([BP-8.3-4]).
            State = ChannelState.Alerted;
            return true;
        }

        // [BP-6.3-1], [BP-6.3-6]
        if (!IsEstablished)
            return type == RecordType.Finished && TakeFinished(content, output);

        // [BP-7.4-5], [BP-7.4-6]
        _idle = type == RecordType.Data && !content.IsEmpty ? 0 : type == RecordType.Ident ? _idle : _idle + 1;
        if (_idle > Limits.MaxIdleRecords)
            return false;

        switch (type)
        {
            // With data or without ([BP-7.4-4]).
            case RecordType.Data:
                data.Write(content);
                return true;
            // [BP-6.5-4]; a client's own never comes so far ([BP-6.5-3]).
            case RecordType.Ident when _role == Role.Client && _received == 1:
                PeerIdents = Ident.Verify(content, _keys.TranscriptHash) ?? [];
                return PeerIdents.Count > 0;
            // Neither carries data ([BP-7.4-3]); a rekey is not answered ([BP-7.6-5]), a close is ([BP-8.1-3]).
            case RecordType.Rekey when content.IsEmpty:
                _reader.Rekey();
                return true;
            case RecordType.Close when content.IsEmpty:
                Close(output);
                State = ChannelState.Closed;
                return true;
            // [BP-7.4-1], [BP-7.4-2]; a second Finished too is out of place ([BP-6.3-8]).
            default:
                return type >= RecordType.FirstIgnored;
        }
    }

    private bool TakeFinished(ReadOnlySpan<byte> content, IBufferWriter<byte> output)
    {
        var expected = _keys.Finished(_role == Role.Client ? Role.Server : Role.Client);
        // [BP-6.3-7]
        IsEstablished = CryptographicOperations.FixedTimeEquals(content, expected);

        // [BP-6.3-3], [BP-6.3-4]
        if (IsEstablished && _role == Role.Client)
            _writer.Write(RecordType.Finished, _keys.Finished(Role.Client), output);

        return IsEstablished;
    }
}
