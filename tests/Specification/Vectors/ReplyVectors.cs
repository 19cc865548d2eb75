using System.Text.Json.Nodes;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 4.3: the replies to the command and the continuation.</summary>
internal static class ReplyVectors
{
    public static VectorFile File()
    {
        var file = new VectorFile("reply",
            "A reply to XBLACKPONY, CRLFs included, as a client gets it (Sections 4.3, 4.4 and 5.4). With before, it is the reply to the "
                + "continuation, and before the 334 reply. outcome says what comes next: records, continuation, rot, or refused (the "
                + "plaintext session goes on).");
        file.Note("Ordinary", "A reply as a server makes it.", "BP-4.3-1", "BP-4.3-2", "BP-4.3-4");
        file.Note("Split", "Fragments of other lengths than ShareFragment, which the recipient must take.", "BP-4.3-5");
        file.Note("Bounds", "Lines and fragments at their bounds.", "BP-4.3-5");
        file.Note("TooMuch", "More lines or longer lines than the bounds allow.", "BP-4.3-7", "BP-4.3-11");
        file.Note("BadForm", "A 220 or 334 reply without \"K=\" and a fragment in each line.", "BP-4.3-2", "BP-4.3-3", "BP-4.3-7");
        file.Note("NoReply", "Octets that are no SMTP reply.", "BP-4.3-11");
        file.Note("OtherCode", "A code that means nothing here.", "BP-4.3-8");
        file.Note("OutOfPlace", "A 334 where the suite has none or had it, or a 220 before it.", "BP-4.3-7");
        file.Note("Refusal", "A 4yz or 5yz other than 421, whatever its text.", "BP-4.4-10", "BP-4.4-11");
        file.Note("GoingAway", "421 is the end of the connection, not a refusal.", "BP-4.4-12");
        file.Note("InvalidShare", "A share in a 220 reply that is not base64 or of another length.", "BP-5.1-7", "BP-5.1-8", "BP-5.1-10");
        file.Note("CancelledShare", "A share in a 334 reply that is not base64, of another length, or a bad modulus.",
            "BP-5.4-6", "BP-5.4-12");
        file.Note("Rot", "ROT's reply: one line that does not begin with \"K=\".", "BP-5.5-11", "BP-4.3-2");
        var share = Base64Share.Encode(Json.Count(1));
        Good("X25519", "Ordinary", Core, $"220 K={share}\r\n", share);
        Good("In two lines", "Split", Core, $"220-K={share[..20]}\r\n220 K={share[20..]}\r\n", share);
        Good("Padding in a line of its own", "Split", Core, $"220-K={share[..^1]}\r\n220 K==\r\n", share);
        Good("16 lines, all but the last of one character", "Split Bounds", Core,
            string.Concat(share[..15].Select(c => $"220-K={c}\r\n")) + $"220 K={share[15..]}\r\n", share);
        var hybrid = Base64Share.Encode(HybridShare());
        Good("X25519MLKEM768", "Ordinary", Hybrid, Lines(220, hybrid, Limits.ShareFragment), hybrid);
        Good("Lines of 512 octets", "Split Bounds", Hybrid, Lines(220, hybrid, 504), hybrid);
        using var serverKey = TestRsaKeys.Open("server");
        using var clientKey = TestRsaKeys.Open("client");
        var first = Base64Share.Encode([.. serverKey.ExportParameters(false).Modulus!, .. Json.Count(0x80)]);
        var before = Lines(334, first, Limits.ShareFragment);
        var last = Base64Share.Encode([.. Json.Count(0, 255), .. Json.Count(0, 129)]);
        Good("RSA-BLOWFISH, the first reply", "Ordinary", "RSA-BLOWFISH", before, first, "continuation");
        Good("RSA-BLOWFISH, the second reply", "Ordinary", "RSA-BLOWFISH", Lines(220, last, Limits.ShareFragment), last, "records", before);
        Good("ROT", "Rot", "ROT", "220 ROT13 from here on, and it protects nothing\r\n", null, "rot");
        Good("ROT, without a text", "Rot", "ROT", "220 \r\n", null, "rot");
        Good("ROT, with K= in the text", "Rot", "ROT", "220 key K=13\r\n", null, "rot");
        foreach (int code in (int[])[454, 500, 501, 502, 503, 504, 538, 550, 499, 599])
        {
            Good($"{code}", "Refusal", Core, $"{code} whatever\r\n", null, "refused");
        }

        Good("A refusal that says it is a 220", "Refusal", Core, $"501-5.5.4 220 K={share}\r\n501 K={share}\r\n", null, "refused");
        Good("A refusal with octets above 127", "Refusal", Core, "454 nicht verf\u00fcgbar\r\n", null, "refused");
        Good("501 to the continuation", "Refusal", "RSA-BLOWFISH", "501 5.5.4 no\r\n", null, "refused", before);
        Bad("421", "GoingAway", Core, "421 4.3.2 going down\r\n");
        Bad("421 to the continuation", "GoingAway", "RSA-BLOWFISH", "421 4.3.2 going down\r\n", before);
        Bad("No K=", "BadForm", Core, $"220 {share}\r\n");
        Bad("k= in lower case", "BadForm", Core, $"220 k={share}\r\n");
        Bad("An enhanced status code", "BadForm", Core, $"220 2.0.0 K={share}\r\n");
        Bad("Two spaces behind the code", "BadForm", Core, $"220  K={share}\r\n");
        Bad("No fragment", "BadForm", Core, "220 K=\r\n");
        Bad("No fragment in the last line", "BadForm", Core, $"220-K={share}\r\n220 K=\r\n");
        Bad("A last line of text", "BadForm", Core, $"220-K={share}\r\n220 go ahead\r\n");
        Bad("A first line of text", "BadForm", Core, $"220-go ahead\r\n220 K={share}\r\n");
        Bad("No K= in a 334", "BadForm", "RSA-BLOWFISH", "334 go ahead\r\n");
        Bad("17 lines", "TooMuch", Core, string.Concat(share[..16].Select(c => $"220-K={c}\r\n")) + $"220 K={share[16..]}\r\n");
        Bad("A line of 513 octets", "TooMuch", Hybrid, Lines(220, hybrid, 505));
        Bad("A line without an end of 2049 octets", "TooMuch", Core, "454 " + new string('x', Limits.MaxEhloLine - 5 + 2));
        Bad("129 lines of a refusal", "TooMuch", Core, string.Concat(Enumerable.Repeat("454-x\r\n", Limits.MaxEhloLines)) + "454 x\r\n");
        Bad("A bare LF", "NoReply", Core, $"220 K={share}\n");
        Bad("A bare LF in a refusal", "NoReply", Core, "454-no\n454 no\r\n");
        Bad("Two codes", "NoReply", Core, $"220-K={share[..20]}\r\n250 K={share[20..]}\r\n");
        Bad("A letter in the code", "NoReply", Core, $"22O K={share}\r\n");
        Bad("No separator", "NoReply", Core, $"220K={share}\r\n");
        Bad("Another separator", "NoReply", Core, $"220_K={share}\r\n");
        Bad("An empty line", "NoReply", Core, "\r\n");
        foreach (int code in (int[])[221, 235, 250, 354])
        {
            Bad($"{code}", "OtherCode", Core, $"{code} K={share}\r\n");
        }

        Bad("334 in a suite of one message", "OutOfPlace", Core, $"334 K={share}\r\n");
        Bad("220 before the 334", "OutOfPlace", "RSA-BLOWFISH", Lines(220, last, Limits.ShareFragment));
        Bad("334 to the continuation", "OutOfPlace", "RSA-BLOWFISH", before, before);
        Bad("334 under ROT", "OutOfPlace", "ROT", "334 K=MTM=\r\n");
        Bad("K= under ROT", "Rot", "ROT", "220 K=13\r\n");
        Bad("Two lines under ROT", "Rot", "ROT", "220-from here\r\n220 on\r\n");
        Bad("A share without padding", "InvalidShare", Core, $"220 K={share[..^1]}\r\n");
        Bad("A share of 31 octets", "InvalidShare", Core, $"220 K={Base64Share.Encode(Json.Count(1, 31))}\r\n");
        Bad("Text behind the share", "InvalidShare", Core, $"220 K={share} go\r\n");
        Bad("A space behind the share", "InvalidShare", Core, $"220 K={share} \r\n");
        Bad("A ciphertext of 383 octets", "InvalidShare", "RSA-BLOWFISH",
            Lines(220, Base64Share.Encode(new byte[383]), Limits.ShareFragment), before);
        Cancel("A 334 share that is no base64", "334 K=*\r\n");
        Cancel("A 334 share without a nonce",
            Lines(334, Base64Share.Encode(serverKey.ExportParameters(false).Modulus!), Limits.ShareFragment));
        Cancel("An even modulus", Lines(334, Base64Share.Encode([0x80, .. new byte[415]]), Limits.ShareFragment));
        return file;

        static JsonObject Input(string suite, string reply, string? before)
        {
            var input = new JsonObject { ["suite"] = suite, ["reply"] = reply };
            if (before is not null)
            {
                input["before"] = before;
            }

            return input;
        }

        void Good(string comment, string flags, string suite, string reply, string? share, string outcome = "records",
            string? before = null)
        {
            var expect = new JsonObject { ["outcome"] = outcome };
            if (share is not null)
            {
                expect["share"] = share;
            }

            file.Valid(comment, flags, Input(suite, reply, before), expect);
        }

        void Bad(string comment, string flags, string suite, string reply, string? before = null) =>
            file.Invalid(comment, flags, Input(suite, reply, before), Reaction.Broken);

        void Cancel(string comment, string reply) =>
            file.Invalid(comment, "CancelledShare", Input("RSA-BLOWFISH", reply, null), Reaction.Cancel);
    }

    // Any ciphertext is one (implicit rejection), and so this needs no client.
    private static byte[] HybridShare() => [.. Enumerable.Range(0, 1088).Select(i => (byte)i), .. Json.Count(1)];

    private static string Lines(int code, string share, int length)
    {
        var fragments = share.Chunk(length).Select(f => new string(f)).ToList();
        return string.Concat(fragments.Select((f, i) => $"{code}{(i < fragments.Count - 1 ? '-' : ' ')}K={f}\r\n"));
    }
}
