using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Traces.Conversion;

namespace BlackPony.Tests.Traces;

/// <summary>What stays of each line when a session is made anonymous. A word that must be replaced is shown as <c>~</c>.</summary>
public sealed class AnonymousFormTests
{
    [Theory]
    [InlineData('C', "CONNECT mx.bobby.example:25 HTTP/1.1", "CONNECT ~.~.~:25 HTTP/1.1")]
    [InlineData('C', "CONNECT mx.bobby.example: HTTP/1.1", "CONNECT ~.~.~: HTTP/1.1")]
    [InlineData('C', "CONNECT mx.bobby.example:12345 HTTP/1.1", "CONNECT ~.~.~:12345 HTTP/1.1")]
    [InlineData('C', "CONNECT mx.bobby.example:123456 HTTP/1.1", "CONNECT ~.~.~:~ HTTP/1.1")]
    [InlineData('C', "CONNECT mx.bobby.example:25x HTTP/1.1", "CONNECT ~.~.~:~ HTTP/1.1")]
    [InlineData('C', "CONNECT mx.bobby.example:x25 HTTP/1.1", "CONNECT ~.~.~:~ HTTP/1.1")]
    [InlineData('C', "CONNECT b:25 HTTP/1.1", "CONNECT ~:25 HTTP/1.1")]
    [InlineData('C', "CONNECT :25 HTTP/1.1", "CONNECT :~ HTTP/1.1")]
    [InlineData('C', "CONNECT bobby HTTP/1.1 HTTP/x", "CONNECT ~ HTTP/1.1 ~/~")]
    [InlineData('S', "CONNECT bobby:25 HTTP/1.1", "~ ~:~ ~/~.~")]
    [InlineData('C', "Host: mx.bobby.example:25", "Host: ~.~.~:25")]
    [InlineData('C', "Host: mx.bobby.example:25 ", "Host: ~.~.~:25 ")]
    [InlineData('C', "Host: mx.bobby.example:12345 ", "Host: ~.~.~:12345 ")]
    [InlineData('C', "Host: mx.bobby.example:", "Host: ~.~.~:")]
    [InlineData('C', "X-Bobby: mx.bobby.example:25", "~-~: ~.~.~:~")]
    [InlineData('C', ": bobby", ": ~")]
    [InlineData('S', "HTTP/1.1 200 Connection bobby", "HTTP/1.1 200 Connection ~")]
    [InlineData('S', "HTTP/1.1 20", "~/~.~ ~")]
    [InlineData('S', "HTTP/1.1 200", "HTTP/1.1 200")]
    [InlineData('S', "HTTP/bobby", "~/~")]
    [InlineData('C', "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25", "PROXY TCP4 ~.~.~.~ ~.~.~.~ ~ ~")]
    [InlineData('C', "PROXY TCP6 2001:db8::9 2001:db8::2 4000 25", "PROXY TCP6 ~:~::~ ~:~::~ ~ ~")]
    [InlineData('C', "PROXY UNKNOWN", "PROXY UNKNOWN")]
    [InlineData('C', "PROXY BOBBY 192.0.2.9", "PROXY ~ ~.~.~.~")]
    public void Before_SMTP_ports_codes_and_versions_stay(char who, string line, string form)
    {
        var dialogue = Dialogue([line]);
        Assert.Equal(form, Form(line, dialogue.Before(who == 'C' ? Role.Client : Role.Server, line)));
    }

    public static TheoryData<string, string[], string[]> Sessions => new()
    {
        {
            "paths",
            ["S220 bobby", "CRCPT TO:>SIZE=5", "CRCPT TO: SIZE=5 SIZE=6", "CMAIL FROM:<bobby> ENVID=b", "CMAIL FROM:<bobby> ORCPT=;b"],
            ["220 ~", "RCPT TO:>SIZE=5", "RCPT TO: ~=~ SIZE=6", "MAIL FROM:<~> ENVID=~", "MAIL FROM:<~> ORCPT=;~"]
        },
        {
            "commands",
            [
                "S220 mx.bobby.test ESMTP bobby ready", "CEHLO mail.bobby.test", "S250-mx.bobby.test hello bobby", "S250-SIZE 1000",
                "S250-size=77",
                "S250-AUTH PLAIN BOBBY LOGIN", "S250-X-BOBBY 123", "S250-AUTH=CRAM-MD5 bobby", "S250-XBLACKPONY V1 ROT G-0AF9",
                "S250 DSN bobby",
                "CMAIL FROM:<bobby@b.example> SIZE=99 BODY=8BITMIME RET=HDRS ENVID=bobby SMTPUTF8 BOBBY", "S250 2.1.0 Ok bobby@b.example",
                "CRCPT TO:<\"bob SIZE=55\"@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bobby+3Dx@b.example", "S250 ok",
                "CRCPT TO:<bobby@b.example> NOTIFY=SUCCESS,BOBBY ORCPT=bobby;rfc822 BOBBY=NEVER", "S550 5.1.1 bobby unknown",
                "CMAIL To:<bobby> SIZE=5", "S501 Syntax", "CMAIL BOBBY:<bobby> SIZE=5", "S501 Syntax", "CRCPT TO: bobby SIZE=5",
                "S501 Syntax",
                "CVRFY bobby", "S252 bobby one", "CNOOP bobby", "S250 bobby one", "CHELP", "S214-bobby commands", "S214 one",
                "CXCLIENT NAME=bobby ADDR=192.0.2.9 BOBBY=NAME bobby", "S220 mx.bobby.test ESMTP", "CXFORWARD SOURCE=LOCAL", "S250 Ok",
                "CETRN bobby.test", "S250 queued for bobby", "CXEXCH50 5 2", "S504 No", "CXEXCH50 bobby 2x 2", "S504 No",
                "CQUIT bobby", "CQUIT",
                "CBOBBY QUIT", "S500 bobby", "S221 bobby closing", "Sbobby Ok", "S999 Ok", "S25 Ok", "S250_Ok", "S250", "S250-", "S250 ",
            ],
            [
                "220 ~.~.~ ESMTP ~ ready", "EHLO ~.~.~", "250-~.~.~ hello ~", "250-SIZE 1000", "250-size=77",
                "250-AUTH PLAIN ~ LOGIN", "250-~-~ ~",
                "250-AUTH=CRAM-MD5 ~", "250-XBLACKPONY V1 ROT G-0AF9", "250 DSN ~",
                "MAIL FROM:<~@~.~> SIZE=99 BODY=8BITMIME RET=HDRS ENVID=~ SMTPUTF8 ~", "250 2.1.0 Ok ~@~.~",
                "RCPT TO:<\"~ ~=~\"@~.~> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;~+~@~.~", "250 ok",
                "RCPT TO:<~@~.~> NOTIFY=~,~ ORCPT=~;~ ~=~", "550 5.1.1 ~ unknown", "MAIL To:<~> SIZE=5", "501 Syntax", "MAIL ~:<~> ~=~",
                "501 Syntax", "RCPT TO: ~ SIZE=5", "501 Syntax", "VRFY ~", "252 ~ one", "NOOP ~", "250 ~ one", "HELP",
                "214-~ commands", "214 one",
                "XCLIENT NAME=~ ADDR=~.~.~.~ ~=~ ~", "220 ~.~.~ ESMTP", "XFORWARD SOURCE=~", "250 Ok", "ETRN ~.~", "250 queued for ~",
                "XEXCH50 5 2", "504 No", "XEXCH50 ~ ~ 2", "504 No", "QUIT ~", "QUIT", "~ ~", "500 ~", "221 ~ closing", "~ ~", "~ ~",
                "~ ~", "~_~",
                "250", "250-", "250 ",
            ]
        },
        {
            "a message",
            [
                "S220 bobby ESMTP", "S250 1", "CDATA", "S354 go ahead bobby",
                "CReceived: from bobby (bobby [192.0.2.3]) by bobby with ESMTP id A1b2; Tue, 24 Nov 2026 08:00:00 +0000 (CEST)",
                "CDate: Tue, 24 Nov 2026 08:00:00 BOBY", "CX-Bobby-Date: Tue, 24 Nov 2026 08:00:00 +0000",
                "CX-Received: 24 Nov 2026 08:00 AKST",
                "CSubject: 24 Nov 2026 08:00", "C with bobby",
                "CContent-Type: multipart/mixed; boundary=\"bobby\"; charset=utf-8; x-bob=bobby",
                "C\tformat=flowed; report-type=bobby", "CContent-Transfer-Encoding: Quoted-Printable", "CMIME-Version: 1.0 (bobby)",
                "CX-Own: one",
                "CContent-Disposition: attachment; filename*=utf-8''bobby", "CContent-Type: bobby/plain", "C", "CSubject: bobby",
                "Cbobb=C3=A4y=",
                "C--bobby", "CContent-Transfer-Encoding: 7bit", "C", "CTo: bobb=C3=A4y", "C--bobby", "CSubject: bobby", "CTo: bobby", "C..",
                "C.",
                "S250 2.0.0 Ok: queued as A1b2", "CDATA", "CSubject: early", "C.", "S354 go", "S250 Ok", "CMAIL FROM:<bobby>",
                "S250 Ok", "CDATA",
                "S354 go", "Cbobby", "CSubject: bobby", "C.", "S250 Ok", "CDATA", "S354 go", "Cbob by: x", "C", "CSubject: bobby",
                "C.", "S554 no",
                "CQUIT",
            ],
            [
                "220 ~ ESMTP", "250 ~", "DATA", "354 go ahead ~",
                "Received: from ~ (~ [~.~.~.~]) by ~ with ESMTP id ~; Tue, 24 Nov 2026 08:00:00 +0000 (CEST)",
                "Date: Tue, 24 Nov 2026 08:00:00 ~", "~-~-~: ~, ~ ~ ~ ~:~:~ +~", "X-Received: 24 Nov 2026 08:00 AKST",
                "Subject: ~ ~ ~ ~:~",
                " ~ ~", "Content-Type: multipart/mixed; boundary=\"~\"; charset=utf-8; ~-~=~", "\tformat=flowed; report-type=~",
                "Content-Transfer-Encoding: Quoted-Printable", "MIME-Version: 1.0 (~)", "~-~: ~",
                "Content-Disposition: attachment; filename*=~-~''~", "Content-Type: ~/~", "", "~: ~", "~=C3=~=", "--~",
                "Content-Transfer-Encoding: 7bit", "", "~: ~=~=~", "--~", "~: ~", "~: ~", "..", ".", "250 2.0.0 Ok: queued as ~", "DATA",
                "Subject: ~", ".", "354 go", "250 Ok", "MAIL FROM:<~>", "250 Ok", "DATA", "354 go", "~", "~: ~", ".", "250 Ok", "DATA",
                "354 go", "~ ~: ~", "", "~: ~", ".", "554 no", "QUIT",
            ]
        },
        {
            "chunks, binary octets and logins",
            [
                "S220-bobby ESMTP", "S220 bobby ready", "CLHLO bobby", "S250-bobby", "S250 CHUNKING", "CBDAT 16", "CSubject: bobby",
                "S250 Ok",
                "CBDAT 8 LAST", "CTo: bob NOOP", "CNOOP", "CBDAT 10 last", "CTo: bobby QUIT", "CBDAT bobby", "CBDAT 5 BOBBY",
                "CBDAT 9 9 9", "CNOOP",
                "CXEXCH50 20 2", "S354 binary", "CTo: bobby quit one", "CNOOP", "CXEXCH50 20 2", "S354 binary", "CNOOP", "CNOOP",
                "CNOOP", "CNOOP",
                "CAUTH PLAIN AGJv", "S334 VXNl", "CNOOP", "CNOOP", "S535 5.7.8 bobby", "CAUTH  LOGIN  AGJv", "S334-VXNl",
                "CAUTH BOBBY", "CAUTH ",
                "CAUTH", "S220 K=AGJv", "S334-K=AGJv", "S250-K=AGJv", "S235 K=AGJv", "CXBLACKPONY V1 ROT bobby", "CPROXY TCP4 192.0.2.9",
                "CEHLO bobby", "S550-bobby is listed", "S550 DSN", "CEHLO bobby", "S250-bobby hello", "S250-bobby", "S250 8BITMIME",
                "CNOOP",
                "S250 8BITMIME",
            ],
            [
                "220-~ ESMTP", "220 ~ ready", "LHLO ~", "250-~", "250 CHUNKING", "BDAT 16", "Subject: ~", "250 Ok", "BDAT 8 LAST",
                "To: ~ NOOP", "NOOP",
                "BDAT 10 last", "To: ~ QUIT", "BDAT ~", "BDAT ~ ~", "BDAT ~ ~ ~", "NOOP", "XEXCH50 20 2", "354 ~", "~: ~ ~ ~", "NOOP",
                "XEXCH50 20 2", "354 ~", "~", "~", "~", "~", "AUTH PLAIN ~", "334 ~", "~", "NOOP", "535 5.7.8 ~", "AUTH  LOGIN  ~",
                "334-~",
                "~ ~", "AUTH ", "AUTH", "220 K=AGJv", "334-K=AGJv", "250-~=~", "235 ~=~", "XBLACKPONY V1 ROT bobby", "PROXY TCP4 ~.~.~.~",
                "EHLO ~", "550-~ is listed", "550 ~", "EHLO ~", "250-~ hello", "250-~", "250 8BITMIME", "NOOP", "250 ~",
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Sessions))]
    public void Of_each_line_the_protocols_own_words_stay(string what, string[] lines, string[] forms)
    {
        var dialogue = Dialogue(lines);
        string[] said = [.. lines.Select(l => Form(l[1..],
            Encoding.Latin1.GetString(dialogue.Line(l[0] == 'C' ? Role.Client : Role.Server, Encoding.Latin1.GetBytes(l[1..])))))];
        Assert.True(forms.SequenceEqual(said), $"{what}:\n{string.Join('\n', forms.Zip(said).Where(p => p.First != p.Second))}");
    }

    private static AnonymousDialogue Dialogue(IEnumerable<string> lines)
    {
        var seen = new SeenWords(new SeededRandom("tests", "seen"));
        foreach (var line in lines)
        {
            seen.Add(Encoding.Latin1.GetBytes(line));
        }

        return new AnonymousDialogue(new Pseudonymizer(seen, new SeededRandom("tests", "forms")));
    }

    // Both have the same length; a word that was replaced is shown as ~.
    private static string Form(string before, string after)
    {
        Assert.Equal(before.Length, after.Length);
        var form = new StringBuilder();
        for (int at = 0; at < before.Length;)
        {
            int end = at;
            while (end < before.Length && char.IsAsciiLetterOrDigit(before[end]) && char.IsAsciiLetterOrDigit(after[end]))
            {
                end++;
            }

            if (end == at)
            {
                form.Append(after[at++]);
                continue;
            }

            form.Append(before[at..end] == after[at..end] ? before[at..end] : "~");
            at = end;
        }

        return form.ToString();
    }
}
