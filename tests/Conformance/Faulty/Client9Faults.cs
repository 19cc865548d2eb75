using BlackPony.Conformance.Targets;
using BlackPony.Reference.Policy;
using static BlackPony.Tests.Conformance.Faulty.ClientHooks;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a sentence of spec 9.</summary>
internal static class Client9Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        // ---------------------------------------------------------------- 9.1 the three policies
        new("BP-9.1-1", "C-9.1-1", "requires encryption if nothing else is set") { Asks = Required },
        new("BP-9.1-2", "C-9.1-2 C-9.1-3 C-9.1-4 C-9.1-5 C-9.1-6 C-9.1-9 C-9.1-10", "delivers in plaintext though encryption is required") { Asks = Opportunistic },
        new("BP-9.1-2", "C-9.1-7", "delivers in plaintext though encryption is required and offered") { Asks = Opportunistic, Hooks = _ => Misses("XBLACKPONY") },
        new("BP-9.1-3", "C-9.4-1 C-9.4-2 C-9.4-3 C-9.4-4 C-9.4-5 C-9.4-6", "delivers to a remembered server that does not show itself") { Asks = Opportunistic },
        new("BP-9.1-3", "C-9.4-12", "delivers in plaintext to a remembered server that offers encryption") { Asks = Opportunistic, Hooks = _ => Misses("XBLACKPONY") },
        new("BP-9.1-4", "C-5.5-2", "takes ROT for encryption") { Asks = Opportunistic },
        new("BP-9.1-5", "C-9.1-2 C-9.2-6 C-9.2-7 C-10.4-8", "reports a deferral as a delivery") { Says = (_, o) => o with { Delivered = true } },
        new("BP-9.1-6", "C-9.1-2 C-9.1-3", "finds out behind MAIL that it has to defer") { Asks = Opportunistic },
        new("BP-9.1-7", "C-9.1-8", "says RSET instead of QUIT where it defers") { Hooks = _ => Sends("QUIT", "RSET") },

        // ---------------------------------------------------------------- 9.2 falling back
        new("BP-9.2-1", "C-4.1-2 C-4.4-1 C-5.4-6 C-9.1-1 C-9.2-5 C-9.4-7", "defers where it may deliver in plaintext") { Asks = Required },
        new("BP-9.2-2", "C-4.3-1 C-4.3-2 C-4.3-3 C-4.3-16 C-4.3-17 C-4.4-12 C-6.1-1 C-6.3-1 C-6.3-8 C-9.2-1", "defers after a broken upgrade") { Asks = Required },
        new("BP-9.2-2", "C-9.2-1", "asks for encryption in the fresh connection too") { Hooks = n => n == 1 ? new Hooks() : Sends("MAIL FROM:<a@client.test>", CoreOffer + " AAAA") },
        new("BP-9.2-3", "C-9.2-2 C-9.4-3", "makes another connection when it could not deliver") { Again = AgainIfNot },
        new("BP-9.2-3", "C-4.3-1 C-9.2-1", "makes a second fresh connection") { Again = (d, _) => d },
        new("BP-9.2-6", "C-6.5-2 C-8.2-1 C-8.3-4 C-9.2-3 C-9.2-4", "delivers in plaintext at once when the session inside fails") { Again = AgainIfNot },
        new("BP-9.2-7", "C-9.2-3 C-9.2-4", "sends the mail in plaintext too") { Again = AgainIfNot },
        new("BP-9.2-8", "C-9.1-6 C-9.4-4 C-10.4-12", "forgets its policy when it says HELO") { Asks = Opportunistic },
        new("BP-9.2-8", "C-9.2-5", "gives up a server that refuses EHLO") { Asks = Required },
        new("BP-9.2-9", "C-9.2-6", "takes a server that puts off EHLO for one that has no extensions") { Hooks = _ => Reads("450 busy", "250 probe.test") },
        new("BP-9.2-9", "C-9.2-7", "takes a malformed EHLO reply for one without extensions") { Hooks = _ => Reads("garbage", "250 probe.test") },

        // ---------------------------------------------------------------- 9.3 what leaves in the clear
        new("BP-9.3-1", "C-9.3-1", "asks for an address before the upgrade") { Hooks = _ => Sends("EHLO client.test", "EHLO client.test\r\nVRFY b@sink.test") },

        // ---------------------------------------------------------------- 9.4 memory
        new("BP-9.4-2", "C-9.4-1 C-9.4-9", "writes nothing into its memory") { Says = ClientMemory.Forgets(_ => true) },
        new("BP-9.4-3", "C-9.4-8", "remembers a server whose upgrade broke") { Says = ClientMemory.Writes },
        new("BP-9.4-4", "C-9.4-9", "remembers a server only if it took the mail") { Says = ClientMemory.Forgets(o => !o.Delivered) },
        new("BP-9.4-6", "C-9.4-5 C-9.4-6 C-9.4-10", "does not ask for the IDENT keys that it saw") { Says = ClientMemory.Keys(_ => "-") },
        new("BP-9.4-7", "C-9.4-10", "keeps the keys that a server showed once") { Says = ClientMemory.Keys(keys => $"{ClientMemory.OldKey},{keys}") },
        new("BP-9.4-7", "C-9.4-12", "remembers another key than the server showed") { Says = ClientMemory.Keys(keys => keys == "-" ? keys : new string('0', 64)) },
        new("BP-9.4-12", "C-9.4-11", "takes a memory that it can't read for an empty one") { Asks = d => d with { Memory = d.Memory + "-2" } },
    ];

    private static Delivery Required(Delivery delivery) => delivery with { Policy = ClientPolicy.Required };

    private static Delivery Opportunistic(Delivery delivery) => delivery with { Policy = ClientPolicy.Opportunistic };

    // In plaintext, for the suite offers no ROT.
    private static Delivery? AgainIfNot(Delivery delivery, Outcome outcome) => outcome.Delivered ? null : delivery with { Policy = ClientPolicy.Opportunistic, Suites = "ROT" };
}
