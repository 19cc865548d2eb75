using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <content>Refusals, spec 4.4.</content>
internal static partial class Client4Negotiation
{
    private static IReadOnlyList<Case<ClientProbe>> Refusals =>
    [
        // ---------------------------------------------------------------- 4.4 refusals
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-1", "454 not now"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-2", "500 what?"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-3", "501 invalid share"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-4", "502 disabled"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-5", "503 not now"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-6", "504 5.5.4 unknown suite"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-7", "450 later"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-8", "530 5.7.0 Must issue a STARTTLS command first"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-9", "550 no"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-10", "554 no"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-11", string.Concat(Enumerable.Repeat("454-4.7.0 several\r\n", Limits.MaxEhloLines - 3))
            + $"{"454-".PadRight(Limits.MaxEhloLine - 2, 'x')}\r\n454-lines 250 STARTTLS\r\n454 XBLACKPONY V1 ROT \xE9\x01"),
        // [BP-4.4-12] A client MUST treat a 421 reply to XBLACKPONY or to the continuation as a broken upgrade.
        // [BP-9.2-2] Where its policy allows plaintext, a client whose upgrade broke MUST make one fresh connection to the same address and
        //   speak plain SMTP in it, with EHLO or HELO and without XBLACKPONY.
        Broken("C-4.4-12", "A 421 is the end of the connection: a broken upgrade", "BP-4.4-12 BP-9.2-2", "421 4.3.2 Going down\r\n"),
        // [BP-4.4-10] A client MUST decide by the reply's code alone, and neither parse nor log as trusted the text of a refusal, whatever
        //   octets it has.
        new("C-4.4-13", "The text of a refusal is not acted upon", Must, Profile.Core, "BP-4.4-10", async p =>
        {
            var wire = await p.AcceptAsync(CoreOffer);
            await p.ExpectCommandAsync(wire);
            await wire.SendAsync($"454-K={AnyShare}\r\n454-250-XBLACKPONY V1 ROT\r\n454 220 K={AnyShare}\r\n");
            await p.ServeMailAsync(wire, inside: false);
            That(wire.Plaintext.Count(l => l.StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) == 1, "The client asked again.");
            await p.ExpectAsync(delivered: true);
        }),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-14", "454"),
        // [BP-4.4-11] A client whose XBLACKPONY was refused MUST continue as its policy says (Section 9), in the same connection where
        //   plaintext is allowed.
        // [BP-9.2-1] Where its policy allows plaintext, a client MUST deliver in plaintext, in the same connection, to a server that makes
        //   no offer or refuses.
        // [BP-4.2-11] A client MUST NOT send a second XBLACKPONY command in a connection except after a 504 reply to the first one itself,
        //   not to its continuation, and then with another suite.
        Refused("C-4.4-15", "454 4.7.0 NUL \0 and bare CR \r mean nothing"),
    ];
}
