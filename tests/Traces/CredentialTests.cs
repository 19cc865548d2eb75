using System.Text;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Credentials are in no report, whatever the mechanism and however they were sent.</summary>
public sealed class CredentialTests
{
    private const string Secret = "AGJvYgBzZXNhbWU=";

    public static TheoryData<string, (char, string)[]> Sessions => new()
    {
        { "PLAIN at once", [('C', $"AUTH PLAIN {Secret}\r\n"), ('S', "235 2.7.0 Ok\r\n")] },
        { "PLAIN when asked", [('C', "AUTH PLAIN\r\n"), ('S', "334 \r\n"), ('C', $"{Secret}\r\n"), ('S', "235 Ok\r\n")] },
        { "PLAIN before it is asked", [('C', $"AUTH PLAIN\r\n{Secret}\r\n"), ('S', "334 \r\n"), ('S', "235 Ok\r\n")] },
        { "PLAIN not asked for", [('C', $"AUTH PLAIN\r\n{Secret}\r\n"), ('S', "504 No\r\n"), ('S', "500 What\r\n")] },
        { "LOGIN", [('C', "AUTH LOGIN\r\n"), ('S', "334 VXNlcm5hbWU6\r\n"), ('C', $"{Secret}\r\n"), ('S', "334 UGFzc3dvcmQ6\r\n"),
            ('C', $"{Secret}\r\n"), ('S', "535 No\r\n")] },
        { "LOGIN with the user at once",
            [('C', $"AUTH LOGIN {Secret}\r\n"), ('S', "334 UGFzc3dvcmQ6\r\n"), ('C', $"{Secret}\r\n"), ('S', "235 Ok\r\n")] },
        { "LOGIN all together", [('C', $"AUTH LOGIN\r\n{Secret}\r\n{Secret}\r\n"), ('S', "503 Not now\r\n500 What\r\n500 What\r\n")] },
        { "no mechanism", [('C', $"AUTH {Secret}\r\n"), ('S', "504 No\r\n")] },
        { "a mechanism that nobody knows", [('C', $"AUTH X-{Secret} {Secret}\r\n"), ('S', "504 No\r\n")] },
        { "two blanks", [('C', $"AUTH  PLAIN  {Secret}\r\n"), ('S', "235 Ok\r\n")] },
        { "CRAM-MD5", [('C', "AUTH CRAM-MD5\r\n"), ('S', "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2U+\r\n"), ('C', $"{Secret}\r\n"),
            ('S', "235 Ok\r\n")] },
        { "DIGEST-MD5", [('C', "AUTH DIGEST-MD5\r\n"), ('S', "334 cmVhbG09ImIudGVzdCI=\r\n"), ('C', $"{Secret}\r\n"),
            ('S', $"334 {Secret}\r\n"), ('C', "\r\n"), ('S', "235 Ok\r\n")] },
        { "NTLM", [('C', $"AUTH NTLM {Secret}\r\n"), ('S', $"334 {Secret}\r\n"), ('C', $"{Secret}\r\n"), ('S', "235 Ok\r\n")] },
        { "GSSAPI", [('C', $"X-EXPS GSSAPI\r\n"), ('S', "334 GSSAPI supported\r\n"), ('C', $"{Secret}\r\n"), ('S', $"334 {Secret}\r\n"),
            ('C', $"{Secret}\r\n"), ('S', $"235 {Secret}\r\n")] },
        { "X-EXPS NTLM", [('C', $"X-EXPS NTLM {Secret}\r\n"), ('S', $"334 {Secret}\r\n"), ('C', $"{Secret}\r\n"), ('S', "535 No\r\n")] },
        { "XOAUTH2", [('C', $"AUTH XOAUTH2 {Secret}\r\n"), ('S', $"334 {Secret}\r\n"), ('C', "\r\n"), ('S', "535 No\r\n")] },
        { "SCRAM", [('C', $"AUTH SCRAM-SHA-256 {Secret}\r\n"), ('S', $"334 {Secret}\r\n"), ('C', $"{Secret}\r\n"),
            ('S', $"334 {Secret}\r\n"), ('C', "\r\n"), ('S', "235 Ok\r\n")] },
        { "cancelled", [('C', "AUTH LOGIN\r\n"), ('S', "334 VXNlcm5hbWU6\r\n"), ('C', $"{Secret}\r\n"), ('S', "334 UGFzc3dvcmQ6\r\n"),
            ('C', "*\r\n"), ('S', "501 Cancelled\r\n")] },
        { "after an error", [('C', "AUTH LOGIN\r\n"), ('S', "454 Not now\r\n"), ('C', $"{Secret}\r\n"), ('S', "500 What\r\n"),
            ('C', $"sesame {Secret}\r\n"), ('S', "500 What\r\n")] },
        { "in lower case, ended by LF", [('C', $"auth plain {Secret}\n"), ('S', "235 Ok\r\n")] },
        { "with octets above 127", [('C', $"AUTH PLAIN {Secret}\u00e9\r\n"), ('S', "501 No\r\n")] },
        { "BURL", [('C', $"BURL imap://bob@b.test/INBOX;uid=20;urlauth=submit+bob:internal:{Secret} LAST\r\n"), ('S', "250 Ok\r\n")] },
        { "POP's", [('C', $"USER {Secret}\r\n"), ('S', "500 What\r\n"), ('C', $"PASS {Secret}\r\n"), ('S', "500 What\r\n")] },
        { "HTTP's", [('C', $"GET / HTTP/1.1\r\nAuthorization: Basic {Secret}\r\nCookie: {Secret}\r\n\r\n"),
            ('S', "500 What\r\n500 What\r\n500 What\r\n500 What\r\n")] },
        { "a command that nobody knows, of another mechanism", [('C', $"XAUTH bob {Secret}\r\n"), ('S', "500 What\r\n"),
            ('C', $"X-LOGIN {Secret} sesame\r\n"), ('S', "500 What\r\n"), ('C', $"xtoken={Secret}\r\n"), ('S', "500 What\r\n"),
            ('C', $"X_SASL_PASSWORD sesame-{Secret}!\r\n"), ('S', "500 What\r\n")] },
        { "without a reply", [('C', "AUTH LOGIN\r\n"), ('C', $"{Secret}\r\n"), ('C', $"{Secret}\r\n")] },
    };

    [Theory]
    [MemberData(nameof(Sessions))]
    public void A_credential_is_not_shown(string how, (char, string)[] lines)
    {
        (char, string)[] all = [.. Frames.Lines[..3], .. lines, .. Frames.Lines[3..]];
        var capture = Inspection.Connection(all);
        Assert.DoesNotContain(Secret, Everything(capture), StringComparison.Ordinal);
        Assert.NotNull(how);
        // And the session goes on behind it: where every reply was captured, with its message.
        var session = Inspection.Of(capture).Only;
        Assert.Contains(session.Messages, m => m.Octets == 28);
        // Nor is it shown where a gap stands somewhere.
        for (int at = 0; at < Gaps.Octets(all, 'S'); at += 5)
        {
            Assert.DoesNotContain(Secret, Everything(Gaps.Connection(all, 'S', at, 9)), StringComparison.Ordinal);
        }

        for (int at = 0; at < Gaps.Octets(all[..^9], 'C'); at += 3)
        {
            Assert.DoesNotContain(Secret, Everything(Gaps.Connection(all, 'C', at, 2)), StringComparison.Ordinal);
        }
    }

    internal static string Everything(byte[] capture)
    {
        var output = new MemoryStream();
        using var json = new JsonReport(output);
        var text = new StringWriter();
        var html = new StringWriter();
        var page = new HtmlReport(html);
        var plain = new TextReport(text, notes: true);
        var scripts = new StringWriter();
        var inspector = new BlackPony.Traces.Inspector(new InspectOptions { Dialogue = true, Exchanges = true }, s =>
        {
            json.Session(s);
            page.Session(s);
            plain.Session(s);
        });
        inspector.Inspect(new MemoryStream(capture), "capture");
        json.Finish(inspector.Files, inspector.Totals);
        page.Finish(inspector.Files, inspector.Totals);
        plain.Finish(inspector.Files, inspector.Totals);
        return text.ToString() + html + Encoding.UTF8.GetString(output.ToArray()) + scripts;
    }
}
