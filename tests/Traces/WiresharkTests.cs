using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>The dissector in the real tshark.</summary>
public sealed class WiresharkTests
{
    private static readonly string[] Script = ["-X", "lua_script:" + Repository.At("spec", "wireshark", "blackpony.lua")];

    private static readonly string[] Columns =
    [
        "blackpony.text", "smtp.req.command", "imf.subject", "blackpony.record.type", "blackpony.record.inner", "blackpony.record.padding",
        "blackpony.record.unverified", "blackpony.no_keys", "_ws.malformed", "_ws.lua.error",
    ];

    public static TheoryData<string> Suites => BlackPonyTests.Suites;

    [Theory]
    [MemberData(nameof(Suites))]
    public void The_negotiation_is_shown(string suite)
    {
        using var folder = new Folder();
        var file = folder.Write("secured.pcap", new Secured(suite).Pcap());
        Assert.Equal([suite], Fields(file, "blackpony.offer", "blackpony.suite"));
        var command = Assert.Single(Fields(file, "blackpony.command", "blackpony.version", "blackpony.suite", "blackpony.share"))
            .Split('\t');
        Assert.Equal(("V1", suite), (command[0], command[1]));
        Assert.NotEmpty(command[2]);
        Assert.Equal(suite == "RSA-BLOWFISH" ? ["334", "220"] : ["220"],
            Fields(file, "blackpony.reply", "blackpony.reply.code").Select(c => c.Split(',')[^1]).Distinct());
        Assert.Equal(suite == "RSA-BLOWFISH" ? 1 : 0, Fields(file, "blackpony.continuation", "frame.number").Count);
        // What is plain SMTP is still Wireshark's own dissector's.
        Assert.Contains("EHLO", Fields(file, "smtp", "smtp.req.command"));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public void Records_are_cut_as_we_cut_them(string suite)
    {
        using var folder = new Folder();
        var secured = new Secured(suite);
        var file = folder.Write("secured.pcap", secured.Pcap());
        if (suite == "ROT")
        {
            Assert.Contains("RCPT TO:<bob@b.test>", Fields(file, "blackpony.rot", "blackpony.text"));
            return;
        }

        var ours = Inspection.Of(secured.Pcap(), new InspectOptions { Dialogue = true }).Only.Dialogue!.Where(l => l.Text == "(record)")
            .Select(l => l.Octets - 2).Order();
        var theirs = Fields(file, "blackpony.record", "blackpony.record.length").SelectMany(l => l.Split(',')).Select(long.Parse).Order();
        Assert.Equal(ours, theirs);
        Assert.Empty(Fields(file, "blackpony.record.length.bad || _ws.malformed || _ws.lua.error", "frame.number"));
        Assert.Equal(suite == "RSA-BLOWFISH" ? "32" : "16",
            Fields(file, "blackpony.record", "blackpony.record.tag")[0].Split(',')[0] is { } tag
            ? (tag.Length / 2).ToString(System.Globalization.CultureInfo.InvariantCulture) : "");
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public void With_the_key_log_the_records_are_opened(string suite)
    {
        using var folder = new Folder();
        var secured = new Secured(suite);
        var file = folder.Write("secured.pcap", secured.Pcap());
        string[] keys = ["-o", "blackpony.keylog:" + folder.Write("keys.log", System.Text.Encoding.ASCII.GetBytes(secured.KeyLog))];
        var inside = Secured.Inside.SelectMany(l => l.Text.Split("\r\n")[..^1]).Where(l => l.Length > 0);
        // Also when everything is gone over twice.
        foreach (string[] options in (string[][])[keys, [.. keys, "-2"]])
        {
            // A line a frame, fields with tabs between, a field's values with commas between.
            var frames = Tshark.Run(file, [.. Script, .. options, "-Y", "blackpony.record || blackpony.rot", "-T", "fields",
                .. Columns.SelectMany(f => new[] { "-e", f })]).Select(l => l.Split('\t')).ToList();
            List<string> Column(string name) =>
                [.. frames.SelectMany(f => f[Array.IndexOf(Columns, name)].Split(',')).Where(v => v.Length > 0)];
            Assert.Equal(inside, Column("blackpony.text"));
            Assert.Equal(["EHLO", "MAIL", "RCPT", "DATA", "QUIT"], Column("smtp.req.command"));
            Assert.Equal(["hello"], Column("imf.subject"));
            Assert.Empty(Column("blackpony.record.unverified").Concat(Column("blackpony.no_keys")).Concat(Column("_ws.malformed"))
                .Concat(Column("_ws.lua.error")));
            if (suite != "ROT")
            {
                var types = Column("blackpony.record.type").GroupBy(t => t).ToDictionary(g => g.Key, g => g.Count());
                Assert.Equal((2, Secured.Inside.Length, 1, 2), (types["2"], types["1"], types["4"], types["5"]));
                // The inner of a rekey record is its type and padding.
                var rekey = Assert.Single(frames, f => f[Array.IndexOf(Columns, "blackpony.record.type")] == "4");
                Assert.Equal(("256", "255"), (rekey[Array.IndexOf(Columns, "blackpony.record.inner")],
                    rekey[Array.IndexOf(Columns, "blackpony.record.padding")]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(BlackPonyTests.Encrypting), MemberType = typeof(BlackPonyTests))]
    public void A_record_that_does_not_verify_and_the_alert_are_marked(string suite)
    {
        using var folder = new Folder();
        var secured = new Secured(suite, broken: "RCPT TO:<bob@b.test>\r\n");
        var file = folder.Write("secured.pcap", secured.Pcap());
        string[] keys = ["-o", "blackpony.keylog:" + folder.Write("keys.log", System.Text.Encoding.ASCII.GetBytes(secured.KeyLog))];
        IReadOnlyList<string> Seen(string filter, string field) =>
            Tshark.Run(file, [.. Script, .. keys, "-Y", filter, "-T", "fields", "-e", field]);
        Assert.Equal(["40000"], Seen("blackpony.record.unverified", "tcp.srcport"));
        Assert.Equal(["25"], Seen("blackpony.alert == 1 && blackpony.alerted && blackpony.record.type == 6", "tcp.srcport"));
        Assert.DoesNotContain("RCPT", string.Join(' ', Seen("blackpony.text", "blackpony.text")), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(BlackPonyTests.Encrypting), MemberType = typeof(BlackPonyTests))]
    public void A_long_message_goes_over_many_records_and_segments(string suite)
    {
        using var folder = new Folder();
        var text = "Subject: long\r\n\r\n"
            + string.Concat(Enumerable.Range(0, 800).Select(i => $"Line {i} of a message that is longer than three records.\r\n"));
        var lines = ((char, string)[])Secured.Inside.Clone();
        lines[8] = ('C', text);
        lines[9] = ('C', ".\r\n");
        var secured = new Secured(suite, lines);
        var file = folder.Write("secured.pcap", secured.Pcap());
        string[] keys = ["-o", "blackpony.keylog:" + folder.Write("keys.log", System.Text.Encoding.ASCII.GetBytes(secured.KeyLog))];
        var seen = Tshark.Run(file, [.. Script, .. keys, "-T", "fields", "-e", "blackpony.text", "-e", "imf.subject", "-e",
            "blackpony.record.unverified", "-e", "blackpony.record.length.bad", "-e", "_ws.lua.error"]).Select(l => l.Split('\t')).ToList();
        Assert.Equal(800, seen.SelectMany(l => l[0].Split(',')).Count(l => l.StartsWith("Line ", StringComparison.Ordinal)));
        Assert.Equal("long", string.Concat(seen.Select(l => l[1])));
        Assert.All(seen, l => Assert.Equal("", l[2] + l[3] + l[4]));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public void However_the_segments_are_cut_and_whatever_the_passes_the_same_is_inside(string suite)
    {
        using var folder = new Folder();
        Secured[] sessions = [new(suite), new(suite)];
        var file = folder.Write("secured.pcap", Secured.Pcap(50, sessions));
        string[] keys = ["-o", "blackpony.keylog:"
            + folder.Write("keys.log", System.Text.Encoding.ASCII.GetBytes(sessions[0].KeyLog + sessions[1].KeyLog))];
        var inside = Secured.Inside.SelectMany(l => l.Text.Split("\r\n")[..^1]).Where(l => l.Length > 0);
        // Without a filter the first of two passes knows no fields.
        foreach (string[] options in (string[][])[keys, [.. keys, "-2"]])
        {
            Assert.Equal([.. inside, .. inside],
                Tshark.Run(file, [.. Script, .. options, "-T", "fields", "-e", "blackpony.text"]).SelectMany(l => l.Split(','))
                .Where(l => l.Length > 0));
        }
    }

    [Fact]
    public void Without_its_secrets_a_session_is_sealed_and_says_so()
    {
        using var folder = new Folder();
        var file = folder.Write("secured.pcap", new Secured("X25519-CHACHA20POLY1305").Pcap());
        var log = new Secured("X25519-CHACHA20POLY1305", seed: "other").KeyLog;
        var other = folder.Write("keys.log", System.Text.Encoding.ASCII.GetBytes(log));
        Assert.Empty(Fields(file, "blackpony.record.type || blackpony.record.unverified || blackpony.no_keys || blackpony.text",
            "frame.number"));
        Assert.Equal(["0", "0"], Fields(file, "blackpony.record.number == 0", "blackpony.record.number"));
        Assert.Equal(64, Assert.Single(Fields(file, "blackpony.th", "blackpony.th")).Length);
        string[] keys = ["-o", "blackpony.keylog:" + other];
        Assert.Single(Tshark.Run(file, [.. Script, .. keys, "-Y", "blackpony.no_keys", "-T", "fields", "-e", "frame.number"]));
        Assert.Empty(Tshark.Run(file, [.. Script, .. keys, "-Y", "blackpony.record.type || blackpony.record.unverified", "-T", "fields",
            "-e", "frame.number"]));
    }

    [Fact]
    public void A_refusal_and_what_is_no_record_are_marked()
    {
        using var folder = new Folder();
        var refused = folder.Write("refused.pcap",
            Inspection.Connection(('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"), ('S', "250-a\r\n250 XBLACKPONY V1 RSA-BLOWFISH\r\n"),
            ('C', "XBLACKPONY V1 RSA-BLOWFISH AAAA\r\n"), ('S', "501 5.5.4 No\r\n")));
        Assert.Equal(["501"], Fields(refused, "blackpony.refused", "blackpony.reply.code"));
        var plain = folder.Write("plain.pcap", Inspection.Connection(
            ('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"), ('S', "250-a\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n"),
            ('C', "XBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"),
                ('S', "220 K=CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"), ('C', "EHLO b\r\n")));
        Assert.Single(Fields(plain, "blackpony.record.length.bad", "frame.number"));
    }

    private static IReadOnlyList<string> Fields(string file, string filter, params string[] fields) =>
        Tshark.Run(file, [.. Script, "-Y", filter, "-T", "fields", .. fields.SelectMany(f => new[] { "-e", f })]);
}
