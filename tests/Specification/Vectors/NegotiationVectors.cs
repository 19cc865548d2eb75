using System.Text.Json.Nodes;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Tests.Specification.Vectors;

/// <summary>Section 4: the offer, the command, and base64.</summary>
internal static class NegotiationVectors
{
    private static readonly string[] Default = [.. SuiteRegistry.Default.Select(s => s.Name)];

    public static IEnumerable<VectorFile> All => [Offers(), Commands(), Shares(), ReplyVectors.File()];

    private static VectorFile Offers()
    {
        var file = new VectorFile("offer",
            "A positive EHLO reply as a client reads it (Section 4.1), and the suite that it chooses (Section 4.8). suites is what the "
                + "client accepts, in its order of preference. offer is what goes into the transcript hash.");
        file.Note("Ordinary", "An offer as it mostly is.", "BP-4.1-8", "BP-4.8-1");
        file.Note("ClientsPreference", "The client's order decides, not the server's.", "BP-4.8-1", "BP-4.8-2", "BP-4.8-3");
        file.Note("Case", "Keyword, version and suites in any case; the hash takes them as they are.", "BP-4.1-8", "BP-6.1-1", "BP-6.1-5");
        file.Note("UnknownTokens", "Tokens that mean nothing to the client, GREASE among them, wherever they stand.", "BP-4.1-9");
        file.Note("Repeated", "A token that stands there twice.", "BP-4.1-10");
        file.Note("Spaces", "Several spaces between tokens, and spaces at the end.", "BP-4.1-12");
        file.Note("SeveralLines", "The first XBLACKPONY line counts, usable or not.", "BP-4.1-11");
        file.Note("FirstLine", "The first line of an EHLO reply is the server's name.", "BP-4.1-16");
        file.Note("Length", "A line of MaxReplyLine octets is good, one more is none.", "BP-4.1-13");
        file.Note("BadOctet", "An octet outside 32 to 126.", "BP-4.1-13");
        file.Note("NoVersion", "V1 is not there: versions are compared as text.", "BP-4.1-13");
        file.Note("NoSuite", "No suite that the client knows.", "BP-4.1-13", "BP-4.8-5");
        file.Note("NoCommonSuite", "A suite that the client knows and does not accept, ROT among them.", "BP-4.8-1",
            "BP-4.8-5", "BP-5.5-9");
        file.Note("OtherKeyword", "A line with another keyword.", "BP-4.1-8");
        const string plain = "XBLACKPONY V1 " + Core;
        Good("One suite", "Ordinary", Default, Core, "250-mx.b.test", "250 " + plain);
        Good("Among other lines", "Ordinary", Default, Core, "250-mx.b.test", "250-SIZE 10240000", "250-" + plain, "250 8BITMIME");
        Good("All suites, in the order of Section 5", "Ordinary", Default, Hybrid, "250-mx.b.test",
            "250 XBLACKPONY V1 " + string.Join(' ', Default));
        Good("The server prefers another", "ClientsPreference", Default, Hybrid, "250-mx.b.test",
            $"250 XBLACKPONY V1 RSA-BLOWFISH {Core} {Hybrid}");
        Good("The client prefers RSA-BLOWFISH", "ClientsPreference", ["RSA-BLOWFISH", Core], "RSA-BLOWFISH", "250-mx.b.test",
            $"250 XBLACKPONY V1 {Core} RSA-BLOWFISH");
        Good("The client accepts one only", "ClientsPreference", ["X25519MLKEM768-AES256GCM"], "X25519MLKEM768-AES256GCM", "250-mx.b.test",
            "250 XBLACKPONY V1 " + string.Join(' ', Default));
        Good("The client's first is not offered", "ClientsPreference", Default, "RSA-BLOWFISH", "250-mx.b.test",
            "250 XBLACKPONY V1 RSA-BLOWFISH ROT");
        Good("Keyword in lower case", "Case", Default, Core, "250-mx.b.test", "250 xblackpony V1 " + Core);
        Good("Version in lower case", "Case", Default, Core, "250-mx.b.test", "250 XBlackPony v1 " + Core);
        Good("Suite in mixed case", "Case", Default, Core, "250-mx.b.test", "250 XBLACKPONY V1 x25519-ChaCha20Poly1305");
        Good("GREASE at the end", "UnknownTokens", Default, Core, "250-mx.b.test", "250 " + plain + " G-5A1D");
        Good("GREASE first", "UnknownTokens", Default, Core, "250-mx.b.test", "250 XBLACKPONY G-0000 V1 " + Core);
        Good("A later version first", "UnknownTokens", Default, Core, "250-mx.b.test", "250 XBLACKPONY V2 V1 " + Core);
        Good("The version behind the suites", "UnknownTokens", Default, Core, "250-mx.b.test", $"250 XBLACKPONY {Core} V1");
        Good("Unknown tokens of any visible octet", "UnknownTokens", Default, Core, "250-mx.b.test",
            "250 XBLACKPONY !~ V1 \"=\" X25519-CHACHA20POLY1306 " + Core + " \\ K=");
        Good("An unknown token of 200 octets", "UnknownTokens", Default, Core, "250-mx.b.test",
            "250 XBLACKPONY V1 " + new string('Z', 200) + " " + Core);
        Good("ROT offered and not named by the user", "UnknownTokens NoCommonSuite", Default, Core, "250-mx.b.test",
            "250 XBLACKPONY V1 ROT " + Core);
        Good("A version and a suite twice", "Repeated", Default, Core, "250-mx.b.test", $"250 XBLACKPONY V1 V1 {Core} {Core}");
        Good("A suite twice, in two cases", "Repeated", Default, Core, "250-mx.b.test",
            $"250 XBLACKPONY V1 {Core.ToLowerInvariant()} {Core}");
        Good("Several spaces", "Spaces", Default, Core, "250-mx.b.test", "250 XBLACKPONY  V1   " + Core);
        Good("Spaces at the end", "Spaces", Default, Core, "250-mx.b.test", "250 " + plain + "  ");
        Good("Two offers", "SeveralLines", Default, Core, "250-mx.b.test", "250-" + plain, "250 XBLACKPONY V1 " + Hybrid);
        Good("A line of 512 octets", "Length", Default, Core, "250-mx.b.test",
            "250 " + plain + " " + new string('G', Limits.MaxReplyLine - 6 - plain.Length - 1));
        Good("The server's name is XBLACKPONY, and there is an offer", "FirstLine", Default, Core, "250-XBLACKPONY V1 RSA-BLOWFISH",
            "250 " + plain);
        Bad("No XBLACKPONY line", "OtherKeyword", Default, "250-mx.b.test", "250 STARTTLS");
        Bad("A keyword that goes on", "OtherKeyword", Default, "250-mx.b.test", "250 XBLACKPONYS V1 " + Core);
        Bad("A keyword with =", "OtherKeyword", Default, "250-mx.b.test", "250 XBLACKPONY=V1 " + Core);
        Bad("The keyword as a parameter", "OtherKeyword", Default, "250-mx.b.test", "250 AUTH " + plain);
        Bad("A name alone that looks like an offer", "FirstLine", Default, "250 " + plain);
        Bad("The keyword alone", "NoVersion", Default, "250-mx.b.test", "250 XBLACKPONY");
        Bad("Another version only", "NoVersion", Default, "250-mx.b.test", "250 XBLACKPONY V2 " + Core);
        Bad("V01", "NoVersion", Default, "250-mx.b.test", "250 XBLACKPONY V01 " + Core);
        Bad("V1.0", "NoVersion", Default, "250-mx.b.test", "250 XBLACKPONY V1.0 " + Core);
        Bad("A version without suites", "NoSuite", Default, "250-mx.b.test", "250 XBLACKPONY V1");
        Bad("Unknown suites only", "NoSuite", Default, "250-mx.b.test", "250 XBLACKPONY V1 X448-CHACHA20POLY1305 G-5A1D");
        Bad("ROT only, and the user did not name it", "NoCommonSuite", Default, "250-mx.b.test", "250 XBLACKPONY V1 ROT");
        Bad("A suite that the client switched off", "NoCommonSuite", [Core], "250-mx.b.test", "250 XBLACKPONY V1 RSA-BLOWFISH");
        Bad("A line of 513 octets", "Length", Default, "250-mx.b.test",
            "250 " + plain + " " + new string('G', Limits.MaxReplyLine - 6 - plain.Length));
        Bad("A TAB between tokens", "BadOctet", Default, "250-mx.b.test", "250 " + plain + "\tG-5A1D");
        Bad("DEL in a token", "BadOctet", Default, "250-mx.b.test", "250 " + plain + " \u007f");
        Bad("An octet above 127 in a token", "BadOctet", Default, "250-mx.b.test", "250 " + plain + " \u00e9");
        Bad("NUL in a token", "BadOctet", Default, "250-mx.b.test", "250 " + plain + " \0");
        Bad("An unusable line, then a good one", "SeveralLines", Default, "250-mx.b.test", "250-XBLACKPONY V2 " + Core, "250 " + plain);
        return file;

        static JsonObject Input(string[] suites, string[] ehlo) => new() { ["ehlo"] = Json.List(ehlo), ["suites"] = Json.List(suites) };

        void Good(string comment, string flags, string[] suites, string choice, params string[] ehlo) => file.Valid(
            comment,
            flags,
            Input(suites, ehlo),
            new JsonObject
            {
                ["offer"] = ehlo.Skip(1).First(l => l[4..].StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase))[4..],
                ["choice"] = choice,
            });

        void Bad(string comment, string flags, string[] suites, params string[] ehlo) =>
            file.Invalid(comment, flags, Input(suites, ehlo), Reaction.NoOffer);
    }

    private static VectorFile Commands()
    {
        var file = new VectorFile("command",
            "A command line, CRLF included, as a server in plaintext gets it after EHLO and offer (Sections 4.2 and 4.4). suites is what "
                + "the server accepts. An accepted command's reply is in expect.");
        file.Note("Ordinary", "A command as it mostly is.", "BP-4.2-5", "BP-4.3-1");
        file.Note("Case", "Verb, version and suite in any case.", "BP-4.2-5");
        file.Note("Parameters", "What stands behind the share is ignored.", "BP-4.2-6", "BP-4.2-7");
        file.Note("TwoMessages", "A suite with a 334 reply.", "BP-4.3-6");
        file.Note("Length", "A line of MaxCommandLine octets is good, one more is 500.", "BP-4.2-4", "BP-4.4-1");
        file.Note("Malformed", "Fewer than three fields, two spaces together, or a space before CRLF.", "BP-4.2-8", "BP-4.4-1");
        file.Note("BadOctet", "An octet outside 32 to 126.", "BP-4.2-8", "BP-4.4-1");
        file.Note("UnknownVersion", "Another version than V1, compared as text.", "BP-4.4-1");
        file.Note("UnknownSuite", "A suite that the server does not know or does not accept.", "BP-4.4-1", "BP-4.1-5");
        file.Note("InvalidShare", "A share that is not canonical base64, or not of the suite's length.", "BP-5.1-7",
            "BP-5.1-8", "BP-5.1-9");
        file.Note("FirstRowCounts", "Two things are wrong, and the row that stands first decides.", "BP-4.4-1");
        file.Note("BareOctet", "A bare LF, a bare CR or a NUL: refused, and the connection closed.", "BP-4.4-1");
        file.Note("OctetsBehind", "Something came with the command and behind it.", "BP-4.4-4", "BP-4.2-9");
        file.Note("RotShift", "ROT's third field.", "BP-5.5-1", "BP-5.5-11");
        string[] rot = [Core, "ROT"];
        var share = Base64Share.Encode(Json.Count(1));
        var good = $"XBLACKPONY V1 {Core} {share}";
        Good("X25519", "Ordinary", Default, good, 220);
        using (var client = SuiteRegistry.Find(Hybrid)!.StartClient(new GivenStream(Json.Count(0, 96)), new RsaKeys(TimeProvider.System)))
        {
            Good("X25519MLKEM768", "Ordinary", Default, $"XBLACKPONY V1 {Hybrid} {Base64Share.Encode(client.Share)}", 220);
        }

        using (var key = TestRsaKeys.Open("client"))
        {
            byte[] first = [.. key.ExportParameters(false).Modulus!, .. Json.Count(0)];
            Good("RSA-BLOWFISH", "Ordinary TwoMessages", Default, $"XBLACKPONY V1 RSA-BLOWFISH {Base64Share.Encode(first)}", 334);
        }

        Good("ROT 1", "RotShift", rot, "XBLACKPONY V1 ROT 1", 220);
        Good("ROT 25", "RotShift", rot, "XBLACKPONY V1 ROT 25", 220);
        Good("Verb in lower case", "Case", Default, "xblackpony" + good[10..], 220);
        Good("Version in lower case", "Case", Default, good.Replace(" V1 ", " v1 ", StringComparison.Ordinal), 220);
        Good("Suite in mixed case", "Case", Default, $"XBlackPony V1 x25519-ChaCha20Poly1305 {share}", 220);
        Good("One grease token", "Parameters", Default, good + " G-5A1D", 220);
        Good("Several parameters of any visible octets", "Parameters", Default, good + " !~ K=V \\", 220);
        Good("A line of 4096 octets", "Length Parameters", Default,
            good + " " + new string('p', Limits.MaxCommandLine - 2 - good.Length - 1), 220);
        Bad("The verb alone", "Malformed", "XBLACKPONY", 501);
        Bad("The version alone", "Malformed", "XBLACKPONY V1", 501);
        Bad("Without a share", "Malformed", $"XBLACKPONY V1 {Core}", 501);
        Bad("Two spaces behind the verb", "Malformed", good.Replace("XBLACKPONY ", "XBLACKPONY  ", StringComparison.Ordinal), 501);
        Bad("Two spaces before the share", "Malformed", good.Replace("1305 ", "1305  ", StringComparison.Ordinal), 501);
        Bad("Two spaces before a parameter", "Malformed", good + "  G-5A1D", 501);
        Bad("A space before CRLF", "Malformed", good + " ", 501);
        Bad("A space in the place of the share", "Malformed", $"XBLACKPONY V1 {Core} ", 501);
        Bad("A TAB in the place of a space", "BadOctet", good.Replace(" V1", " V1\t", StringComparison.Ordinal), 501);
        Bad("A TAB in a parameter", "BadOctet", good + " a\tb", 501);
        Bad("DEL in a parameter", "BadOctet", good + " \u007f", 501);
        Bad("An octet above 127 in a parameter", "BadOctet", good + " \u00e9", 501);
        Bad("V2", "UnknownVersion", good.Replace(" V1 ", " V2 ", StringComparison.Ordinal), 504);
        Bad("V01", "UnknownVersion", good.Replace(" V1 ", " V01 ", StringComparison.Ordinal), 504);
        Bad("1", "UnknownVersion", good.Replace(" V1 ", " 1 ", StringComparison.Ordinal), 504);
        Bad("A suite that nobody has", "UnknownSuite", $"XBLACKPONY V1 X448-CHACHA20POLY1305 {share}", 504);
        Bad("GREASE in the place of the suite", "UnknownSuite", $"XBLACKPONY V1 G-5A1D {share}", 504);
        Bad("ROT, which is off", "UnknownSuite", "XBLACKPONY V1 ROT 13", 504);
        Bad("Version and suite changed round", "UnknownVersion", $"XBLACKPONY {Core} V1 {share}", 504);
        Bad("A share without padding", "InvalidShare", good[..^1], 501);
        Bad("A share of 31 octets", "InvalidShare", $"XBLACKPONY V1 {Core} {Base64Share.Encode(Json.Count(1, 31))}", 501);
        Bad("A share of 33 octets", "InvalidShare", $"XBLACKPONY V1 {Core} {Base64Share.Encode(Json.Count(1, 33))}", 501);
        Bad("A share that is no base64", "InvalidShare", $"XBLACKPONY V1 {Core} *", 501);
        Bad("The share of X25519 for X25519MLKEM768", "InvalidShare", $"XBLACKPONY V1 {Hybrid} {share}", 501);
        Bad("Unknown version and invalid share", "FirstRowCounts UnknownVersion", $"XBLACKPONY V2 {Core} !", 504);
        Bad("Unknown version and unknown suite", "FirstRowCounts UnknownVersion", "XBLACKPONY V2 NOTHING !", 504);
        Bad("Unknown suite and invalid share", "FirstRowCounts UnknownSuite", "XBLACKPONY V1 NOTHING !", 504);
        Bad("Malformed and of an unknown version", "FirstRowCounts Malformed", $"XBLACKPONY V2 {Core}", 501);
        Bad("A line of 4097 octets", "Length", good + " " + new string('p', Limits.MaxCommandLine - 2 - good.Length), 500);
        Close("A bare LF in the line", "BareOctet", good + " a\nb\r\n", 501);
        Close("A bare LF as the line's end", "BareOctet", good + "\n", 501);
        Close("A bare CR in the line", "BareOctet", good + " a\rb\r\n", 501);
        Close("A NUL in the line", "BareOctet", good + " \0\r\n", 501);
        Close("EHLO behind the command", "OctetsBehind", good + "\r\nEHLO mail.a.test\r\n", 503);
        Close("One octet behind the command", "OctetsBehind", good + "\r\n\r", 503);
        Close("Octets behind a malformed command", "OctetsBehind FirstRowCounts", "XBLACKPONY\r\nNOOP\r\n", 503);
        return file;

        static JsonObject Input(string[] suites, string command) => new() { ["suites"] = Json.List(suites), ["command"] = command };

        void Good(string comment, string flags, string[] suites, string line, int code)
        {
            var fields = line.Split(' ');
            file.Valid(comment, flags, Input(suites, line + "\r\n"),
                new JsonObject { ["code"] = code, ["suite"] = fields[2].ToUpperInvariant(), ["share"] = fields[3] });
        }

        void Bad(string comment, string flags, string line, int code) =>
            file.Invalid(comment, flags, Input(Default, line + "\r\n"), Reaction.Reply(code));

        void Close(string comment, string flags, string octets, int code) =>
            file.Invalid(comment, flags, Input(Default, octets), Reaction.ReplyAndClose(code));
    }

    private static VectorFile Shares()
    {
        var file = new VectorFile("base64-share",
            "Canonical base64 (Section 5.1). A server answers anything else with 501, a client by Section 5.1 or 5.4.");
        file.Note("Canonical", "What an encoder of RFC 4648 Section 4 writes.", "BP-5.1-6");
        file.Note("NonCanonicalBase64", "Unused bits that are not zero, padding that is missing or too much.", "BP-5.1-6",
            "BP-5.1-7", "BP-5.1-9");
        file.Note("OtherAlphabet", "A character that the alphabet does not have, those of base64url among them.",
            "BP-5.1-6", "BP-5.1-7", "BP-5.1-9");
        file.Note("WhiteSpace", "White space, which many decoders skip.", "BP-5.1-6", "BP-5.1-7", "BP-5.1-9");
        Good("Three octets", "AAEC");
        Good("Two octets", "AAE=");
        Good("One octet", "AA==");
        Good("Every character", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
        Good("+ and /", "+/+/");
        Good("All one bits", "////");
        Good("32 octets", Base64Share.Encode(Json.Count(0)));
        Bad("Unused bits behind one octet", "NonCanonicalBase64", "AB==");
        Bad("Unused bits behind two octets", "NonCanonicalBase64", "AAB=");
        Bad("32 octets with an unused bit", "NonCanonicalBase64", Base64Share.Encode(Json.Count(0))[..^2] + "9=");
        Bad("No padding, two octets", "NonCanonicalBase64", "AAE");
        Bad("No padding, one octet", "NonCanonicalBase64", "AA");
        Bad("Half of the padding", "NonCanonicalBase64", "AA=");
        Bad("One character", "NonCanonicalBase64", "A");
        Bad("Padding too much", "NonCanonicalBase64", "AAEC====");
        Bad("Three padding characters", "NonCanonicalBase64", "A===");
        Bad("Padding alone", "NonCanonicalBase64", "====");
        Bad("Padding inside", "NonCanonicalBase64", "AA==AAEC");
        Bad("Something behind the padding", "NonCanonicalBase64", "AA==A");
        Bad("- of base64url", "OtherAlphabet", "AA-C");
        Bad("_ of base64url", "OtherAlphabet", "AA_C");
        Bad("*", "OtherAlphabet", "*");
        Bad("A dot", "OtherAlphabet", "AAE.");
        Bad("An octet above 127", "OtherAlphabet", "AAE\u00c9");
        Bad("A space inside", "WhiteSpace", "AA EC");
        Bad("A space in front", "WhiteSpace", " AAEC");
        Bad("A space behind", "WhiteSpace", "AAEC ");
        Bad("A TAB inside", "WhiteSpace", "AA\tEC");
        Bad("CRLF inside", "WhiteSpace", "AA\r\nEC");
        Bad("LF behind", "WhiteSpace", "AAEC\n");
        return file;

        void Good(string comment, string text) => file.Valid(comment, "Canonical", new JsonObject { ["text"] = text },
            new JsonObject { ["octets"] = Json.Hex(Convert.FromBase64String(text)) });

        void Bad(string comment, string flags, string text) =>
            file.Invalid(comment, flags, new JsonObject { ["text"] = text }, Reaction.Reply(501));
    }
}
