using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>How lines are shown: never with what may be a credential, and else as they are.</summary>
public sealed class ShownTests
{
    [Theory]
    [InlineData("FROB ZmvvYmFy", "FROB ZmvvYmFy")]
    [InlineData("FROB Zm9vYmFy", "FROB (hidden)")]
    [InlineData("FROB ZmvvYmFyYmFy x", "FROB (hidden) x")]
    [InlineData("FROB ZmvvYm8", "FROB ZmvvYm8")]
    [InlineData("FROB ZmvvYmFyY", "FROB ZmvvYmFyY")]
    [InlineData("FROB abcdefgh1234", "FROB abcdefgh1234")]
    [InlineData("FROB ABCDEFGH1234", "FROB ABCDEFGH1234")]
    [InlineData("FROB abcdefg=", "FROB (hidden)")]
    [InlineData("FROB abcdef1-ABCD", "FROB abcdef1-ABCD")]
    [InlineData("FROB \xe9\t", "FROB \\xE9\\x09")]
    [InlineData("PASS sesame", "PASS (hidden)")]
    [InlineData("pass sesame", "pass (hidden)")]
    [InlineData("XMYAUTH x", "XMYAUTH (hidden)")]
    [InlineData("x-secret: x", "x-secret: (hidden)")]
    [InlineData("Authorization: Basic x", "Authorization: (hidden)")]
    [InlineData("XTOKEN=abc d", "XTOKEN= (hidden)")]
    [InlineData("BURL imap://x LAST", "BURL (hidden)")]
    [InlineData("NOOP password", "NOOP password")]
    [InlineData("MAIL FROM:<Zm9vYmFyYmF6@a.test>", "MAIL FROM:<Zm9vYmFyYmF6@a.test>")]
    [InlineData("AUTH PLAIN AGJv", "AUTH PLAIN (hidden)")]
    [InlineData("auth  plain  AGJv", "auth plain (hidden)")]
    [InlineData("AUTH NEWMECH AGJv", "AUTH (hidden)")]
    [InlineData("AUTH PLAIN", "AUTH PLAIN")]
    [InlineData("AUTH", "AUTH")]
    public void A_command_is_shown_without_credentials(string line, string shown)
    {
        var session = Inspection.Of(Inspection.Connection([.. Frames.Lines[..3], ('C', line + "\r\n"), ('S', "500 What\r\n"),
            .. Frames.Lines[^2..]]), new InspectOptions { Dialogue = true }).Only;
        Assert.Equal(shown, session.Dialogue!.Where(l => l.Sender == Reference.Role.Client).Select(l => l.Text).ElementAt(1));
    }

    [Theory]
    [InlineData("334 VXNlcm5hbWU6", "334 VXNlcm5hbWU6")]
    [InlineData("334 UGFzc3dvcmQ6", "334 UGFzc3dvcmQ6")]
    [InlineData("334 AAAAaaaa1111", "334 (hidden)")]
    [InlineData("235 AAAAaaaa1111 welcome", "235 (hidden) welcome")]
    [InlineData("250 AAAAaaaa1111", "250 AAAAaaaa1111")]
    [InlineData("535 AAAAaaaa1111", "535 AAAAaaaa1111")]
    public void A_reply_is_shown_without_tokens(string line, string shown)
    {
        var session = Inspection.Of(Inspection.Connection([.. Frames.Lines[..3], ('C', "AUTH LOGIN\r\n"), ('S', line + "\r\n")]),
            new InspectOptions { Dialogue = true }).Only;
        Assert.Equal(shown, session.Dialogue![^1].Text);
    }

    [Theory]
    [InlineData('C', "EHLO a\r\n", true)]
    [InlineData('C', "NOOP\r\n", true)]
    [InlineData('C', "VRFY\r\n", true)]
    [InlineData('C', "FROB\r\n", false)]
    [InlineData('C', "MAILX FROM:<a>\r\n", false)]
    [InlineData('S', "220 mx\r\n", true)]
    [InlineData('S', "250-mx\r\n250 SIZE\r\n", true)]
    [InlineData('S', "599\r\n", true)]
    [InlineData('S', "22\r\n", false)]
    [InlineData('S', "2a0 mx\r\n", false)]
    [InlineData('S', "22a mx\r\n", false)]
    [InlineData('S', "220x\r\n", false)]
    [InlineData('S', "120 mx\r\n", false)]
    [InlineData('S', "600 mx\r\n", false)]
    public void What_follows_STARTTLS_is_SMTP_only_where_it_looks_like_it(char who, string text, bool isPlain)
    {
        var session = Inspection.Of(Inspection.Connection([.. Frames.Lines[..3], ('C', "STARTTLS\r\n"), ('S', "220 Go\r\n"), (who, text)]))
            .Only;
        Assert.Equal(isPlain, session.IsDecrypted);
        Assert.Equal(isPlain ? "T-DECRYPTED" : "T-STARTTLS-BROKEN", session.Findings.Select(f => f.Id).First());
    }

    [Theory]
    [InlineData("AUTH  ", "^AUTH  $")]
    [InlineData("AUTH  PLAIN  AGJvYgBzZXNhbWU=", "^AUTH  PLAIN  [A-Za-z0-9]{15}=$")]
    [InlineData("AUTH NEWMECH", "^AUTH (?!NEW)[A-Za-z]{7}$")]
    [InlineData("RCPT TO:<\"odd local\"@b.example> NOTIFY=NEVER",
        "^RCPT TO:<\"(?!odd)[a-z]{3} (?!local)[a-z]{5}\"@[a-z]\\.[a-z]{7}> NOTIFY=NEVER$")]
    [InlineData("RCPT TO: bobby@b.example NOTIFY=NEVER", "^RCPT TO: (?!bobby)[a-z]{5}@[a-z]\\.[a-z]{7} NOTIFY=NEVER$")]
    [InlineData("RCPT TO:bobby@b.example", "^RCPT TO:(?!bobby)[a-z]{5}@[a-z]\\.[a-z]{7}$")]
    [InlineData("MAIL FROM:<bobby@b.example> SIZE=100 BODY=8BITMIME",
        "^MAIL FROM:<(?!bobby)[a-z]{5}@[a-z]\\.[a-z]{7}> SIZE=100 BODY=8BITMIME$")]
    [InlineData("RCPT bobby", "^RCPT (?!bobby)[a-z]{5}$")]
    public void Anonymized_a_command_has_its_form(string line, string pattern)
    {
        using var folder = new Folder();
        var path = folder.Write("line.pcap", Inspection.Connection([.. Frames.Lines[..3], ('C', line + "\r\n"), ('S', "500 What\r\n"),
            .. Frames.Lines[^2..]]));
        using var transcript = new MemoryStream();
        var converter = new Converter(new InspectOptions(), new SeededRandom("tests", "shown"));
        converter.ToTranscript(path, transcript, out _);
        Assert.Empty(converter.Leaks);
        var lines = Encoding.UTF8.GetString(transcript.ToArray()).Split('\n').Where(l => l.StartsWith("C: ", StringComparison.Ordinal));
        Assert.Matches(pattern, lines.ElementAt(1)[3..]);
    }
}
