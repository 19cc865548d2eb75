using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.ClientHooks;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a sentence of spec 6.</summary>
internal static class Client6Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 6.1 transcript hash
        new("BP-6.1-1", "C-4.1-6 C-4.1-8", "hashes the offer as it would write it") { Hooks = _ => Imagines(CoreOffer) },
        new("BP-6.1-1", "C-6.1-2", "hashes the offer that it expects of the server, not the one that came")
        {
            Options = ClientSuite.Only(Core),
            Hooks = _ => Imagines($"XBLACKPONY V1 {Hybrid} {Core}"),
        },
        new("BP-6.1-2", "C-5.2-2", "hashes its command in another case than it sends it") { Hooks = _ => Sends("XBLACKPONY", "xblackpony") },
        new("BP-6.1-2", "C-6.1-3", "does not notice that its command was edited") { Hooks = _ => TakesAnyFinished() },
        new("BP-6.1-3", "C-5.4-7", "hashes another continuation than it sends")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Continues = Flipped }),
            Hooks = _ => new Hooks { PortLine = l => l.Length == 512 ? Convert.ToBase64String(Flipped(Convert.FromBase64String(l))!) : l },
        },
        new("BP-6.1-4", "C-4.3-5 C-6.1-4", "hashes the 220 as one line")
        {
            Hooks = _ =>
            {
                var share = "";
                return AfterCommand(l =>
                {
                    bool part = l.StartsWith("220", StringComparison.Ordinal);
                    share += part ? l[6..] : "";
                    return !part ? l : l[3] == '-' ? null : "220 K=" + share;
                });
            },
        },
        new("BP-6.1-4", "C-6.1-1", "does not notice that the share was altered") { Hooks = _ => TakesAnyFinished() },
        new("BP-6.1-5", "C-4.1-6", "hashes the offer in upper case") { Hooks = _ => Imagines(CoreOffer) },

        // ---------------------------------------------------------------- 6.2 keys
        new("BP-6.2-1", "C-4.1-6", "salts with the suite's name as the offer wrote it") { Options = ClientSuite.In(Core, s => new ClientSuite(s) { NameInUse = "x25519-ChaCha20Poly1305" }) },
        new("BP-6.2-2", "C-8.3-6", "opens records with the keys under which it seals")
        {
            Hooks = _ =>
            {
                var last = Rec.Line("");
                return new Hooks
                {
                    PortRecord = r => [last = r],
                    PeerRecord = r => [r.Verified ? r : last],
                };
            },
        },

        // ---------------------------------------------------------------- 6.3 Finished
        new("BP-6.3-1", "C-6.3-2", "begins with another record than Finished") { Hooks = _ => Sends(RecordType.Finished, r => [new Rec(RecordType.FirstIgnored, []), r]) },
        new("BP-6.3-1", "C-6.3-2", "sends zeros for its verify_data") { Hooks = _ => new Hooks { PortRecord = r => [r.Type == RecordType.Finished ? r with { Data = new byte[32] } : r] } },
        new("BP-6.3-3", "C-6.3-1", "sends EHLO before it verified the server's Finished") { Hooks = _ => Sends(RecordType.Alert, r => [Rec.Line("EHLO client.test\r\n"), r]) },
        new("BP-6.3-4", "C-6.3-2", "sends its Finished behind its EHLO")
        {
            Hooks = _ =>
            {
                Rec? finished = null;
                return new Hooks
                {
                    PortRecord = r =>
                    {
                        Rec[] records = r.Type == RecordType.Finished ? [] : finished is null ? [r] : [r, finished];
                        finished = r.Type == RecordType.Finished ? r : null;
                        return records;
                    },
                };
            },
        },
        new("BP-6.3-6", "C-6.3-3 C-6.3-4 C-6.3-5 C-6.3-6 C-6.3-9", "steps over what comes before the server's Finished") { Hooks = _ => Ignores(r => r.Type != RecordType.Finished) },
        new("BP-6.3-7", "C-6.3-1", "does not look at the server's verify_data") { Hooks = _ => TakesAnyFinished() },
        new("BP-6.3-8", "C-6.3-7", "steps over a second Finished")
        {
            Hooks = _ =>
            {
                int count = 0;
                return Ignores(r => r.Type == RecordType.Finished && ++count == 2);
            },
        },

        // ---------------------------------------------------------------- 6.5 IDENT
        new("BP-6.5-3", "C-6.5-1", "sends an ident record") { Hooks = _ => Sends(RecordType.Finished, r => [r, new Rec(RecordType.Ident, new byte[96])]) },
        new("BP-6.5-4", "C-6.5-4 C-6.5-5", "steps over an ident record that is not the server's second") { Hooks = _ => Ignores(r => r.Type == RecordType.Ident) },
        new("BP-6.5-5", "C-6.5-3", "steps over an ident record of a wrong length") { Hooks = _ => Ignores(r => r.Type == RecordType.Ident && (r.Data.Length is 0 or > 384 || r.Data.Length % 96 != 0)) },
        new("BP-6.5-6", "C-6.5-2", "does not verify the signatures of an ident record") { Hooks = _ => Ignores(r => r.Type == RecordType.Ident) },
    ];

    private static byte[]? Flipped(byte[]? octets) => octets is null ? null : ServerFaults.Turned(octets);
}
