using BlackPony.Conformance.Peers;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;
using static BlackPony.Tests.Conformance.Faulty.ClientHooks;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a sentence of spec 5.</summary>
internal static class Client5Faults
{
    private const string GoodShare = "220 K=hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 5.1 rules for every suite
        new("BP-5.1-1", "C-5.2-2", "does not have the core suite") { Options = ClientSuite.Without(Core) },
        new("BP-5.1-2", "C-5.3-1", "does not have the hybrid suite") { Options = ClientSuite.Without(Hybrid) },
        new("BP-5.1-3", "C-5.4-1", "does not have the suite of 1997") { Options = ClientSuite.Without(Classic) },
        new("BP-5.1-4", "C-5.3-4", "implements the AES suite with ChaCha20")
        {
            Options = ClientSuite.In(HybridAes, s => new ClientSuite(s) { Records = SuiteRegistry.Find(Core)! }),
        },
        new("BP-5.1-6", "C-4.2-5", "writes its share without padding") { Hooks = _ => Commands(l => l.TrimEnd('=')) },
        new("BP-5.1-7", "C-5.1-1", "takes a share that is no canonical base64") { Hooks = _ => AfterCommand(l => l.StartsWith("220 K=", StringComparison.Ordinal) ? GoodShare : l) },
        new("BP-5.1-8", "C-5.1-2", "takes a share that is too long or too short")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Reads = share => [.. share.Concat(new byte[32]).Take(32)] }),
        },
        new("BP-5.1-10", "C-5.1-1 C-5.1-2 C-5.2-1 C-5.3-3", "says QUIT when the share is invalid") { Hooks = _ => Answers("220 K=", "QUIT\r\n\0") },
        new("BP-5.1-11", "C-5.1-3", "uses a private value in every session") { Random = new ClientRandom(32) },
        new("BP-5.1-12", "C-5.1-4", "uses one X25519 key in two suites") { Random = new ClientRandom() },

        // ---------------------------------------------------------------- 5.2 to 5.4 the key exchanges
        new("BP-5.2-1", "C-5.1-3", "draws an X25519 key for the process")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Draws = _ => new ClientRandom() }),
        },
        new("BP-5.2-3", "C-5.2-1", "takes an all-zero result")
        {
            Options = ClientSuite.In(Core, s => new ClientSuite(s) { Agrees = secret => secret ?? new byte[32] }),
        },
        new("BP-5.3-1", "C-5.3-5", "draws an ML-KEM key for the process") { Random = new ClientRandom(64) },
        new("BP-5.3-1", "C-5.3-5", "draws a hybrid X25519 key for the process") { Random = new ClientRandom(32) },
        new("BP-5.3-4", "C-5.3-3", "takes an all-zero X25519 part")
        {
            Options = ClientSuite.In(Hybrid, s => new ClientSuite(s) { Agrees = secret => secret ?? new byte[64] }),
        },
        new("BP-5.3-5", "C-5.3-2", "takes offence at an altered ciphertext") { Options = ClientSuite.In(Hybrid, s => new ClientSuite(s) { Agrees = _ => null }) },
        new("BP-5.4-4", "C-5.4-5", "draws its nonce and half for the process") { Random = new ClientRandom(32) },
        new("BP-5.4-4", "C-5.4-5", "sends the same half in every session")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Draws = real => new ClientHalf(real) }),
        },
        new("BP-5.4-6", "C-5.4-2 C-5.4-3", "goes on whatever the server's modulus is")
        {
            Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Continues = octets => octets ?? new byte[384] }),
        },
        new("BP-5.4-11", "C-5.4-4", "takes offence at a half that does not decrypt") { Options = ClientSuite.In(Classic, s => new ClientSuite(s) { Agrees = _ => null }) },
        new("BP-5.4-12", "C-5.4-2", "cancels by an empty line") { Hooks = _ => new Hooks { PortLine = l => l == "*" ? "" : l } },
        new("BP-5.4-12", "C-5.4-2", "takes the 501 to its cancel for a broken upgrade") { Hooks = _ => AfterCommand(l => l.StartsWith("501", StringComparison.Ordinal) ? "250 Ok" : l) },

        // ---------------------------------------------------------------- 5.5 ROT
        new("BP-5.5-1", "C-5.5-1", "writes the shift with a leading zero") { Hooks = _ => Sends(" ROT ", " ROT 0") },
        new("BP-5.5-2", "C-5.5-1", "shifts a place too far") { Hooks = _ => AfterCommand(l => l, l => ClientProbe.Rot(l, 1)) },
        new("BP-5.5-3", "C-5.5-1", "shifts forward what it receives")
        {
            Options = o => o with { Shift = 5 },
            Hooks = _ => AfterCommand(l => ClientProbe.Rot(l, 10)),
        },
        new("BP-5.5-4", "C-5.5-1", "loses the octets above 127") { Hooks = _ => AfterCommand(l => l, l => l.Replace('\u00e9', '?')) },
        new("BP-5.5-5", "C-5.5-1", "says EHLO without the shift") { Hooks = _ => AfterCommand(l => l, l => l.StartsWith("RUYB", StringComparison.Ordinal) ? ClientProbe.Rot(l, 13) : l) },
        new("BP-5.5-6", "C-5.5-1", "sends a record behind QUIT") { Hooks = _ => AfterCommand(l => l, l => l == "DHVG" ? l + "\r\n\u0001\u0010" : l) },
        new("BP-5.5-9", "C-4.8-1", "chooses ROT by itself") { Options = o => o with { Suites = SuiteRegistry.All } },
    ];
}
