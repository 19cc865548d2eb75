using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.ClientMutations;
using static BlackPony.Tests.Conformance.Faulty.CommonFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a requirement of spec 6.</summary>
internal static class Client6Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 6.1 transcript hash
        new("BP-6.1-1", "C-4.1-8", "hashes the offer with one space before each token")
        {
            Mutations = _ => ReadsOffer(l => string.Join(' ', l.Split(' ', StringSplitOptions.RemoveEmptyEntries))),
        },
        new("BP-6.1-1", "C-6.1-2", "does not hash the offer's grease")
        {
            Mutations = _ =>
                ReadsOffer(l => l.IndexOf(" G-", StringComparison.Ordinal) is > 0 and var at && at == l.Length - 7 ? l[..at] : l),
            AlsoFails = "C-4.1-15",
        },
        new("BP-6.1-2", "C-6.1-3", "does not hash the command's grease")
        {
            Mutations = _ => Commands(l => l.Contains(HybridAes, StringComparison.Ordinal) ? l + " G-1234" : l),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-6.1-3", "C-6.1-5", "hashes another continuation than it sends")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Continues = Flipped }),
            Mutations = _ =>
                new Mutations { PortLine = l => l.Length == 512 ? Convert.ToBase64String(Flipped(Convert.FromBase64String(l))!) : l },
            AlsoFails = "C-4.3-21 C-4.3-24 C-4.5-1 C-5.4-1 C-5.4-7 C-6.3-2 C-6.5-1 C-7.1-10 C-7.1-11 C-7.3-1 C-7.3-2 C-7.5-1",
        },
        new("BP-6.1-4", "C-4.3-5 C-6.1-1 C-6.1-4", "hashes the 220 as one line")
        {
            Mutations = _ =>
            {
                var share = "";
                Mutations hooks = null!;
                return hooks = AfterCommand(l =>
                {
                    bool part = hooks.Suite == Core && l.StartsWith("220", StringComparison.Ordinal)
                        && l[4..].StartsWith("K=", StringComparison.Ordinal);
                    share += part ? l[6..] : "";
                    return !part ? l : l[3] == '-' ? null : "220 K=" + share;
                });
            },
            AlsoFails = "C-4.3-8 C-4.3-20",
        },
        new("BP-6.1-5", "C-4.1-6", "hashes the offer in upper case")
        {
            Mutations = _ => ReadsOffer(l => l.ToUpperInvariant()),
            AlsoFails = "C-4.1-1 C-4.1-7 C-10.4-6",
        },
        new("BP-6.1-6", "C-6.1-6", "hashes the 504 in words of its own")
        {
            Mutations = _ => new Mutations
            {
                PeerLine = l => l.StartsWith("504", StringComparison.Ordinal) ? "504 5.5.4 Refused" : l,
            },
            AlsoFails = "C-4.8-4",
        },
        new("BP-6.1-6", "C-6.1-6 C-6.1-7", "does not hash the command that was refused with 504")
        {
            Options = ClientSuite.Only(Core),
            Mutations = _ => FirstTries(Hybrid),
            AlsoFails = "C-4.2-6 C-4.2-7 C-4.4-6 C-4.8-2 C-4.8-4 C-4.8-5 C-5.3-1 C-5.4-1 C-9.1-9 C-9.2-5 C-9.4-16",
        },

        // ---------------------------------------------------------------- 6.2 keys
        new("BP-6.2-1", "C-5.3-4", "salts with the suite's name in lower case")
        {
            Options = ClientSuite.In(HybridAes, s => new ClientSuite(s) { NameInUse = s.Name.ToLowerInvariant() }),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-6.1-3 C-6.1-6 C-6.3-2 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-6.2-2", "C-8.3-6", "opens records with the keys under which it seals")
        {
            Mutations = _ =>
            {
                var last = Rec.Line("");
                return new Mutations
                {
                    PortRecord = r => [last = r],
                    PeerRecord = r => [r.Verified ? r : last],
                };
            },
            AlsoFails = "C-7.1-2 C-7.1-3 C-7.1-7 C-7.1-11 C-7.3-1 C-7.3-2 C-8.3-1 C-8.3-2 C-8.3-3 C-10.4-10",
        },

        // ---------------------------------------------------------------- 6.3 Finished
        new("BP-6.3-1", "C-6.3-2", "begins with another record than Finished")
        {
            Mutations = _ => RareRecords(RecordType.Finished, r => [new Rec(RecordType.FirstIgnored, []), r]),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-6.3-1", "C-6.3-2", "sends zeros for its verify_data")
        {
            Mutations = _ => RareRecords(RecordType.Finished, r => [r with { Data = new byte[32] }]),
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-6.3-3", "C-6.3-1", "sends EHLO before it verified the server's Finished")
        {
            Mutations = _ => SpeaksFirst(),
            AlsoFails = "C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-9",
        },
        new("BP-6.3-4", "C-6.3-2", "sends its Finished after its EHLO")
        {
            Mutations = _ =>
            {
                Rec? finished = null;
                return RareRecords(r =>
                {
                    Rec[] records = r.Type == RecordType.Finished ? [] : finished is null ? [r] : [r, finished];
                    finished = r.Type == RecordType.Finished ? r : null;
                    return records;
                });
            },
            AlsoFails = "C-4.3-21 C-4.5-1 C-4.8-4 C-5.3-4 C-6.1-3 C-6.1-6 C-6.5-1 C-7.5-1 C-8.1-1",
        },
        new("BP-6.3-6", "C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-9", "steps over what comes before the server's Finished")
        {
            Mutations = _ => IgnoresUntilFinished(),
            AlsoFails = "C-4.3-4 C-5.3-2 C-5.4-4 C-5.4-10 C-5.4-11 C-6.1-1 C-6.1-2 C-6.1-3 C-6.1-4 C-6.1-5 C-6.1-7 C-6.3-8 C-8.3-5",
        },
        new("BP-6.3-7", "C-6.3-1", "does not look at the server's verify_data")
        {
            Mutations = _ => TakesAnyFinished(),
            AlsoFails = "C-4.3-4 C-5.3-2 C-5.4-4 C-5.4-10 C-5.4-11 C-6.1-1 C-6.1-2 C-6.1-3 C-6.1-4 C-6.1-5 C-6.1-7 C-6.3-3 C-6.3-4 "
                + "C-6.3-5 C-6.3-6 C-6.3-8 C-6.3-9 C-8.3-5 C-9.1-5 C-9.4-8",
        },
        new("BP-6.3-7", "C-6.3-1", "looks at all octets of the server's verify_data but the last")
        {
            Mutations = _ => TakesNearlyFinished(Role.Server, 0..31),
        },
        new("BP-6.3-7", "C-6.3-1", "looks at all octets of the server's verify_data but the first")
        {
            Mutations = _ => TakesNearlyFinished(Role.Server, 1..32),
        },
        new("BP-6.3-8", "C-6.3-7", "steps over a second Finished")
        {
            Mutations = _ =>
            {
                int count = 0;
                return Ignores(r => r.Type == RecordType.Finished && ++count == 2);
            },
        },

        // ---------------------------------------------------------------- 6.5 IDENT
        new("BP-6.5-3", "C-6.5-1", "sends an ident record")
        {
            Mutations = _ => RareRecords(RecordType.Finished, r => [r, new Rec(RecordType.Ident, new byte[96])]),
        },
        new("BP-6.5-4", "C-6.5-4 C-6.5-5", "steps over an ident record that is not the server's second")
        {
            Mutations = _ => Ignores(r => r.Type == RecordType.Ident),
            AlsoFails = "C-6.3-5 C-6.5-2 C-6.5-3 C-6.5-6 C-9.4-5 C-9.4-6 C-9.4-10 C-9.4-15",
        },
        new("BP-6.5-5", "C-6.5-3", "steps over an ident record of a wrong length")
        {
            Mutations = _ => Ignores(r => r.Type == RecordType.Ident && (r.Data.Length is 0 or > 384 || r.Data.Length % 96 != 0)),
        },
        new("BP-6.5-5", "C-6.5-1", "treats an ident record of four keys as too long")
        {
            Mutations = _ => Rejects(r => r.Type == RecordType.Ident && r.Data.Length == 96 * Limits.MaxIdents),
        },
        new("BP-6.5-6", "C-6.5-2", "does not verify the signatures of an ident record")
        {
            Mutations = _ => Ignores(r => r.Type == RecordType.Ident),
            AlsoFails = "C-6.3-5 C-6.5-3 C-6.5-4 C-6.5-5 C-6.5-6 C-9.4-5 C-9.4-6 C-9.4-10 C-9.4-15",
        },
        new("BP-6.5-6", "C-6.5-6", "treats a withdrawn key as a failure")
        {
            Mutations = _ =>
            {
                Mutations hooks = null!;
                return hooks = ReadsIdent(d => Ident.Verify(d, hooks.Keys!.TranscriptHash)?.Any(k => k.IsWithdrawn) == true
                    ? [.. d[..^1], (byte)~d[^1]]
                    : d);
            },
            AlsoFails = "C-9.4-10 C-9.4-15",
        },
        new("BP-6.5-10", "C-6.5-7", "treats an ident record that has a key twice as a failure")
        {
            Mutations = _ => Rejects(r => r.Type == RecordType.Ident && r.Data.Length == 192
                && r.Data.AsSpan(0, 32).SequenceEqual(r.Data.AsSpan(96, 32))),
        },
        new("BP-6.5-9", "C-9.4-15", "treats a key that is shown and withdrawn as one that is shown")
        {
            Mutations = _ => ReadsIdent(d => d.Length % 96 > 0 || d.Length > 384
                ? d
                : [.. d.Chunk(96).Reverse().DistinctBy(e => Convert.ToHexString(e[..32])).SelectMany(e => e)]),
        },
    ];

    // Reads another ident record than came.
    private static Mutations ReadsIdent(Func<byte[], byte[]> change) => new()
    {
        PeerRecord = r => [r.Type == RecordType.Ident ? r with { Data = change(r.Data) } : r],
    };

    // Where the server's Finished is wrong.
    private static Mutations SpeaksFirst()
    {
        var last = RecordType.FirstIgnored;
        return new Mutations
        {
            PeerRecord = r =>
            {
                last = r.Verified ? r.Type : 0;
                return [r];
            },
            PortRecord = r => r.Type == RecordType.Alert && last == RecordType.Finished ? [Rec.Line("EHLO client.test\r\n"), r] : [r],
        };
    }

    private static Mutations IgnoresUntilFinished()
    {
        bool finished = false;
        return Ignores(r => !(finished |= r.Type == RecordType.Finished));
    }

    private static byte[]? Flipped(byte[]? octets) => octets is null ? null : ServerFaults.Turned(octets);
}
