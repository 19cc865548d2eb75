using System.Buffers.Binary;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.ClientMutations;
using static BlackPony.Tests.Conformance.Faulty.CommonFaults;
using RecordProtection = BlackPony.Reference.Suites.RecordProtection;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 7.</summary>
internal static class Client7Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 7.1 format
        new("BP-7.1-1", "C-7.1-1", "makes records that are too long")
        {
            Mutations = _ => Sends(RecordType.Data, r => [r.Data.Length < 10_000 ? r : r with { Inner = Limits.MaxInner + 1 }]),
        },
        new("BP-7.1-2", "C-7.1-2", "waits for a record that is too long")
        {
            Mutations = _ => Ignores(r => !r.Verified),
            AlsoFails = "C-4.3-4 C-5.3-2 C-5.4-4 C-5.4-10 C-5.4-11 C-6.1-1 C-6.1-2 C-6.1-3 C-6.1-4 C-6.1-5 C-6.1-7 C-7.1-3 C-7.1-7 "
                + "C-7.1-11 C-7.3-1 C-7.3-2 C-8.3-1 C-8.3-2 C-8.3-3 C-8.3-5 C-8.3-6",
        },
        new("BP-7.1-2", "C-7.1-8", "treats the greatest length as too long")
        {
            Mutations = _ => Rejects(r => r.Inner == Limits.MaxInner),
            AlsoFails = "C-7.1-10",
        },
        new("BP-7.1-2", "C-7.1-10", "treats the greatest length as too long in RSA-BLOWFISH")
        {
            Mutations = _ =>
            {
                Mutations hooks = null!;
                return hooks = Rejects(r => hooks.Suite == Classic && r.Inner == Limits.MaxInner);
            },
        },
        new("BP-7.1-2", "C-7.1-11", "waits for a record that is too long in RSA-BLOWFISH")
        {
            Mutations = _ => Ignores(r => !r.Verified && r.Raw is [0x40, 0x22]),
        },
        new("BP-7.1-3", "C-7.1-11", "accepts the length of a tag of 16 octets in RSA-BLOWFISH")
        {
            Mutations = _ => Ignores(r => !r.Verified && r.Raw is [0, Limits.HmacTag]),
        },
        new("BP-7.1-3", "C-7.1-3", "waits after a record that is too short")
        {
            Mutations = _ => Ignores(r => !r.Verified && r.Raw is [0, Limits.AeadTag]),
        },
        new("BP-7.1-4", "C-7.1-5", "looks for the type before padding only")
        {
            Mutations = _ => Rejects(r => r.Inner == r.Data.Length + 1),
        },
        new("BP-7.1-5", "C-7.1-6", "steps over a record of zeros") { Mutations = _ => Ignores(r => r.Verified && r.Type == 0) },
        new("BP-7.1-6", "C-7.1-4", "treats a segment as whole records")
        {
            Mutations = _ => new Mutations { PeerRecord = r => [r], PeerSegment = s => Server7Faults.EndsWithRecord(s) ? s : [0, 0] },
            AlsoFails = "C-8.1-2 C-8.1-3",
        },
        new("BP-7.1-7", "C-7.1-9", "treats a data record as whole lines")
        {
            Mutations = _ => Rejects(r => r.Type == RecordType.Data && !r.Text.EndsWith("\r\n", StringComparison.Ordinal)),
            AlsoFails = "C-7.4-4 C-7.4-8 C-7.4-9 C-7.6-1",
        },
        new("BP-7.1-8", "C-7.1-7", "delivers a reply before its record is verified, and then fails")
        {
            Mutations = _ => new Mutations
            {
                PeerRecord = r => r.Verified || r.Type != RecordType.Data ? [r] : [Rec.Line(r.Text), r with { Waits = true }],
            },
            AlsoFails = "C-7.3-1 C-8.2-2 C-8.3-1 C-10.4-10",
        },

        // ---------------------------------------------------------------- 7.2, 7.3 protection
        new("BP-7.2-1", "C-5.3-4", "puts seq into the AES nonce in the wrong order")
        {
            Options = Seals(HybridAes, p => new ClientRecords(p) { Counts = BinaryPrimitives.ReverseEndianness }),
            AlsoFails = "C-4.5-1 C-4.8-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-7.2-2", "C-5.3-4", "puts the length into the additional data in the wrong order")
        {
            Options = Seals(HybridAes,
                p => new ClientRecords(p) { Before = record => record[..2].Reverse(), After = record => record[..2].Reverse() }),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-7.2-3", "C-5.3-4", "makes a tag of 12 octets")
        {
            Options = Seals(HybridAes, p => new ClientRecords(p) { After = record => record[^4..].Clear() }),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-7.3-1", "C-5.4-7", "begins with the wrong counter block")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Counts = seq => seq + 1 }),
            AlsoFails = "C-4.3-21 C-4.3-24 C-4.5-1 C-5.4-1 C-6.1-5 C-6.3-2 C-6.5-1 C-7.1-10 C-7.1-11 C-7.3-1 C-7.3-2 C-7.5-1",
        },
        new("BP-7.3-2", "C-5.4-7", "makes a tag of half an HMAC")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { After = record => record[^16..].Clear() }),
            AlsoFails = "C-4.3-21 C-4.3-24 C-4.5-1 C-5.4-1 C-6.1-5 C-6.3-2 C-6.5-1 C-7.1-10 C-7.1-11 C-7.3-1 C-7.3-2 C-7.5-1",
        },
        new("BP-7.3-2", "C-7.3-1", "verifies half an HMAC")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Opens = FaultyServerProtection.Verifying(16) }),
        },
        new("BP-7.3-3", "C-7.3-2", "decrypts without a look at the tag")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Opens = FaultyServerProtection.Verifying(0) }),
            AlsoFails = "C-7.3-1",
        },

        // ---------------------------------------------------------------- 7.4 types
        new("BP-7.4-1", "C-7.4-1", "takes offence at a record of type 128")
        {
            Mutations = _ => Rejects(r => r.Type >= RecordType.FirstIgnored),
            AlsoFails = "C-7.4-8 C-7.4-9",
        },
        new("BP-7.4-2", "C-7.4-2", "steps over a record of type 7") { Mutations = _ => Ignores(r => r.Type == (RecordType)7) },
        new("BP-7.4-2", "C-7.4-2", "steps over a record of type 127") { Mutations = _ => Ignores(r => r.Type == (RecordType)127) },
        new("BP-7.4-3", "C-7.4-3 C-7.4-6", "does not look whether a close or rekey carries data")
        {
            Mutations = _ => new Mutations { PeerRecord = r => [r.Type is RecordType.Close or RecordType.Rekey ? new Rec(r.Type, []) : r] },
        },
        new("BP-7.4-4", "C-7.4-4", "takes offence at a data record without data")
        {
            Mutations = _ => Rejects(r => r.Type == RecordType.Data && r.Data.Length == 0),
            AlsoFails = "C-7.4-8 C-7.4-9",
        },
        new("BP-7.4-6", "C-7.4-7", "restarts the count of records without data at a rekey")
        {
            Mutations = _ => CountsFromRekey(),
            AlsoFails = "C-6.3-6 C-6.5-5 C-7.4-5",
        },
        new("BP-7.4-6", "C-7.4-9", "does not restart the count of records without data at data") { Mutations = _ => CountsOn() },
        new("BP-7.4-5", "C-7.4-8", "counts ident among the records without data") { Mutations = _ => CountsToo(RecordType.Ident) },
        new("BP-7.4-5", "C-7.4-8", "counts Finished among the records without data")
        {
            Mutations = _ => CountsToo(RecordType.Finished),
            AlsoFails = "C-7.4-9",
        },
        new("BP-7.4-5", "C-7.4-5", "takes any number of records without data")
        {
            Mutations = _ => Ignores(IsIdle),
            AlsoFails = "C-6.3-6 C-6.5-5 C-7.4-7",
        },

        // ---------------------------------------------------------------- 7.5 padding
        new("BP-7.5-1", "C-7.5-1", "does not pad") { Mutations = _ => RareRecords(r => [r with { Inner = r.Data.Length + 1 }]) },
        new("BP-7.5-2", "C-7.5-2", "takes offence at a padding other than its own")
        {
            Mutations = _ => Rejects(r => r.Inner % Limits.PadTo != 0),
            AlsoFails = "C-7.1-5 C-7.1-8 C-7.1-10",
        },

        // ---------------------------------------------------------------- 7.6 rekey
        new("BP-7.6-2", "C-7.6-2", "never rekeys") { Options = Seals(Classic, p => new ClientRecords(p) { Endless = true }) },
        new("BP-7.6-3", "C-7.6-3", "takes any number of blocks under one traffic secret")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Endless = true }),
        },
        new("BP-7.6-3", "C-7.6-3", "rounds a record's blocks down")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Costs = length => length / 8 }),
        },
        new("BP-7.6-3", "C-7.6-3", "takes one block more than the limit")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Spent = -1 }),
        },
        new("BP-7.6-3", "C-7.6-3", "treats the limit itself as exceeded")
        {
            Options = Seals(Classic, p => new ClientRecords(p) { Spent = 1 }),
        },
        new("BP-7.6-3", "C-7.6-3", "counts the blocks from before a rekey too")
        {
            Options = ClientSuite.In(Classic, s =>
            {
                ClientSuite suite = null!;
                return suite = new ClientSuite(s) { Protects = p => new ClientRecords(p) { Spent = suite.Secrets > 2 ? 96 : 0 } };
            }),
        },
        new("BP-7.6-4", "C-7.6-1", "takes offence at a rekey before its time")
        {
            Mutations = _ => Rejects(r => r.Type == RecordType.Rekey),
        },
        new("BP-7.6-5", "C-7.6-1", "answers a rekey with its own")
        {
            Mutations = _ =>
            {
                bool answers = false;
                return new Mutations
                {
                    PeerRecord = r =>
                    {
                        answers |= r.Type == RecordType.Rekey;
                        return [r];
                    },
                    PortRecord = r =>
                    {
                        Rec[] records = answers ? [new Rec(RecordType.Rekey, []), r] : [r];
                        answers = false;
                        return records;
                    },
                };
            },
        },
    ];

    private static Func<MailerOptions, MailerOptions> Seals(string suite, Func<RecordProtection, RecordProtection> change) =>
        ClientSuite.In(suite, s => new ClientSuite(s) { Protects = change });
}
