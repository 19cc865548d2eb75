using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.CommonFaults;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerProtection;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerSuite;
using static BlackPony.Tests.Conformance.Faulty.ServerFaults;
using RecordProtection = BlackPony.Reference.Suites.RecordProtection;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Servers that break a requirement of spec 7.</summary>
internal static class Server7Faults
{
    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        // ---------------------------------------------------------------- 7.1 format
        new("BP-7.1-1", "S-7.1-9", "pads a record above the greatest length") { Mutations = PadsLate },
        new("BP-7.1-2", "S-7.1-1 S-7.1-11", "waits for the rest of a record that is too long")
        {
            Mutations = Overlooks(r => IsOutOfBounds(r) && r.Raw is not [0, ..]),
            AlsoFails = "S-4.6-3 S-7.3-1 S-8.3-1",
        },
        new("BP-7.1-2", "S-7.1-5 S-7.1-10", "treats a record of the greatest length as too long")
        {
            Mutations = FailsAt(r => r.Inner == Limits.MaxInner),
            AlsoFails = "S-7.5-2 S-7.6-6",
        },
        new("BP-7.1-3", "S-7.1-2 S-7.1-11", "waits for the rest of a record that is too short")
        {
            Mutations = Overlooks(r => IsOutOfBounds(r) && r.Raw is [0, ..]),
            AlsoFails = "S-8.3-8 S-8.3-10",
        },
        new("BP-7.1-4", "S-7.1-6", "treats the last octet of inner as the type")
        {
            Mutations = FailsAt(r => r.Type == RecordType.Data && r.Inner > 256 && r.Inner > r.Data.Length + 1),
            AlsoFails = "S-4.4-20 S-7.1-9 S-7.5-2 S-7.6-5 S-7.6-6",
        },
        new("BP-7.1-4", "S-7.1-6", "looks for padding where there is none")
        {
            Mutations = FailsAt(r => r.Inner == r.Data.Length + 1),
            AlsoFails = "S-7.1-5 S-7.1-10 S-7.5-2",
        },
        new("BP-7.1-5", "S-7.1-7", "ignores an inner of zero octets only")
        {
            Mutations = Overlooks(r => r is { Verified: true, Type: 0 }),
            AlsoFails = "S-8.3-9",
        },
        new("BP-7.1-6", "S-7.1-3", "treats a small segment as whole records")
        {
            Mutations = () => new Mutations { PeerSegment = p => p.Length < 1000 && !EndsWithRecord(p) ? [0, 0] : p },
            AlsoFails = "S-8.1-3",
        },
        new("BP-7.1-7", "S-7.1-4", "treats each record as whole lines")
        {
            Mutations = FailsAt(r => r.Type == RecordType.Data && !r.Text.EndsWith("\r\n", StringComparison.Ordinal)),
            AlsoFails = "S-7.1-5 S-7.1-10 S-7.4-5 S-7.4-7 S-7.6-1",
        },
        new("BP-7.1-7", "S-7.1-4", "treats a record as one command at most")
        {
            Mutations = FailsAt(r => r.Text.EndsWith("NOOP\r\n", StringComparison.Ordinal) && r.Text.Split("\r\n").Length > 2),
            AlsoFails = "S-7.1-9 S-8.1-7 S-10.2-7",
        },
        new("BP-7.1-8", "S-7.1-8", "delivers a command before its record is verified, and then fails")
        {
            Mutations = Takes(r => r.Verified || r.Type != RecordType.Data ? [r] : [Rec.Line(r.Text), r with { Waits = true }]),
            AlsoFails = "S-7.3-1 S-8.2-2 S-8.2-5 S-8.3-1 S-8.3-9",
        },
        new("BP-7.1-8", "S-8.2-4", "delivers what came of a record")
        {
            Mutations = TakesPart(Rec.Line("all\r\n.\r\n")),
            AlsoFails = "S-8.2-5",
        },

        // ---------------------------------------------------------------- 7.2 AEAD protection
        new("BP-7.2-1", "S-5.3-2", "makes the nonce of AES of a little-endian seq")
        {
            Options = Protection(HybridAes, SealingLittleEndian),
            AlsoFails = "S-4.5-4 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-12 S-10.3-3",
        },
        new("BP-7.2-1", "S-8.3-2 S-8.3-4 S-8.3-5", "opens records under any seq near the right one")
        {
            Options = Protection(Core, p => new(p) { Opens = OpenNear }),
        },
        new("BP-7.2-2", "S-5.3-2", "leaves the length out of the additional data")
        {
            Options = Protection(HybridAes, p => new(p) { Seals = (real, seq, record) => WithoutLength(record, r => real.Seal(seq, r)) }),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-7.2-3", "S-5.3-2", "sends 12 octets of the tag")
        {
            Options = Protection(HybridAes, p => new(p) { CutTag = 12 }),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },

        // ---------------------------------------------------------------- 7.3 Blowfish protection
        new("BP-7.3-1", "S-5.4-5 S-7.6-2", "numbers the blocks from 1")
        {
            Options = Protection(Classic, p => new(p) { Seals = SealFromOne }),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-5 S-4.5-4 S-4.6-2 S-5.4-1 S-5.4-4 S-6.1-4 S-6.1-5 S-6.3-1 S-6.3-12 S-7.1-10 "
                + "S-7.1-11 S-7.3-1 S-7.6-5 S-7.6-6 S-10.3-3",
        },
        new("BP-7.3-2", "S-5.4-5", "sends 16 octets of the tag")
        {
            Options = Protection(Classic, p => new(p) { CutTag = 16 }),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-5 S-4.5-4 S-4.6-2 S-5.4-1 S-5.4-4 S-6.1-4 S-6.1-5 S-6.3-1 S-6.3-12 S-7.1-10 "
                + "S-7.1-11 S-7.3-1 S-7.6-2 S-7.6-5 S-7.6-6 S-10.3-3",
        },
        new("BP-7.3-2", "S-7.3-1", "verifies 16 octets of the tag")
        {
            Options = Protection(Classic, p => new(p) { Opens = Verifying(16) }),
        },
        new("BP-7.3-3", "S-7.3-1", "decrypts without a look at the tag")
        {
            Options = Protection(Classic, p => new(p) { Opens = Verifying(0) }),
        },

        // ---------------------------------------------------------------- 7.4 types
        new("BP-7.4-1", "S-7.4-1", "fails at a record of type 128 or above")
        {
            Mutations = FailsAt(r => r.Type >= RecordType.FirstIgnored),
            AlsoFails = "S-7.4-7",
        },
        new("BP-7.4-1", "S-7.4-1", "treats a record of type 128 or above as data")
        {
            Mutations = Takes(r => r.Type >= RecordType.FirstIgnored ? [r with { Type = RecordType.Data }] : [r]),
            AlsoFails = "S-8.2-5",
        },
        new("BP-7.4-2", "S-7.4-2", "ignores a record of an unassigned type")
        {
            Mutations = Overlooks(r => r.Verified && (int)r.Type is > 6 and < 128),
            AlsoFails = "S-8.1-11 S-8.3-9",
        },
        new("BP-7.4-2", "S-7.4-2", "ignores a record of type 127") { Mutations = Overlooks(r => r.Verified && (int)r.Type is 127) },
        new("BP-7.4-3", "S-7.4-3", "takes a close that carries data") { Mutations = Takes(RecordType.Close, r => [r with { Data = [] }]) },
        new("BP-7.4-3", "S-7.4-3", "takes a rekey that carries data") { Mutations = Takes(RecordType.Rekey, r => [r with { Data = [] }]) },
        new("BP-7.4-4", "S-7.4-5", "fails at a data record without data")
        {
            Mutations = FailsAt(r => r.Type == RecordType.Data && r.Data.Length == 0),
            AlsoFails = "S-7.4-7",
        },
        new("BP-7.4-6", "S-7.4-6", "restarts the count of records without data at a rekey")
        {
            Mutations = CountsFromRekey,
            AlsoFails = "S-6.3-9 S-7.4-4",
        },
        new("BP-7.4-5", "S-7.4-7", "counts Finished among the records without data") { Mutations = () => CountsToo(RecordType.Finished) },
        new("BP-7.4-5", "S-7.4-4", "takes any number of records without data")
        {
            Mutations = Overlooks(IsIdle),
            AlsoFails = "S-6.3-9 S-7.4-6",
        },

        // ---------------------------------------------------------------- 7.5 padding
        new("BP-7.5-1", "S-7.5-1", "does not pad") { Mutations = Sends(r => [r with { Inner = r.Data.Length + 1 }]) },
        new("BP-7.5-1", "S-7.5-1", "does not pad its close") { Mutations = Sends(RecordType.Close, r => [r with { Inner = 1 }]) },
        new("BP-7.5-2", "S-7.5-2", "fails at more padding than it would send itself")
        {
            Mutations = FailsAt(r => r.Inner > r.Data.Length + 256),
            AlsoFails = "S-7.1-6",
        },
        new("BP-7.5-2", "S-7.5-2", "fails at a record without padding")
        {
            Mutations = FailsAt(r => r.Inner % 256 != 0),
            AlsoFails = "S-7.1-5 S-7.1-6 S-7.1-10",
        },

        // ---------------------------------------------------------------- 7.6 rekey
        new("BP-7.6-2", "S-7.6-5", "never rekeys its Blowfish records")
        {
            Options = Protection(Classic, p => new(p) { IsTireless = true }),
        },
        new("BP-7.6-3", "S-7.6-6", "takes any number of Blowfish blocks")
        {
            Options = Protection(Classic, p => new(p) { IsTireless = true }),
        },
        new("BP-7.6-4", "S-7.6-1 S-7.6-2", "fails at a rekey")
        {
            Mutations = FailsAt(r => r.Type == RecordType.Rekey),
            AlsoFails = "S-7.6-3",
        },
        new("BP-7.6-4", "S-7.6-1", "fails at a rekey within a line")
        {
            Mutations = () =>
            {
                bool within = false;
                return new Mutations
                {
                    PeerRecord = r =>
                    {
                        within = r.Type == RecordType.Data ? !r.Text.EndsWith("\r\n", StringComparison.Ordinal) : within;
                        return within && r.Type == RecordType.Rekey ? [Spoilt(r)] : [r];
                    },
                };
            },
        },
        new("BP-7.6-5", "S-7.6-3", "answers a rekey with its own")
        {
            Mutations = () =>
            {
                bool asked = false;
                return new Mutations
                {
                    PeerRecord = r =>
                    {
                        asked |= r.Type == RecordType.Rekey;
                        return [r];
                    },
                    PortRecord = r =>
                    {
                        Rec[] records = asked ? [new Rec(RecordType.Rekey, []), r] : [r];
                        asked = false;
                        return records;
                    },
                };
            },
        },
    ];

    private static Mutations PadsLate()
    {
        int sent = 0;
        return new Mutations { PortRecord = r => [r.Type == RecordType.Data && ++sent > 50 ? r with { Inner = Limits.MaxInner + 1 } : r] };
    }

    /// <summary>Whether a segment ends where a record ends.</summary>
    internal static bool EndsWithRecord(ReadOnlySpan<byte> segment)
    {
        while (segment.Length >= 2 && BinaryPrimitives.ReadUInt16BigEndian(segment) + 2 <= segment.Length)
        {
            segment = segment[(2 + BinaryPrimitives.ReadUInt16BigEndian(segment))..];
        }

        return segment.IsEmpty;
    }

    internal static bool IsOutOfBounds(Rec record) => record is { Verified: false, Type: 0 };

    // What does not verify is taken as if it did.
    internal static IEnumerable<Rec> Unverified(Rec record) =>
        [record.Verified || IsOutOfBounds(record) ? record : new Rec(record.Type, record.Data)];

    private static FaultyServerProtection SealingLittleEndian(RecordProtection real) =>
        new(real) { Seals = (p, seq, record) => p.Seal(LittleEndian(seq), record) };
}
