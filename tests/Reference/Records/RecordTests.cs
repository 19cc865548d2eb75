using System.Buffers;
using System.Buffers.Binary;
using System.Reflection;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Records;

/// <summary>What a peer sees of a side's records, and what a side makes of records that only an attacker sends.</summary>
public sealed class RecordTests : IDisposable
{
    private static readonly Suite Suite = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!;
    private static readonly byte[] Secret = new byte[32];

    private readonly KeySchedule _keys = new(Suite.Name, Secret, Secret);
    private readonly SecureChannel _client = new(Role.Client, Suite, Secret, Secret);
    private readonly RecordWriter _server;
    private readonly ArrayBufferWriter<byte> _sent = new();
    private readonly ArrayBufferWriter<byte> _data = new();

    public RecordTests() => _server = new(Suite, _keys.ServerTraffic);

    public void Dispose()
    {
        _client.Dispose();
        _server.Dispose();
        _keys.Dispose();
    }

    [Theory]
    [InlineData(0, 256)]
    [InlineData(254, 256)]
    [InlineData(255, 256)]
    [InlineData(256, 512)]
    [InlineData(511, 512)]
    [InlineData(512, 768)]
    [InlineData(Limits.MaxData - 1, Limits.MaxData)]
    [InlineData(Limits.MaxData, Limits.MaxInner)]
    public void A_record_is_padded_to_the_next_multiple(int data, int inner) // [BP-7.5-1]
    {
        _server.Write(RecordType.Data, new byte[data], _sent);
        Assert.Equal(inner + 16, BinaryPrimitives.ReadUInt16BigEndian(_sent.WrittenSpan));
        Assert.Equal(2 + inner + 16, _sent.WrittenCount);
        using var reader = new RecordReader(Suite, _keys.ServerTraffic);
        var octets = _sent.WrittenSpan;
        Assert.True(reader.Read(ref octets, out _, out var read));
        Assert.Equal(data, read.Length);
    }

    [Theory]
    [InlineData(Limits.MaxData, 1)]
    [InlineData(Limits.MaxData + 1, 2)]
    [InlineData((2 * Limits.MaxData) + 5, 3)]
    public void Much_data_goes_in_as_many_records_as_it_needs(int length, int records) // [BP-7.1-3]
    {
        Establish();
        var all = new byte[length];
        new Random(1).NextBytes(all);
        _client.Send(all, _sent);
        using var reader = new RecordReader(Suite, _keys.ClientTraffic);
        var octets = _sent.WrittenSpan;
        Assert.True(reader.Read(ref octets, out _, out _));
        int count = 0;
        for (; reader.Read(ref octets, out var type, out var part); count++)
        {
            Assert.Equal(RecordType.Data, type);
            _data.Write(part);
        }

        Assert.Equal(records, count);
        Assert.True(_data.WrittenSpan.SequenceEqual(all));
    }

    [Fact]
    public void A_rekey_record_goes_neither_before_Finished_nor_behind_the_close() // [BP-7.6-4], [BP-8.1-2]
    {
        _client.Rekey(_sent);
        Assert.Equal(0, _sent.WrittenCount);
        Establish();
        int before = _sent.WrittenCount;
        _client.Rekey(_sent);
        Assert.True(_sent.WrittenCount > before);
        _client.Close(_sent);
        before = _sent.WrittenCount;
        _client.Rekey(_sent);
        Assert.Equal(before, _sent.WrittenCount);
    }

    [Fact]
    public void The_first_record_is_of_type_finished_whatever_it_holds() // [BP-6.3-6]
    {
        Receive(RecordType.Data, _keys.Finished(Role.Server));
        Assert.Equal((ChannelState.Failed, false), (_client.State, _client.IsEstablished));
    }

    [Fact]
    public void A_record_that_is_ignored_counts_with_data_too() // [BP-7.4-5]
    {
        Establish();
        for (int i = 0; i < Limits.MaxIdleRecords; i++)
        {
            Receive(RecordType.FirstIgnored, [1]);
        }

        Assert.Equal(ChannelState.Open, _client.State);
        Receive(RecordType.FirstIgnored, [1]);
        Assert.Equal(ChannelState.Failed, _client.State);
    }

    [Fact]
    public void An_IDENT_does_not_count_as_one_that_is_ignored() // [BP-7.4-5]
    {
        Establish();
        Receive(RecordType.Ident, Ident.Create([new IdentKey(Secret)], _keys.TranscriptHash));
        Assert.Single(_client.PeerIdents);
        for (int i = 0; i < Limits.MaxIdleRecords; i++)
        {
            Receive(RecordType.Data, []);
        }

        Assert.Equal(ChannelState.Open, _client.State);
        Receive(RecordType.Data, []);
        Assert.Equal(ChannelState.Failed, _client.State);
    }

    [Theory]
    [InlineData(5, ChannelState.Closed)]
    [InlineData(6, ChannelState.Alerted)]
    [InlineData(4, ChannelState.Failed)]
    public void Nothing_changes_how_a_channel_has_ended(byte type, ChannelState state) // [BP-8.2-1], [BP-8.3-7]
    {
        Establish();
        Receive((RecordType)type, type == 5 ? [] : [1]);
        Assert.Equal(state, _client.State);
        int sent = _sent.WrittenCount;
        _client.ConnectionEnded();
        Assert.Equal(state, _client.State);
        _client.Fail(_sent);
        Assert.Equal((state, sent), (_client.State, _sent.WrittenCount));
    }

    [Fact]
    public void A_layer_sends_nothing_behind_the_close() // [BP-8.1-2]
    {
        Establish();
        var layer = new SessionLayer();
        layer.Begin(_client, 0);
        var wire = new PooledBuffer();
        layer.Send("221 bye\r\n"u8, wire);
        _client.Close(wire);
        int before = wire.WrittenCount;
        layer.Send("221 bye\r\n"u8, wire);
        Assert.Equal(before, wire.WrittenCount);
    }

    [Theory]
    [InlineData(1, "NBJM b@b.uftu")]
    [InlineData(25, "LZHK z@z.sdrs")]
    public void A_layer_of_ROT_shifts_by_the_least_and_by_the_most(int shift, string shifted) // [BP-5.5-5], [BP-5.5-6]
    {
        using var layer = new SessionLayer();
        Assert.False(layer.IsOn);
        layer.Begin(null, shift);
        Assert.True(layer.IsOn);
        var (wire, text) = (new PooledBuffer(), new OctetBuffer());
        layer.Send("MAIL a@a.test"u8, wire);
        Assert.Equal(shifted, System.Text.Encoding.ASCII.GetString(wire.WrittenSpan));
        layer.Receive(wire.WrittenSpan, text, new PooledBuffer());
        Assert.Equal("MAIL a@a.test"u8, text.Span);
    }

    [Fact]
    public void The_secret_before_a_rekey_is_erased() // [BP-6.2-3]
    {
        var keys = Field(_server, "_keys");
        var before = (byte[])Field(keys, "_secret");
        Assert.Contains(before, o => o != 0);
        _server.Rekey(_sent);
        Assert.All(before, o => Assert.Equal(0, o));
        Assert.Contains((byte[])Field(keys, "_secret"), o => o != 0);
    }

    [Fact]
    public void A_reader_has_memory_for_the_record_that_is_under_way_and_for_no_other()
    {
        _server.Write(RecordType.Data, "abc"u8, _sent);
        using var reader = new RecordReader(Suite, _keys.ServerTraffic);
        var pool = ArrayPool<byte>.Shared;
        var free = pool.Rent(_sent.WrittenCount);
        pool.Return(free);
        var octets = _sent.WrittenSpan[..^1];
        Assert.False(reader.Read(ref octets, out _, out _));
        var taken = pool.Rent(_sent.WrittenCount);
        Assert.NotSame(free, taken);
        octets = _sent.WrittenSpan[^1..];
        Assert.True(reader.Read(ref octets, out _, out var data));
        Assert.Equal("abc"u8, data);
        Assert.False(reader.Read(ref octets, out _, out _));

        // The pool has it again: whoever asks next on this thread gets it.
        Assert.Same(free, pool.Rent(_sent.WrittenCount));
        pool.Return(free);
        pool.Return(taken);
    }

    private static object Field(object from, string name) =>
        from.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(from)!;

    private void Establish()
    {
        Receive(RecordType.Finished, _keys.Finished(Role.Server));
        Assert.True(_client.IsEstablished);
    }

    private void Receive(RecordType type, ReadOnlySpan<byte> data)
    {
        var record = new ArrayBufferWriter<byte>();
        _server.Write(type, data, record);
        _client.Receive(record.WrittenSpan, _data, _sent);
    }
}
