using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.FaultyServerSuite;
using static BlackPony.Tests.Conformance.Faulty.ServerFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>
/// Servers that break a requirement of spec 6. What a server hashes otherwise shows as a difference between what the reference hashed and
/// what is on the wire.
/// </summary>
internal static class Server6Faults
{
    // All that shows is that something never comes.
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(1);

    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        // ---------------------------------------------------------------- 6.1 transcript hash
        new("BP-6.1-1", "S-5.2-1 S-6.1-1", "does not hash its grease")
        {
            Options = o => o with { Grease = false },
            Mutations = OffersLater(o => o + " G-1997"),
            AlsoFails = "S-4.1-3 S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.3-1 S-5.4-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-6 S-6.1-8 "
                + "S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-6.1-2", "S-4.2-2", "does not hash the command's parameters")
        {
            Mutations = HearsUpgrade(l => string.Join(' ', l.Split(' ').Take(4))),
            AlsoFails = "S-4.2-3 S-4.2-6 S-4.2-7 S-6.1-7",
        },
        new("BP-6.1-2", "S-6.1-2", "hashes a parameter that did not come")
        {
            Mutations = HearsUpgrade(l => l.Contains(" " + HybridAes, StringComparison.Ordinal) ? l + " G-0000" : l),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.1-3", "S-6.1-5", "hashes another continuation than came")
        {
            Mutations = Hears(l => IsContinuation(l) ? OtherShare(l) : l),
            Options = Continues(Classic, (x, line) => x.Continue(Turned(line))),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-5 S-4.3-6 S-4.4-19 S-4.5-4 S-4.6-2 S-5.4-1 S-5.4-3 S-5.4-4 S-5.4-5 S-6.1-4 S-6.3-1 "
                + "S-6.3-12 S-7.1-10 S-7.1-11 S-7.3-1 S-7.6-2 S-10.3-3",
        },
        new("BP-6.1-4", "S-6.1-3", "hashes another 220 line than it sends")
        {
            Mutations = SaysTo(HybridAes, l => l.StartsWith("220 K=", StringComparison.Ordinal) ? OtherShare(l) : l),
            Options = Begins(HybridAes, (x, share) => LastLineTurned(x.Begin(share)!)),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.1-4", "S-6.1-4", "hashes another 334 line than it sends")
        {
            Mutations = Says(l => l.StartsWith("334-K=", StringComparison.Ordinal) ? OtherShare(l) : l),
            Options = Begins(Classic, (x, share) => Turned(x.Begin(share)!)),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.3-5 S-4.5-4 S-4.6-2 S-5.1-4 S-5.4-1 S-5.4-2 S-5.4-4 S-5.4-5 S-5.4-11 S-6.1-5 S-6.3-1 "
                + "S-6.3-12 S-7.1-10 S-7.1-11 S-7.3-1 S-7.6-2 S-10.3-3",
        },
        new("BP-6.1-5", "S-5.2-1 S-6.1-6", "hashes its offer in upper case, whatever its case on the wire")
        {
            Mutations = OffersLater(o => o.ToLowerInvariant()),
            AlsoFails = "S-4.1-3 S-4.1-4 S-4.1-9 S-4.4-3 S-4.4-4 S-5.3-1 S-5.4-1 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-4 S-6.1-5 S-6.1-8 "
                + "S-6.2-1 S-10.1-1 S-10.1-3 S-10.1-5",
        },
        new("BP-6.1-5", "S-4.2-1", "hashes the command in upper case, whatever its case on the wire")
        {
            Mutations = HearsUpgrade(l => string.Join(' ', l.Split(' ').Select((f, i) => i < 3 ? f.ToUpperInvariant() : f))),
        },
        new("BP-6.1-6", "S-6.1-7", "does not hash a command that it refused with 504")
        {
            Mutations = () => new Mutations
            {
                Answer = l => l.StartsWith("XBLACKPONY V1 X-NONE ", StringComparison.Ordinal) ? "504 5.5.4 Unknown suite\r\n" : null,
            },
        },
        new("BP-6.1-6", "S-6.1-8", "hashes a command that it refused with 501 too")
        {
            Mutations = () =>
            {
                bool isChanged = false;
                return new Mutations
                {
                    PeerLine = l => (isChanged = l == $"XBLACKPONY V1 {Core} AAAA") ? "XBLACKPONY V1 X-501 AAAA" : l,
                    PortLine = l => isChanged && l.StartsWith("504", StringComparison.Ordinal) ? "501 5.5.4 Invalid share" : l,
                };
            },
            AlsoFails = "S-4.1-10 S-4.4-7 S-4.4-9 S-4.4-24",
        },

        // ---------------------------------------------------------------- 6.2 keys
        new("BP-6.2-1", "S-6.2-1", "salts with the suite's name in lower case")
        {
            Options = With(HybridAes, Renamed(HybridAes.ToLowerInvariant())),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.2-2", "S-5.3-2", "protects its records with the client's keys")
        {
            Options = ClientsKeysBothWays,
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.2-3", "S-7.6-4", "takes records under the keys of before a rekey")
        {
            Options = OldKeysForEver,
            AlsoFails = "S-8.3-2 S-8.3-4 S-8.3-5",
        },

        // ---------------------------------------------------------------- 6.3 Finished
        new("BP-6.3-1", "S-6.3-1", "sends verify_data with a wrong octet")
        {
            Mutations = Rarely(Sends(RecordType.Finished, r => [r with { Data = Turned(r.Data) }])),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.3-1", "S-6.3-1", "sends an empty data record first")
        {
            Mutations = Rarely(Sends(RecordType.Finished, r => [new Rec(RecordType.Data, []), r])),
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.3-2", "S-6.3-1", "waits for the client's Finished with its own")
        {
            Mutations = WaitsForFinished,
            AlsoFails = "S-4.3-1 S-4.3-2 S-4.5-4 S-4.6-2 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-6.3-12 S-10.3-3",
        },
        new("BP-6.3-5", "S-6.3-12", "greets inside before the client's Finished")
        {
            Mutations = Rarely(Sends(RecordType.Ident, r => [r, Rec.Line("220 sink.test ESMTP\r\n")])),
            AlsoFails = "S-4.5-4 S-5.3-2 S-6.1-1 S-6.1-2 S-6.1-3 S-6.1-6 S-6.2-1 S-10.3-3",
        },
        new("BP-6.3-6", "S-6.3-3 S-8.3-7", "needs no Finished") { Mutations = NeedsNoFinished(), AlsoFails = "S-6.3-7 S-6.3-13" },
        new("BP-6.3-6", "S-6.3-7", "takes a close before the client's Finished")
        {
            Mutations = Takes(RecordType.Close, r => [Finished, r]),
            AlsoFails = "S-8.1-2 S-8.1-3",
        },
        new("BP-6.3-6", "S-6.3-8", "takes a rekey before the client's Finished")
        {
            Mutations = Overlooks(r => r.Type == RecordType.Rekey),
            AlsoFails = "S-7.4-3 S-7.4-6",
        },
        new("BP-6.3-6", "S-6.3-9", "ignores a record of type 200 before the client's Finished")
        {
            Mutations = Overlooks(r => r.Type == (RecordType)200),
            AlsoFails = "S-7.4-4 S-7.4-6",
        },
        new("BP-6.3-6", "S-6.3-13", "treats a first record of type 200 as the client's Finished")
        {
            Mutations = () => CommonFaults.TakesAsFinished((RecordType)200),
        },
        new("BP-6.3-6", "S-6.3-13", "treats a first data record without data as the client's Finished")
        {
            Mutations = () => CommonFaults.TakesAsFinished(RecordType.Data),
        },
        new("BP-6.3-7", "S-6.3-2", "takes any verify_data of 32 octets")
        {
            Mutations = Takes(RecordType.Finished, r => r.Data.Length == 32 ? [Finished] : [r]),
            AlsoFails = "S-6.3-6",
        },
        new("BP-6.3-7", "S-6.3-2", "looks at all octets of the client's verify_data but the last")
        {
            Mutations = () => CommonFaults.TakesNearlyFinished(BlackPony.Reference.Role.Client, 0..31),
        },
        new("BP-6.3-7", "S-6.3-5", "takes verify_data with an octet after")
        {
            Mutations = Takes(RecordType.Finished, r => [r with { Data = [.. r.Data.Take(32)] }]),
        },
        new("BP-6.3-7", "S-6.3-5", "takes verify_data without its last octet")
        {
            Mutations = Takes(RecordType.Finished, r => r.Data.Length == 31 ? [Finished] : [r]),
        },
        new("BP-6.3-7", "S-6.3-6", "takes its own verify_data")
        {
            Mutations = () =>
            {
                byte[] own = [];
                return new Mutations
                {
                    PortRecord = r =>
                    {
                        own = r.Type == RecordType.Finished ? r.Data : own;
                        return [r];
                    },
                    PeerRecord = r => r.Type == RecordType.Finished && r.Data.AsSpan().SequenceEqual(own) ? [Finished] : [r],
                };
            },
        },
        new("BP-6.3-8", "S-6.3-4", "ignores a second Finished")
        {
            Mutations = () =>
            {
                int count = 0;
                return new Mutations { PeerRecord = r => r.Type == RecordType.Finished && count++ > 0 ? [] : [r] };
            },
        },
        new("BP-6.3-9", "S-6.3-10", "waits longer for the client's Finished")
        {
            Silence = Short,
            Settings = s => s with { Time = TimeProvider.System },
            AlsoFails = "S-6.3-11 S-8.1-5 S-8.1-8 S-8.1-9 S-8.1-10",
        },
        new("BP-6.3-9", "S-6.3-11", "waits again with every octet of the client's Finished")
        {
            Silence = Short,
            ProlongsTimeouts = true,
            AlsoFails = "S-8.1-10",
        },

        // ---------------------------------------------------------------- 6.5 IDENT
        new("BP-6.5-1", "S-6.5-2", "sends its ident record twice")
        {
            Mutations = Sends(RecordType.Ident, r => [r, r]),
            AlsoFails = "S-4.6-3 S-6.2-2 S-6.3-2 S-6.3-3 S-6.3-5 S-6.3-6 S-6.3-7 S-6.3-8 S-6.3-9 S-6.3-10 S-6.3-11 S-6.3-13 "
                + "S-8.3-7",
        },
        new("BP-6.5-2", "S-6.5-2", "sends its ident record third")
        {
            Mutations = Sends(RecordType.Ident, r => [Ignored, r]),
            AlsoFails = "S-6.5-3",
        },
        new("BP-6.5-2", "S-6.5-3", "sends its ident record when it has something to say")
        {
            Mutations = () =>
            {
                Rec? held = null;
                return new Mutations
                {
                    PortRecord = r =>
                    {
                        var (before, ident) = (held, r.Type == RecordType.Ident);
                        held = ident ? r : null;
                        return ident ? [] : before is null ? [r] : [before, r];
                    },
                };
            },
        },
        new("BP-6.5-4", "S-6.5-1", "ignores an ident record from the client")
        {
            Mutations = Overlooks(r => r.Type == RecordType.Ident),
            AlsoFails = "S-8.3-9",
        },
    ];

    // The last of the share's lines begins with octet 900.
    private static byte[] LastLineTurned(byte[] share) => [.. share[..900], .. Turned(share[900..])];

    // With one suite, and up to the client's first record.
    private static Mutations WaitsForFinished()
    {
        Mutations hooks = null!;
        var held = new List<Rec>();
        bool came = false;
        return hooks = new Mutations
        {
            PeerRecord = r =>
            {
                came = true;
                return [r];
            },
            PortRecord = r =>
            {
                if (hooks.Suite == HybridAes && !came)
                {
                    held.Add(r);
                    return [];
                }

                Rec[] records = [.. held, r];
                held.Clear();
                return records;
            },
        };
    }

    // Offers it, and salts its keys, by another name.
    private static Func<Suite, Suite> Renamed(string name) => s => new FaultyServerSuite(s) { Called = name };

    // The first secret to be protected with is the server's own, the second the client's.
    private static ServerOptions ClientsKeysBothWays(ServerOptions options) => With(HybridAes, s =>
    {
        int count = 0;
        RecordProtection? clients = null;
        return new FaultyServerSuite(s)
        {
            Protects = secret => count++ == 0
                ? new FaultyServerProtection(s.Protect(secret)) { Seals = (_, seq, record) => clients!.Seal(seq, record) }
                : clients = s.Protect(secret),
        };
    })(options);

    // The keys of every secret so far are kept.
    private static ServerOptions OldKeysForEver(ServerOptions options) => With(Core, s =>
    {
        var older = new List<RecordProtection>();
        return new FaultyServerSuite(s)
        {
            Protects = secret =>
            {
                older.Add(s.Protect(secret));
                return new FaultyServerProtection(s.Protect(secret)) { Opens = FaultyServerProtection.OpeningUnder(older) };
            },
        };
    })(options);
}
