namespace BlackPony.Tests.Traces;

/// <summary>What is reported of a negotiation that deviates from Sections 4, 5 and 9; what is just within the bounds is not.</summary>
public sealed class NegotiationFindingTests
{
    private const string Core = "X25519-CHACHA20POLY1305";
    private const string Hybrid = "X25519MLKEM768-CHACHA20POLY1305";
    private const string Classic = "RSA-BLOWFISH";
    private const string All = $"XBLACKPONY V1 {Hybrid} {Core} {Classic} ROT";

    public static TheoryData<string, string[]> Offers => new()
    {
        { "XBLACKPONY V1 ROT", [] },
        { "XBLACKPONY V1 V2 ROT NEW-SUITE G-5A1D", [] },
        { "XBLACKPONY", ["T-4.1-3: The offer does not begin with a version: XBLACKPONY"] },
        { "XBLACKPONY NEW-SUITE ROT", ["T-4.1-3: The offer does not begin with a version: XBLACKPONY NEW-SUITE ROT"] },
        { "XBLACKPONY V1 ROT V2", ["T-4.1-3: The offer is malformed: XBLACKPONY V1 ROT V2"] },
        { "XBLACKPONY V1 G-5A1D ROT", ["T-4.1-3: The offer is malformed: XBLACKPONY V1 G-5A1D ROT"] },
        { "XBLACKPONY V1  ROT", ["T-4.1-3: The offer is malformed: XBLACKPONY V1  ROT"] },
        { "XBLACKPONY V1 ROT ", ["T-4.1-3: The offer is malformed: XBLACKPONY V1 ROT "] },
        { "XBLACKPONY V1 ROT G-".PadRight(506, 'A'), [] },
        { "XBLACKPONY V1 ROT G-".PadRight(507, 'A'), ["T-4.1-4: An XBLACKPONY line of 513 octets."] },
        { "XBLACKPONYX V1", [] },
        { "XBLACKPONY V1 ROT\r\n250-SIZE\r\n250-XBLACKPONY V1 ROT", ["T-4.1-2: More than one XBLACKPONY line in a reply."] },
        { "XXXXXXXX", ["T-STRIPPED-KEYWORD: A keyword was overwritten in transit: XXXXXXXX"] },
        { "XXXXXXXABC", ["T-STRIPPED-KEYWORD: A keyword was overwritten in transit: XXXXXXXABC"] },
        { "XXXXXXXX\r\n250-XXXXXXXA", ["T-STRIPPED-KEYWORD: A keyword was overwritten in transit: XXXXXXXX"] },
        { "XXXXXX", [] },
        { "XXXXXXXD", [] },
    };

    [Theory]
    [MemberData(nameof(Offers))]
    public void An_offer_that_is_not_one_is_said(string line, string[] expected) => Check(Offered(line), expected);

    [Fact]
    public void A_keyword_where_the_servers_name_stands_is_none()
    {
        Check([.. Frames.Lines[..2], ('S', "250-XXXXXXXX\r\n250 SIZE\r\n")], []);
        Check([.. Frames.Lines[..2], ('S', "250-XBLACKPONY ROT\r\n250 SIZE\r\n")], []);
    }

    [Fact]
    public void The_offer_is_reported_as_the_server_made_it_last()
    {
        var session = Inspection.Of(Inspection.Connection(
            [.. Offered("xblackpony  V1 ROT"), ('C', "EHLO mail.a.test\r\n"), ('S', "250-mx.b.test\r\n250 XBLACKPONY V1 NEW\r\n")])).Only;
        Assert.Equal("V1 NEW", session.Offer);
        session = Inspection.Of(Inspection.Connection(
            [.. Offered("XBLACKPONY V1 ROT"), ('C', "EHLO mail.a.test\r\n"), ('S', "250 mx.b.test\r\n")])).Only;
        Assert.Null(session.Offer);
        session = Inspection.Of(Inspection.Connection(Offered("XBLACKPONY  V1 ROT"))).Only;
        Assert.Equal("V1 ROT", session.Offer);
    }

    [Theory]
    [InlineData("XBLACKPONY V1 ROT", "T-NOT-USED: XBLACKPONY was offered, and the mail went in plaintext.")]
    [InlineData("STARTTLS", "T-NOT-USED: STARTTLS was offered, and the mail went in plaintext.")]
    [InlineData("starttls", "T-NOT-USED: STARTTLS was offered, and the mail went in plaintext.")]
    [InlineData("STARTTLSX")]
    [InlineData("XSTARTTLS")]
    [InlineData("SIZE")]
    public void An_offer_that_is_not_used_for_mail_is_said(string line, params string[] expected)
    {
        Check([.. Offered(line), .. Frames.Lines[3..]], expected);
        Check([.. Offered(line), .. Frames.Lines[^2..]], []);
    }

    public static TheoryData<string, string, string[]> Refusals => new()
    {
        { $"XBLACKPONY V1 ROT 13", "504 No", [Refused("ROT", 504)] },
        { $"XBLACKPONY V1 ROT 13", "454 Later", [Refused("ROT", 454)] },
        { $"XBLACKPONY V1 ROT 13", "400 Later", [Refused("ROT", 400)] },
        { $"XBLACKPONY V1 {Core} {Share(32)}", "504 No", [Refused(Core, 504)] },
        { $"xblackpony v1 rot 13", "504 No", [Refused("ROT", 504)] },
        { $"XBLACKPONY V1 ROT 13", "538 No", ["T-4.4-13: The reply 538.", Refused("ROT", 538)] },
        { $"XBLACKPONY V1 ROT 13", "421 Bye", ["T-UPGRADE-BROKEN: The server answered XBLACKPONY with 421."] },
        { $"XBLACKPONY V1 ROT 13", "250 Ok",
            ["T-4.3-1: The reply 250 to XBLACKPONY.", "T-UPGRADE-BROKEN: The server answered XBLACKPONY with 250."] },
        { $"XBLACKPONY V1 ROT 13", "399 What",
            ["T-4.3-1: The reply 399 to XBLACKPONY.", "T-UPGRADE-BROKEN: The server answered XBLACKPONY with 399."] },
        { "XBLACKPONY V1 ROT", "501 No", ["T-4.2-1: A malformed XBLACKPONY command: XBLACKPONY V1 ROT", Refused("no suite", 501)] },
        { "XBLACKPONY V1  ROT 13", "501 No",
            ["T-4.2-1: A malformed XBLACKPONY command: XBLACKPONY V1  ROT 13", Refused("no suite", 501)] },
        { "XBLACKPONY V2 ROT 13", "504 No", ["T-4.2-2: V2 ROT was not offered.", Refused("ROT", 504)] },
        { "XBLACKPONY V1 NEW 13", "504 No", ["T-4.2-2: V1 NEW was not offered.", Refused("NEW", 504)] },
        { "XBLACKPONY V1 ROT 1", "504 No", [Refused("ROT", 504)] },
        { "XBLACKPONY V1 ROT 25", "504 No", [Refused("ROT", 504)] },
        { "XBLACKPONY V1 ROT 26", "501 No", ["T-5.5-1: Not a shift: 26", Refused("ROT", 501)] },
        { $"XBLACKPONY V1 {Core} AAB=", "501 No", ["T-5.1-6: The client's share is not canonical base64.", Refused(Core, 501)] },
        { $"XBLACKPONY V1 {Core} {Share(33)}", "501 No", ["T-5.1-8: The client's share has 33 octets.", Refused(Core, 501)] },
        { $"XBLACKPONY V1 {Classic} {Share(416)}", "504 No", [Refused(Classic, 504)] },
        { $"XBLACKPONY V1 {Classic} {Share(384)}", "501 No", ["T-5.1-8: The client's share has 384 octets.", Refused(Classic, 501)] },
        { $"XBLACKPONY V1 {Hybrid} {Share(1216)}", "504 No", [Refused(Hybrid, 504)] },
        { $"XBLACKPONY V1 {Hybrid} {Share(1120)}", "501 No", ["T-5.1-8: The client's share has 1120 octets.", Refused(Hybrid, 501)] },
        { "XBLACKPONY V1 ROT 13 ".PadRight(4094, 'x'), "504 No", [Refused("ROT", 504)] },
        { "XBLACKPONY V1 ROT 13 ".PadRight(4095, 'x'), "500 No",
            ["T-4.2-3: An XBLACKPONY command of 4097 octets.", Refused("ROT", 500)] },
        { "XBLACKPONY V1 ROT 13\r\nNOOP", "504 No\r\n250 Ok",
            [@"T-4.2-9: 6 octets after the command before its reply: NOOP\r\n", Refused("ROT", 504)] },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_is_wrong_with_a_command_that_was_refused_is_said(string command, string reply, string[] expected) =>
        Check([.. Offered(All), ('C', command + "\r\n"), ('S', reply + "\r\n")], expected);

    [Fact]
    public void A_second_command_comes_after_504_with_another_suite_and_a_third_does_not_come()
    {
        (char, string) core = ('C', $"XBLACKPONY V1 {Core} {Share(32)}\r\n"), rot = ('C', "XBLACKPONY V1 ROT 13\r\n");
        (char, string) unsupported = ('S', "504 No\r\n"), later = ('S', "454 Later\r\n");
        const string Second = "T-4.2-11: A second XBLACKPONY command, not after 504 or with the same suite.";
        Check([.. Offered(All), core, unsupported, rot, unsupported], [Refused(Core, 504), Refused("ROT", 504)]);
        Check([.. Offered(All), rot, unsupported, rot, unsupported], [Refused("ROT", 504), Second, Refused("ROT", 504)]);
        Check([.. Offered(All), core, later, rot, unsupported], [Refused(Core, 454), Second, Refused("ROT", 504)]);
        Check([.. Offered(All), core, unsupported, rot, unsupported, rot, unsupported, core, unsupported],
            [Refused(Core, 504), Refused("ROT", 504), "T-4.2-10: More than 2 XBLACKPONY commands in one connection.",
                Refused("ROT", 504), Refused(Core, 504)]);
    }

    [Fact]
    public void After_a_broken_upgrade_nothing_more_comes_in_the_connection()
    {
        const string GoesOn = "T-9.2-2: After a broken upgrade the client goes on in the same connection.";
        const string Lost = "T-UPGRADE-BROKEN: The connection ended before the reply to XBLACKPONY.";
        (char, string)[] broken = [.. Offered(All), ('C', "XBLACKPONY V1 ROT 13\r\n"), ('S', "421 Bye\r\n")];
        Check([.. broken, ('C', "MAIL FROM:<a@a.test>\r\n"), ('S', "421 Bye\r\n"), ('C', "QUIT\r\n")],
            ["T-UPGRADE-BROKEN: The server answered XBLACKPONY with 421.", GoesOn]);
        Check([.. Offered(All), ('C', "XBLACKPONY V1 ROT 13\r\n")], [Lost]);
        // After a refusal the connection is as it was.
        Check([.. Offered(All), ('C', "XBLACKPONY V1 ROT 13\r\n"), ('S', "454 Later\r\n"), .. Frames.Lines[3..]], [Refused("ROT", 454)]);
    }

    [Fact]
    public void An_upgrade_in_a_transaction_or_without_EHLO_is_said_of_the_side_that_does_it()
    {
        (char, string)[] mail = [.. Offered(All), .. Frames.Lines[3..5], ('C', "XBLACKPONY V1 ROT 13\r\n")];
        const string Asked = "T-9.3-1: XBLACKPONY in a mail transaction.";
        const string Plain = "T-NOT-ENCRYPTED: ROT protects nothing: this session is not encrypted.";
        Check([.. mail, ('S', "503 No\r\n")], ["T-SEQUENCE: The server refuses XBLACKPONY as out of order.", Asked, Refused("ROT", 503)],
            sorted: true);
        Check([.. mail, ('S', "220 Go\r\n")], [Asked, "T-4.4-5: The server accepts XBLACKPONY in a mail transaction.", Plain]);
        Check([Frames.Lines[0], ('C', "HELO mail.a.test\r\n"), ('S', $"250-mx.b.test\r\n250 {All}\r\n"), ('C', "XBLACKPONY V1 ROT 13\r\n"),
            ('S', "220 Go\r\n")], ["T-4.1-6: The keyword XBLACKPONY in a reply to HELO.",
            "T-4.4-6: The server accepts XBLACKPONY without a preceding EHLO.", Plain]);
        Check([Frames.Lines[0], ('C', "XBLACKPONY V1 ROT 13\r\n"), ('S', "503 No\r\n")],
            ["T-SEQUENCE: The server refuses XBLACKPONY as out of order.", "T-4.2-2: V1 ROT was not offered.", Refused("ROT", 503)],
            sorted: true);
    }

    public static TheoryData<string, string, string[]> Acceptances => new()
    {
        { "ROT 13", "220 Go", ["T-NOT-ENCRYPTED: ROT protects nothing: this session is not encrypted."] },
        { "ROT 13", "220-Go\r\n220 on", NoRot },
        { "ROT 13", "220 K=AAAA", NoRot },
        { "ROT 13", "334 Go", NoRot },
        { "ROT 26", "220 Go", ["T-5.5-1: Not a shift: 26", "T-5.5-1: The server accepts an invalid shift."] },
        { "ROT", "220 Go", ["T-4.2-1: A malformed XBLACKPONY command: XBLACKPONY V1 ROT",
            "T-4.4-1: The server accepts a command that is malformed, or has an unknown suite.",
            "T-UPGRADE-BROKEN: The upgrade cannot be followed."] },
        { "NEW 13", "220 Go", ["T-4.2-2: V1 NEW was not offered.",
            "T-4.4-1: The server accepts a command that is malformed, or has an unknown suite.",
            "T-UPGRADE-BROKEN: The upgrade cannot be followed."] },
        { $"{Core} {Share(32)}", $"220 K={Share(32)}", Switched },
        { $"{Core} {Share(32)}", "220 Welcome", NoShare(220) },
        { $"{Core} {Share(32)}", $"220 K={Share(31)}", ["T-5.1-8: The server's share has 31 octets.", .. Switched] },
        { $"{Core} {Share(32)}", "220 K=AAB=", ["T-5.1-6: The server's share is not canonical base64.", .. Switched] },
        { $"{Core} {Share(32)}", $"334 K={Share(32)}", NoFit($"The reply 334 in {Core}.") },
        { $"{Core} {Share(32)}", $"220-K={Share(32)[..40]}\r\n220 K={Share(32)[40..]}",
            ["T-4.3-4: A fragment of 40 characters in line 1 of 2.", .. Switched] },
        { $"{Hybrid} {Share(1216)}", Fragments(220, Share(1120), 400), Switched },
        { $"{Hybrid} {Share(1216)}", Fragments(220, Share(1120), 401),
            ["T-4.3-4: A fragment of 401 characters in line 1 of 4.", .. Switched] },
        { $"{Hybrid} {Share(1216)}", Fragments(220, Share(1216), 400), ["T-5.1-8: The server's share has 1216 octets.", .. Switched] },
        { $"{Classic} {Share(416)}", Fragments(220, Share(416), 400), NoFit("The reply 220 in RSA-BLOWFISH.") },
        { $"{Classic} {Share(416)}", "334 Go on", NoShare(334) },
    };

    [Theory]
    [MemberData(nameof(Acceptances))]
    public void What_is_wrong_with_a_reply_that_accepts_is_said(string command, string reply, string[] expected) =>
        Check([.. Offered(All), ('C', $"XBLACKPONY V1 {command}\r\n"), ('S', reply + "\r\n")], expected);

    public static TheoryData<string, string, string[]> Continuations => new()
    {
        { Share(384), Fragments(220, Share(384), 400), Switched },
        { Share(384), Fragments(220, Share(416), 400), ["T-5.1-8: The server's share has 416 octets.", .. Switched] },
        { Share(384), Fragments(334, Share(384), 400), NoFit("The reply 334 in RSA-BLOWFISH to the continuation.") },
        { Share(384), "504 No", [Refused(Classic, 504)] },
        { "*", "501 Cancelled", [$"T-UPGRADE-REFUSED: XBLACKPONY with {Classic} was cancelled: 501."] },
        { Share(383), "501 No", ["T-5.4-7: The continuation is not canonical base64 of 384 octets.", Refused(Classic, 501)] },
        { "AAB=", "501 No", ["T-5.4-7: The continuation is not canonical base64 of 384 octets.", Refused(Classic, 501)] },
        { new string('A', 4094), "500 No",
            ["T-5.4-7: The continuation is not canonical base64 of 384 octets.", Refused(Classic, 500)] },
        { new string('A', 4095), "500 No", ["T-4.3-10: A continuation line of 4097 octets.", Refused(Classic, 500)] },
    };

    [Theory]
    [MemberData(nameof(Continuations))]
    public void What_is_wrong_with_a_continuation_or_its_reply_is_said(string line, string reply, string[] expected) =>
        Check([.. Offered(All), ('C', $"XBLACKPONY V1 {Classic} {Share(416)}\r\n"), ('S', Fragments(334, Share(416), 400) + "\r\n"),
            ('C', line + "\r\n"), ('S', reply + "\r\n")], expected);

    [Theory]
    [InlineData("AUTH PLAIN AGJvYgBzZXNhbWU=", true)]
    [InlineData("AUTH LOGIN Ym9i", true)]
    [InlineData("auth plain AGJvYgBzZXNhbWU=", true)]
    [InlineData("AUTH CRAM-MD5", false)]
    public void A_password_in_the_clear_is_said_once(string command, bool said)
    {
        (char, string)[] login = [('C', command + "\r\n"), ('S', "535 No\r\n")];
        Check([.. Offered("SIZE"), .. login, .. login],
            said ? ["T-AUTH-PLAINTEXT: A password goes over the wire in the clear."] : []);
    }

    // A client that says no more after it has the server's share.
    private static readonly string[] Switched =
    [
        "T-NO-KEYS: No key log was given: what the records hold is not seen.",
        "T-UPGRADE-BROKEN: The client ended the connection without a record: it did not accept the server's share, or its Finished.",
    ];

    private static readonly string[] NoRot = ["T-5.5-11: The reply to ROT is not a single 220 line without K=.",
        "T-UPGRADE-BROKEN: The reply does not fit ROT."];

    private static string[] NoShare(int code) =>
        [$"T-4.3-2: The {code} reply is malformed.", "T-UPGRADE-BROKEN: The client cannot read the server's share."];

    private static string[] NoFit(string how) => [$"T-4.3-6: {how}", "T-UPGRADE-BROKEN: The reply does not fit the suite."];

    private static string Refused(string suite, int code) => $"T-UPGRADE-REFUSED: XBLACKPONY with {suite} was refused: {code}.";

    private static string Share(int octets) => Convert.ToBase64String(new byte[octets]);

    private static string Fragments(int code, string share, int length)
    {
        var fragments = share.Chunk(length).Select(f => new string(f)).ToList();
        return string.Join("\r\n", fragments.Select((f, i) => $"{code}{(i < fragments.Count - 1 ? '-' : ' ')}K={f}"));
    }

    private static (char, string)[] Offered(string line) =>
        [.. Frames.Lines[..2], ('S', $"250-mx.b.test\r\n250-{line}\r\n250 8BITMIME\r\n")];

    // All that is found, notes included.
    private static void Check((char, string)[] lines, string[] expected, bool sorted = false)
    {
        var found = Inspection.Of(Inspection.Connection(lines)).Only.Findings.Select(f => $"{f.Id}: {f.Text}");
        Assert.Equal(sorted ? expected.Order(StringComparer.Ordinal) : expected, sorted ? found.Order(StringComparer.Ordinal) : found);
    }
}
