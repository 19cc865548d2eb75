using System.Buffers;
using BlackPony.Fuzz.Sessions;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The record reader under each protection (spec 7): good records, then the fuzzer's octets, then a good record again.</summary>
internal static class RecordParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        foreach (var suite in QuickSuite.All)
        {
            Run(suite, input, Cut.Whole);
            Run(suite, input, Cut.Anywhere);
        }
    }

    private static void Run(Suite suite, ReadOnlySpan<byte> input, Func<byte[], IEnumerable<byte[]>> cut)
    {
        var secret = new byte[32];
        using var writer = new RecordWriter(suite, secret);
        using var reader = new RecordReader(suite, secret);
        var wire = new ArrayBufferWriter<byte>();
        var data = input[..Math.Min(input.Length, Limits.MaxData)];
        writer.Write(RecordType.Data, data, wire);
        writer.Rekey(wire);
        writer.Write(RecordType.FirstIgnored, data, wire);
        int good = wire.WrittenCount;
        var read = new List<(RecordType Type, byte[] Data)>();
        foreach (var piece in cut([.. wire.WrittenSpan, .. input, .. wire.WrittenSpan]))
        {
            var rest = piece.AsSpan();
            ReadOnlySpan<byte> octets = rest;
            while (reader.Read(ref octets, out var type, out var content))
            {
                read.Add((type, content.ToArray()));
                if (type == RecordType.Rekey)
                {
                    reader.Rekey();
                }
            }

            Invariant.That(reader.Failed || octets.IsEmpty, "a reader takes all or fails");
        }

        Invariant.That(read.Count == 3 && read[0].Type == RecordType.Data && read[1].Type == RecordType.Rekey
            && read[2].Type == RecordType.FirstIgnored, "three good records are read, and nothing that was not written");
        Invariant.Same(read[0].Data, data, "a record reads back");
        Invariant.Same(read[2].Data, data, "a record reads back after a rekey");
        Invariant.That(good >= data.Length, "nothing is lost");
    }
}
