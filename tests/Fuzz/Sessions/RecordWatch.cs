using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Sessions;

/// <summary>Reads what a side sent after the switch, and holds it to spec 6.3, 7 and 8: whole records, in order, and nothing behind the last.</summary>
public static class RecordWatch
{
    /// <summary>Checks a direction from its first record on.</summary>
    /// <returns>The data of its data records.</returns>
    public static byte[] Check(Role sender, Suite suite, ReadOnlySpan<byte> trafficSecret, ReadOnlySpan<byte> wire, bool mayHaveData)
    {
        using var reader = new RecordReader(suite, trafficSecret);
        var data = new List<byte>();
        bool first = true;
        bool last = false;
        while (reader.Read(ref wire, out var type, out var content))
        {
            Invariant.That(!last, "nothing follows a close or an alert [BP-8.1-2]");
            Invariant.That(type is RecordType.Finished == first || (first && type == RecordType.Alert), "the first record is Finished, or an alert [BP-6.3-1]");
            Invariant.That(type != RecordType.Ident || sender == Role.Server, "a client sends no ident [BP-6.5-3]");
            Invariant.That(type != RecordType.Data || mayHaveData, "no data before the peer's Finished [BP-6.3-5]");
            Invariant.That(type != RecordType.Alert || content is [1], "an alert is the octet 1 [BP-8.3-2]");
            Invariant.That(type is >= RecordType.Data and <= RecordType.Alert, "only types that there are");
            first = false;
            last = type is RecordType.Close or RecordType.Alert;
            if (type == RecordType.Data)
            {
                data.AddRange(content);
            }
            else if (type == RecordType.Rekey)
            {
                reader.Rekey();
            }
        }

        Invariant.That(!reader.Failed && wire.IsEmpty, "nothing but whole records after the switch [BP-4.6-3], [BP-4.6-4]");
        return [.. data];
    }
}
