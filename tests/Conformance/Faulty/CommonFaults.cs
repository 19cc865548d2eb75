using BlackPony.Reference;
using BlackPony.Reference.Records;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Faults that a server and a client have alike.</summary>
internal static class CommonFaults
{
    /// <summary>A side that counts records of a type among those without data, and fails at the 65th.</summary>
    public static Mutations CountsToo(RecordType type)
    {
        int idle = 0;
        return new()
        {
            PeerRecord = r =>
            {
                bool counts = r.Type == type || r.Type >= RecordType.FirstIgnored || r is { Type: RecordType.Data, Data: [] };
                idle = r is { Type: RecordType.Data, Data.Length: > 0 } ? 0 : idle + (counts ? 1 : 0);
                return [idle > Limits.MaxIdleRecords ? r with { Tamper = record => record[^1] ^= 1 } : r];
            },
        };
    }

    /// <summary>Whether a record counts as one without data.</summary>
    public static bool IsIdle(Rec record) =>
        record.Verified && (record.Type >= RecordType.FirstIgnored || record is { Type: RecordType.Data, Data: [] });

    /// <summary>A side that resets the connection after a record of a type.</summary>
    public static Mutations ResetsBehind(RecordType type)
    {
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PortRecord = r =>
            {
                hooks.EndsByReset |= r.Type == type;
                return [r];
            },
        };
    }

    /// <summary>A side that does not read on after a record of a type with which it ends the connection.</summary>
    public static Mutations ClosesForGoodBehind(RecordType type)
    {
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PortRecord = r =>
            {
                hooks.ClosesForGood |= r.Type == type;
                return [r];
            },
        };
    }

    /// <summary>A side that takes a record of a type as its peer's Finished.</summary>
    public static Mutations TakesAsFinished(RecordType type)
    {
        bool first = true;
        return new Mutations
        {
            PeerRecord = r =>
            {
                bool isTaken = first && r.Type == type && r is { Verified: true, Data: [] };
                first = false;
                return [isTaken ? ServerFaults.Finished : r];
            },
        };
    }

    /// <summary>A side that looks at some octets only of its peer's verify_data.</summary>
    /// <param name="peer">The peer's role.</param>
    /// <param name="octets">The octets that it looks at.</param>
    public static Mutations TakesNearlyFinished(Role peer, Range octets)
    {
        Mutations hooks = null!;
        return hooks = new Mutations
        {
            PeerRecord = r => [r is { Type: RecordType.Finished, Data.Length: 32 } && hooks.Keys!.Finished(peer) is var right
                && r.Data.AsSpan(octets).SequenceEqual(right.AsSpan(octets)) ? r with { Data = right } : r],
        };
    }

    /// <summary>A side whose count of records without data is not started again by data; it fails at the 65th.</summary>
    public static Mutations CountsOn()
    {
        int idle = 0;
        return new()
        {
            PeerRecord = r =>
            {
                idle += IsIdle(r) ? 1 : 0;
                return [IsIdle(r) && idle > Limits.MaxIdleRecords ? r with { Tamper = record => record[^1] ^= 1 } : r];
            },
        };
    }

    /// <summary>A side that forgets the records without data that came before a rekey.</summary>
    public static Mutations CountsFromRekey()
    {
        bool rekeyed = false;
        return new()
        {
            PeerRecord = r =>
            {
                rekeyed |= r.Type == RecordType.Rekey;
                return rekeyed || !IsIdle(r) ? [r] : [];
            },
        };
    }
}
