using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Upgraded sessions.</summary>
public sealed class BlackPonyTests
{
    public static TheoryData<string> Suites => [.. BlackPony.Reference.Suites.SuiteRegistry.All.Select(s => s.Name)];

    public static TheoryData<string> Encrypting => [.. BlackPony.Reference.Suites.SuiteRegistry.Default.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Suites))]
    public void With_the_key_log_the_session_inside_is_read(string suite)
    {
        var secured = new Secured(suite);
        var session = Inspection.Of(secured.Pcap(), new InspectOptions { Keys = secured.Keys, Dialogue = true }).Only;
        Assert.Equal((UpgradeKind.BlackPony, suite), (session.Upgrade, session.Suite));
        Assert.Equal("EHLO XBLACKPONY EHLO MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
        var message = Assert.Single(session.Messages);
        Assert.Equal(("alice@a.test", 28L, 250), (message.From, message.Octets, message.Reply));
        Assert.Equal(suite == "ROT" ? ["T-NOT-ENCRYPTED"] : [], session.Findings.Select(f => f.Id));
        Assert.Contains(session.Dialogue!, l => l.Protected && l.Text == "RCPT TO:<bob@b.test>");
    }

    [Theory]
    [MemberData(nameof(Encrypting))]
    public void Without_keys_the_records_are_seen(string suite)
    {
        var session = Inspection.Of(new Secured(suite).Pcap()).Only;
        Assert.Equal((UpgradeKind.BlackPony, suite), (session.Upgrade, session.Suite));
        Assert.Equal(["T-NO-KEYS"], session.Findings.Select(f => f.Id));
        Assert.Empty(session.Messages);
    }

    [Theory]
    [InlineData("X25519-CHACHA20POLY1305")]
    [InlineData("RSA-BLOWFISH")]
    public void What_was_refused_with_504_before_is_part_of_the_transcript_hash(string suite)
    {
        var secured = new Secured(suite, refused: "NEW");
        var session = Inspection.Of(secured.Pcap(), new InspectOptions { Keys = secured.Keys }).Only;
        Assert.Equal("EHLO XBLACKPONY XBLACKPONY EHLO MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
        Assert.Equal(["T-4.2-2", "T-UPGRADE-REFUSED"], session.Findings.Select(f => f.Id));
    }

    [Fact]
    public void Other_keys_do_not_open_records()
    {
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var others = new Secured("X25519-CHACHA20POLY1305", seed: "other").Keys;
        var session = Inspection.Of(secured.Pcap(), new InspectOptions { Keys = others }).Only;
        Assert.Equal(["T-NO-KEYS"], session.Findings.Select(f => f.Id));
    }

    // Every finding of warning level or above in the project's own transcripts.
    private static readonly Dictionary<string, string> Expected = new()
    {
        ["broken-421"] = "T-UPGRADE-BROKEN T-DOWNGRADE",
        ["broken-connection-lost"] = "T-UPGRADE-BROKEN T-DOWNGRADE",
        ["broken-invalid-share"] = "T-5.1-8 T-UPGRADE-BROKEN T-DOWNGRADE",
        ["broken-malformed-reply"] = "T-4.3-2 T-UPGRADE-BROKEN T-DOWNGRADE",
    };

    public static TheoryData<string> Transcripts =>
        [.. Directory.GetFiles(Repository.At("spec", "transcripts"), "*.txt").Select(f => Path.GetFileNameWithoutExtension(f))
        .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Transcripts))]
    public void A_transcript_is_read_like_a_capture(string name)
    {
        var inspection = Inspection.Of(Repository.At("spec", "transcripts", name + ".txt"));
        Assert.Equal("transcript", inspection.File.Format);
        Assert.Empty(inspection.File.Findings);
        Assert.NotEmpty(inspection.Sessions);
        Assert.DoesNotContain(inspection.Ids, i => i is "T-NOT-SMTP" or "T-MIDSTREAM" or "T-GAP");
        if (Expected.TryGetValue(name, out var expected))
        {
            Assert.Equal(expected, string.Join(
                ' ', inspection.Sessions.SelectMany(s => s.Findings).Where(f => f.Level > FindingLevel.Note).Select(f => f.Id)));
        }
        else if (name.StartsWith("suite-", StringComparison.Ordinal))
        {
            Assert.Equal(name[6..].ToUpperInvariant(), inspection.Only.Suite);
            Assert.Empty(inspection.Only.Findings);
            Assert.Equal("delivered", inspection.Only.Messages is [{ Reply: 250 }] ? "delivered" : "lost");
        }
    }

    [Fact]
    public void Stripping_and_injection_are_suspected()
    {
        Assert.Contains("T-STRIPPED-KEYWORD",
            Of(('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"), ('S', "250-a\r\n250-XXXXXXXA\r\n250 SIZE\r\n")));
        Assert.Contains("T-STARTTLS-INJECTION",
            Of(('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"), ('S', "250-a\r\n250 STARTTLS\r\n"),
            ('C', "STARTTLS\r\nMAIL FROM:<evil@a>\r\n"), ('S', "220 Go\r\n")));
        Assert.Contains("T-4.1-2", Of(('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"),
            ('S', "250-a\r\n250-XBLACKPONY V1 ROT\r\n250 XBLACKPONY V1 ROT\r\n")));
        Assert.Contains("T-4.1-6", Of(('S', "220 a ESMTP\r\n"), ('C', "HELO b\r\n"), ('S', "250-a\r\n250 XBLACKPONY V1 ROT\r\n")));
        Assert.Contains("T-SMUGGLING", Of([.. Frames.Lines[..9], ('C', "a\n.\r\nMAIL FROM:<evil@a>\r\n.\r\n"), ('S', "250 Ok\r\n")]));

        static IEnumerable<string> Of(params (char, string)[] said) => Inspection.Of(Inspection.Connection(said)).Ids;
    }

    [Fact]
    public void A_requirement_that_a_finding_names_is_in_the_specification()
    {
        var specification = Repository.Read("spec", "blackpony.md") + Repository.Read("spec", "relay.md");
        foreach (var source in Directory.GetFiles(
            Repository.At("src", "BlackPony.Traces"), "*.cs", SearchOption.AllDirectories))
        {
            foreach (System.Text.RegularExpressions.Match match in System.Text.RegularExpressions.Regex.Matches(
                File.ReadAllText(source), "\"(BP-[0-9.]+-[0-9]+)\""))
            {
                Assert.Contains($"[{match.Groups[1].Value}]", specification, StringComparison.Ordinal);
            }
        }
    }
}
