using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Sessions;

/// <summary>
/// Reads what a side sent after the switch, and holds it to spec 6.3, 7 and 8: whole records, in order, and nothing behind the last.
/// </summary>
public static class RecordWatch
{
    /// <summary>Checks a direction from its first record on, and that it ended as its side reports (spec 11.1).</summary>
    /// <returns>The data of its data records.</returns>
    public static byte[] Check(Role sender, Suite suite, ReadOnlySpan<byte> trafficSecret, ReadOnlySpan<byte> wire, bool mayHaveData,
        string closed = "")
    {
        using var reader = new RecordReader(suite, trafficSecret);
        var data = new List<byte>();
        bool first = true;
        var last = default(RecordType?);
        while (reader.Read(ref wire, out var type, out var content))
        {
            Invariant.That(last is not (RecordType.Close or RecordType.Alert), "nothing follows a close or an alert [BP-8.1-2]");
            Invariant.That(type is RecordType.Finished == first || (first && type == RecordType.Alert),
                "the first record is Finished, or an alert [BP-6.3-1]");
            Invariant.That(type != RecordType.Ident || sender == Role.Server, "a client sends no ident [BP-6.5-3]");
            Invariant.That(type != RecordType.Data || mayHaveData, "no data before the peer's Finished [BP-6.3-5]");
            Invariant.That(type != RecordType.Alert || content is [1], "an alert is the octet 1 [BP-8.3-2]");
            Invariant.That(type is >= RecordType.Data and <= RecordType.Alert, "only types that there are");
            first = false;
            last = type;
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
Invariant.That(closed != "close" || last == RecordType.Close, "who closes says so [BP-8.1-1]");
        Invariant.That(closed != "failure" || last is RecordType.Alert or RecordType.Close,
            "who fails says so, unless it had closed [BP-8.3-1]");
        return [.. data];
    }
}
