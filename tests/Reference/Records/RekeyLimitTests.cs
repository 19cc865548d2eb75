using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Records;

/// <summary>The limits of spec 7.6, with suites whose limit can be reached in a test.</summary>
public class RekeyLimitTests
{
    private const int Budget = 10;

    [Fact]
    public void The_limits_are_those_of_the_table() // [BP-7.6-1], [BP-7.6-2]
    {
        using var aead = SuiteRegistry.Find("X25519-CHACHA20POLY1305")!.Protect(new byte[32]);
        using var blowfish = SuiteRegistry.Find("RSA-BLOWFISH")!.Protect(new byte[32]);
        Assert.Equal((Limits.AeadRekeyRecords, 1L, 1L), (aead.Budget, aead.Cost(1), aead.Cost(Limits.MaxInner)));
        Assert.Equal((Limits.BlowfishRekeyBlocks, 1L, 2049L), (blowfish.Budget, blowfish.Cost(8), blowfish.Cost(Limits.MaxInner)));
    }

    [Fact]
    public void A_sender_rekeys_in_time_for_the_rekey_record_itself() // [BP-7.6-1]
    {
        var suite = new Small(Budget);
        using var writer = new RecordWriter(suite, new byte[32]);
        using var reader = new RecordReader(suite, new byte[32]);
        var types = Enumerable.Range(0, 25).SelectMany(i => Read(reader, o => writer.Write(RecordType.Data, [(byte)i], o))).ToList();
        Assert.False(reader.Failed);
        Assert.Equal(25, types.Count(t => t == RecordType.Data));
        Assert.Equal([9, 19], types.Select((t, i) => (t, i)).Where(p => p.t == RecordType.Rekey).Select(p => p.i));
    }

    [Fact]
    public void A_recipient_fails_at_the_first_record_beyond_the_limit() // [BP-7.6-3]
    {
        using var writer = new RecordWriter(new Small(100), new byte[32]);
        using var reader = new RecordReader(new Small(Budget), new byte[32]);
        var types = Enumerable.Range(0, 12).SelectMany(i => Read(reader, o => writer.Write(RecordType.Data, [(byte)i], o))).ToList();
        Assert.True(reader.Failed);
        Assert.Equal(Budget, types.Count);
    }

    [Fact]
    public void A_Blowfish_record_counts_by_its_inner_and_nothing_else() // [BP-7.6-2]
    {
        // Three records of 256 octets, the rekey record among them.
        var suite = new Small(3 * 256 / 8, "RSA-BLOWFISH");
        using var writer = new RecordWriter(suite, new byte[32]);
        using var reader = new RecordReader(suite, new byte[32]);
        var types = Enumerable.Range(0, 5).SelectMany(i => Read(reader, o => writer.Write(RecordType.Data, [(byte)i], o))).ToList();
        Assert.False(reader.Failed);
        Assert.Equal(
            [RecordType.Data, RecordType.Data, RecordType.Rekey, RecordType.Data, RecordType.Data, RecordType.Rekey,
                RecordType.Data], types);
    }

    [Fact]
    public void A_full_Blowfish_record_counts_its_last_block() // [BP-7.6-3]
    {
        using var writer = new RecordWriter(SuiteRegistry.Find("RSA-BLOWFISH")!, new byte[32]);
        using var reader = new RecordReader(new Small((2 * 2049) - 1, "RSA-BLOWFISH"), new byte[32]);
        Assert.Single(Read(reader, o => writer.Write(RecordType.Data, new byte[Limits.MaxData], o)));
        Assert.Empty(Read(reader, o => writer.Write(RecordType.Data, new byte[Limits.MaxData], o)));
        Assert.True(reader.Failed);
    }

    private static List<RecordType> Read(RecordReader reader, Action<ArrayBufferWriter<byte>> write)
    {
        var output = new ArrayBufferWriter<byte>();
        write(output);
        var octets = output.WrittenSpan;
        var types = new List<RecordType>();
        while (reader.Read(ref octets, out var type, out _))
        {
            types.Add(type);
            if (type == RecordType.Rekey)
            {
                reader.Rekey();
            }
        }

        return types;
    }

    /// <summary>A suite with a limit of its own.</summary>
    private sealed class Small(long budget, string name = "X25519-CHACHA20POLY1305") : Suite
    {
        private readonly Suite _whole = SuiteRegistry.Find(name)!;

        public override string Name => _whole.Name;

        internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => _whole.StartClient(random, rsaKeys);

        internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => _whole.StartServer(random, rsaKeys);

        internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => new Limited(_whole.Protect(trafficSecret), budget);
    }

    private sealed class Limited(RecordProtection whole, long budget) : RecordProtection
    {
        public override int TagLength => whole.TagLength;

        public override long Budget => budget;

        public override long Cost(int innerLength) => whole.Cost(innerLength);

        public override void Seal(ulong seq, Span<byte> record) => whole.Seal(seq, record);

        public override bool Open(ulong seq, Span<byte> record) => whole.Open(seq, record);

        public override void Dispose() => whole.Dispose();
    }
}
