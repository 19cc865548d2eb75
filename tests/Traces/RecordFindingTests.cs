using System.Text;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What is reported of records that deviate from Sections 4.5 and 6 to 8, in transcripts: they show what records hold.</summary>
public sealed class RecordFindingTests
{
    private const string Finished = "finished 0000000000000000000000000000000000000000000000000000000000000000";
    private const string Ehlo = @"data EHLO mail.a.test\r\n";
    private const string Reply = @"data 250 mx.b.test\r\n";
    private const string Ident = "ident 0000";
    private const string Truncated = "T-TRUNCATED: The client ended its direction without a close.";

    private const string Silent =
        "T-UPGRADE-BROKEN: The client ended the connection without a record: it did not accept the server's share, or its Finished.";

    // To where mail may begin, and from where the session ends.
    private static readonly string[] Begin = ["S " + Finished, "C " + Finished, "C " + Ehlo, "S " + Reply];
    private static readonly string[] End = [@"C data QUIT\r\n", @"S data 221 Bye\r\n", "S close", "C close"];

    public static TheoryData<string[], string[]> Dialogues => new()
    {
        { [.. Begin, .. End], [] },
        { ["S " + Reply, "S " + Finished, .. Begin[1..], .. End],
            ["T-6.3-1: The server's first record is data, not finished.", "T-6.3-5: The server sends data before the client's Finished.",
                "T-6.3-8: The server sends a second Finished."] },
        { ["S rekey", "S " + Finished, .. Begin[1..], .. End],
            ["T-6.3-1: The server's first record is rekey, not finished.", "T-6.3-8: The server sends a second Finished."] },
        { ["S 200 00", "S " + Finished, .. Begin[1..], .. End],
            ["T-6.3-1: The server's first record is type 200, not finished.", "T-6.3-8: The server sends a second Finished."] },
        { ["S 128", "S " + Finished, .. Begin[1..], .. End],
            ["T-6.3-1: The server's first record is type 128, not finished.", "T-6.3-8: The server sends a second Finished."] },
        { [Begin[0], "C " + Ehlo, "S " + Reply, .. End], ["T-6.3-1: The client's first record is data, not finished."] },
        { ["C " + Finished, "S " + Finished, .. Begin[2..], .. End],
            ["T-6.3-3: The client sends a record before the server's Finished."] },
        { [Begin[0], Begin[1], "C " + Finished, .. Begin[2..], .. End], ["T-6.3-8: The client sends a second Finished."] },
        { ["S " + Finished[..^2], .. Begin[1..], .. End], ["T-6.3-7: verify_data of 31 octets."] },
        { [Begin[0], "C finished", .. Begin[2..], .. End], ["T-6.3-7: verify_data of 0 octets."] },
        { [Begin[0], Begin[1], "C " + Ident, .. Begin[2..], .. End], ["T-6.5-3: The client sends an ident record."] },
        { [Begin[0], "S " + Ident, .. Begin[1..], .. End], ["T-6.5-6: The ident record does not verify."] },
        { [.. Begin, "S " + Ident, .. End], ["T-6.5-2: The ident record is not the server's second record."] },
        { [.. Begin, "S rekey", "C rekey", .. End], [] },
        { [.. Begin, "S rekey 00", .. End], ["T-7.4-3: A rekey record carries 1 octets."] },
        { [.. Begin, .. End[..2], "S close 0000", "C close"], ["T-7.4-3: A close record carries 2 octets."] },
        { [.. Begin, "S 0", "S 7", "C 127", "C 128", "S 255 00", .. End], ["T-7.4-2: A record of the unassigned type 0.",
            "T-7.4-2: A record of the unassigned type 7.", "T-7.4-2: A record of the unassigned type 127."] },
        { [.. Begin, "C alert 01"], ["T-ALERT: The client sent an alert: a record that it received had failed."] },
        { [.. Begin, "S alert 02"], ["T-ALERT: The server sent an alert: a record that it received had failed.",
            "T-8.3-2: The alert's data is not the one octet 1."] },
        { [.. Begin, "S alert"], ["T-ALERT: The server sent an alert: a record that it received had failed.",
            "T-8.3-2: The alert's data is not the one octet 1."] },
        { ["S " + Finished, "C alert 01"], ["T-ALERT: The client sent an alert: a record that it received had failed."] },
        { ["S alert 01"], ["T-ALERT: The server sent an alert: a record that it received had failed.", Silent] },
        { [.. Begin, .. End[..2], "S rekey", .. End[2..]], [] },
        { [.. Begin, .. End[..2], @"S data 250 Ok\r\n", @"S data 250 Ok\r\n", .. End[2..]],
            ["T-8.1-5: After its last reply the server sends data, not its close.", "T-REPLY-UNASKED: The reply 250 answers no command.",
                "T-REPLY-UNASKED: The reply 250 answers no command."] },
        { [.. Begin, @"C data NOOP\r\n", @"S data 421 Busy\r\n", "S 130", "S close", "C close"],
            ["T-8.1-5: After its last reply the server sends type 130, not its close."] },
        { [.. Begin, @"C data NOOP\r\n", @"S data 221 Ok\r\n", "S alert 01"],
            ["T-ALERT: The server sent an alert: a record that it received had failed."] },
        // The client is not held to it.
        { [.. Begin, .. End[..2], @"C data NOOP\r\n", .. End[2..]], [] },
        // Of a client that has the server's close nothing is lost.
        { [.. Begin, .. End[..3]], [] },
        { [.. Begin], [Truncated] },
        { [Begin[0]], [Silent] },
        { [.. Begin[..2], @"C data MAIL FROM:<a@a.test>\r\n", @"S data 503 EHLO first\r\n", .. End],
            ["T-4.5-2: The first command inside is not EHLO: MAIL FROM:<a@a.test>",
                "T-SEQUENCE: The server refuses MAIL as out of order."] },
        { [.. Begin[..2], @"C data HELO mail.a.test\r\n", "S " + Reply, .. End],
            ["T-4.5-2: The first command inside is not EHLO: HELO mail.a.test"] },
        { [.. Begin, @"C data XBLACKPONY V1 ROT 13\r\n", @"S data 502 No\r\n", .. End], ["T-4.5-7: XBLACKPONY inside.",
            "T-UPGRADE-REFUSED: XBLACKPONY with no suite was refused: 502."] },
        { [.. Begin, @"C data STARTTLS\r\n", @"S data 502 No\r\n", .. End], ["T-4.5-7: STARTTLS inside."] },
        { [.. Begin[..3], @"S data 250-mx.b.test\r\n250-STARTTLS\r\n250 XBLACKPONY V1 ROT\r\n", .. End],
            ["T-4.5-4: The server offers STARTTLS inside.", "T-4.5-4: The server offers XBLACKPONY inside."] },
        { [.. Begin, @"C data AUTH PLAIN AGJvYgBzZXNhbWU=\r\n", @"S data 235 Ok\r\n", .. End], [] },
    };

    [Theory]
    [MemberData(nameof(Dialogues))]
    public void Records_that_deviate_are_said(string[] records, string[] expected) =>
        Assert.Equal(expected, Found(records.Select(r => Record(r[0], r[2..]))));

    [Theory]
    [InlineData("rekey")]
    [InlineData("data")]
    [InlineData("128")]
    [InlineData("255")]
    public void So_many_records_that_carry_nothing_may_come_in_a_row_and_not_one_more(string kind)
    {
        string[] idle = [.. Enumerable.Repeat("S " + kind, 64)];
        string[] said = ["T-7.4-5: The server sends more than 64 records in a row that carry nothing."];
        Assert.Equal([], Found(Begin.Concat(idle).Concat(End).Select(r => Record(r[0], r[2..]))));
        Assert.Equal(said, Found([.. Begin.Concat(idle).Append("S rekey").Concat(End).Select(r => Record(r[0], r[2..]))]));
        // Said once, and counted again after data.
        string[] again = [.. Begin, .. idle, .. idle, @"C data NOOP\r\n", @"S data 250 Ok\r\n", .. idle, .. End];
        Assert.Equal(said, Found(again.Select(r => Record(r[0], r[2..]))));
        // Other records count neither way.
        string[] others = [.. Begin, .. idle, "S 7", .. End];
        Assert.Equal(["T-7.4-2: A record of the unassigned type 7."], Found(others.Select(r => Record(r[0], r[2..]))));
    }

    [Theory]
    [InlineData("X25519-CHACHA20POLY1305", 16)]
    [InlineData("RSA-BLOWFISH", 32)]
    public void A_length_that_no_record_has_ends_the_records(string suite, int tag)
    {
        static string NoRecord(string kind, int length, string octets) =>
            $"{kind}: The server sends something that is not a record: a length of {length}, octets {octets}";
        var begin = Begin.Select(r => Record(r[0], r[2..])).ToList();
        foreach (int length in (int[])[1 + tag, 16_385 + tag])
        {
            Assert.Equal([Truncated], Found([.. begin, Record('S', "128", length)], suite));
        }

        Assert.Equal([NoRecord("T-7.1-3", tag, tag == 16 ? @"\x00\x10" : @"\x00 ")], Found([.. begin, $"S+ {tag:x4}"], suite));
        Assert.Equal([NoRecord("T-7.1-3", 0, @"\x00\x00")], Found([.. begin, "S+ 0000"], suite));
        Assert.Equal([NoRecord("T-7.1-1", 16_386 + tag, tag == 16 ? @"@\x12" : "@\"")], Found([.. begin, $"S+ {16_386 + tag:x4}"], suite));
        // Plaintext that follows is shown.
        Assert.Equal([@"T-7.1-1: The server sends something that is not a record: a length of 17017, octets Bye\r\n"],
            Found([.. begin, "S: Bye"], suite));
    }

    [Fact]
    public void A_record_after_the_close_is_said_where_the_key_log_shows_the_close()
    {
        var secured = new Secured("X25519-CHACHA20POLY1305", after: true);
        Assert.Equal(["T-8.1-2: The server sends a record after its close."], Said(secured.Keys));
        Assert.Equal(["T-NO-KEYS: No key log was given: what the records hold is not seen."], Said(null));
        Assert.Equal(["T-NO-KEYS: The key log has no secrets for this session."], Said(new KeyLog()));

        IEnumerable<string> Said(KeyLog? keys) =>
            Inspection.Of(secured.Pcap(), new InspectOptions { Keys = keys }).Only.Findings.Select(f => $"{f.Id}: {f.Text}");
    }

    [Theory]
    [InlineData("EHLO mail.a.test\r\n", "client", 2)]
    [InlineData("250 mx.b.test\r\n", "server", 2)]
    // A rekey goes before it.
    [InlineData("DATA\r\n", "client", 6)]
    public void A_record_that_was_changed_on_its_way_is_said(string broken, string who, int number)
    {
        var secured = new Secured("X25519-CHACHA20POLY1305", broken: broken);
        var session = Inspection.Of(secured.Pcap(), new InspectOptions { Keys = secured.Keys }).Only;
        Assert.Equal(
            [$"T-RECORD-UNVERIFIED: The {who}'s record {number} does not verify under the key log's secret: it was changed in transit, or "
                + "sealed with other keys.",
                $"T-ALERT: The {(who == "client" ? "server" : "client")} sent an alert: a record that it received had failed."],
            session.Findings.Select(f => $"{f.Id}: {f.Text}"));
    }

    private static IEnumerable<string> Found(IEnumerable<string> items, string suite = "X25519-CHACHA20POLY1305")
    {
        var share = Convert.ToBase64String(new byte[suite == "RSA-BLOWFISH" ? 416 : 32]);
        var last = Convert.ToBase64String(new byte[suite == "RSA-BLOWFISH" ? 384 : 32]);
        var text = new StringBuilder("# BlackPony transcript 1\nS: 220 mx.b.test ESMTP\nC: EHLO mail.a.test\nS: 250-mx.b.test\n")
            .Append(null, $"S: 250 XBLACKPONY V1 {suite}\nC: XBLACKPONY V1 {suite} {share}\n");
        if (suite == "RSA-BLOWFISH")
        {
            text.Append(null, $"S: 334-K={share[..400]}\nS: 334 K={share[400..]}\nC: {last}\n");
            text.Append(null, $"S: 220-K={last[..400]}\nS: 220 K={last[400..]}\n");
        }
        else
        {
            text.Append(null, $"S: 220 K={last}\n");
        }

        text.AppendJoin('\n', items).Append("\nC!\nS!\n");
        var inspection = Inspection.Of(Encoding.ASCII.GetBytes(text.ToString()));
        Assert.Empty(inspection.File.Findings);
        return inspection.Only.Findings.Select(f => $"{f.Id}: {f.Text}");
    }

    private static string Record(char side, string content, int length = 273) =>
        $"{side}> {length:x4}{new string('0', 2 * length)}\n{side}}} {content}";
}
