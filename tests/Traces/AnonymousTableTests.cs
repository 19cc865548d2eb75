using System.Security.Cryptography;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What stays of a line that is made anonymous, and what is replaced, wherever in a dialogue it stands.
/// <c>tests/Traces/Reports/inputs/anonymous.txt</c> has the table; <c>BLACKPONY_WRITE=1</c> writes it again.
/// </summary>
public sealed class AnonymousTableTests
{
    // What was said before, by the client unless it is a reply.
    private static readonly (string Name, string[] Before)[] Places =
    [
        ("at first", []), ("after the greeting", ["220 mx.b.test ESMTP"]), ("after EHLO", ["220 mx.b.test ESMTP", "EHLO mail.a.test"]),
        ("in the reply to EHLO", ["220 mx.b.test ESMTP", "EHLO mail.a.test", "250-mx.b.test"]),
        ("after HELP", ["220 mx.b.test ESMTP", "HELP"]),
        ("after VRFY", ["220 mx", "VRFY bob"]), ("after 334", ["220 mx", "AUTH LOGIN", "334 VXNl"]),
        ("after DATA", ["220 mx", "DATA"]), ("in a header", ["220 mx", "DATA", "354 Go"]),
        ("in a folded field", ["220 mx", "DATA", "354 Go", "Received: from a.test (a.test [192.0.2.7])"]),
        ("in a type", ["220 mx", "DATA", "354 Go", "Content-Type: multipart/mixed;"]),
        ("in a body", ["220 mx", "DATA", "354 Go", "Subject: x", ""]),
        ("in a quoted-printable body", ["220 mx", "DATA", "354 Go", "Content-Transfer-Encoding: quoted-printable", ""]),
        ("in a part's header", ["220 mx", "DATA", "354 Go", "Subject: x", "", "--boundary"]),
        ("after the message", ["220 mx", "DATA", "354 Go", "Subject: x", "."]),
        ("in a chunk", ["220 mx", "BDAT 30"]), ("in the last chunk", ["220 mx", "BDAT 12 LAST"]),
        ("after a chunk", ["220 mx", "BDAT 7", "hello"]),
        ("after XEXCH50", ["220 mx", "XEXCH50 12 2"]), ("in binary octets", ["220 mx", "XEXCH50 12 2", "354 Go"]),
    ];

    private static readonly string[] Commands =
    [
        "EHLO mail.a.test", "HELO [192.0.2.7]", "MAIL FROM:<alice@a.test> SIZE=1000 BODY=8BITMIME RET=HDRS ENVID=QQ31+3D AUTH=<>",
        "mail from: alice@a.test SMTPUTF8", "MAIL FROM:<\"al > ice\"@a.test> X-OWN=alice HOLDFOR=30;r", "MAIL", "MAIL TO", "MAIL FROM",
        "RCPT TO:<>",
        "RCPT TO:<bob@b.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+40b.test", "RCPT  TO : <bob@b.test>", "RCPT ALSO:<bob@b.test>",
        "RCPT TO:bob@b.test ORCPT=own;bob NOTIFY=NEVER,ALICE", "RCPT TO:<bob@b.test", "BDAT 5", "BDAT 5 LAST", "bdat 5 last",
        "BDAT 5 OTHER", "BDAT five",
        "BDAT", "BDAT 5 LAST alice", "AUTH", "AUTH PLAIN AGFsaWNlAHNlY3JldA==", "AUTH  LOGIN  YWxpY2U=", "AUTH SECRET",
        "AUTH secret word",
        "AUTH CRAM-MD5", "XCLIENT NAME=mail.a.test ADDR=192.0.2.9 OWN=alice alice", "XFORWARD IDENT=alice HELO=[UNAVAILABLE]",
        "XEXCH50 12 2",
        "XEXCH50 12 alice", "XEXCH50", "VRFY alice", "EXPN list", "HELP alice", "NOOP alice", "NOOP", "ETRN b.test", "STARTTLS",
        "QUIT", "DATA", "DATA alice",
        "RSET", "XBLACKPONY V1 ROT 13", "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25", "PROXY UNKNOWN alice", "PROXY alice",
        "PROXY OWN 192.0.2.9",
        "alice secret", "X-OWN alice", "", " ", ".", "..", "*", "K=alice", "GET / HTTP/1.1",
    ];

    private static readonly string[] Replies =
    [
        "220 mx.b.test ESMTP Postfix", "220-mx.b.test ESMTP", "220 mx.b.test", "220", "220-", "250 mx.b.test",
        "250-mx.b.test greets mail.a.test",
        "250-SIZE 1000", "250-SIZE=1000 alice", "250-AUTH PLAIN LOGIN OWN-WAY", "250-AUTH=PLAIN",
        "250-XBLACKPONY V1 X25519-CHACHA20POLY1305 ROT",
        "250-OWN alice", "250 LIMITS RCPTMAX=100", "250 2.1.0 Ok alice@a.test", "250 2.0.0 Ok: queued as 4Xy12zAbC", "250",
        "251 bob@b.test forwards",
        "252 alice", "214 alice", "235 2.7.0 Ok", "334 VXNlcm5hbWU6", "334-VXNl", "334 K=QUJD", "220 K=QUJD", "250 K=QUJD",
        "354 Go on alice", "354-Go", "421 mx.b.test down",
        "550 5.1.1 <bob@b.test>: no such user here", "550-5.7.1 alice", "550", "150 alice", "650 alice", "25 alice", "2500 alice",
        "alice", "",
        "250_alice", "334_alice", "354_alice", "220_K=QUJD", "3340", "3540", "22 K=QUJD",
    ];

    private static readonly string[] Texts =
    [
        "From: Alice Smith <alice@a.test>", "Date: Sat, 28 Nov 2026 09:05:07 +0000 (Alice)",
        "Received: from mail.a.test (a.test [192.0.2.7])",
        "X-Received: by 2002:a05 with SMTP id x1; Sat, 28 Nov 2026 09:05:07 -0800 (PST)",
        "\tby mx.b.test with ESMTPS id 4Xy12z for <bob@b.test>; Sat, 28 Nov 2026",
        "Resent-Date: Mon, 3 Aug 2026", "Update: Mon, 3 Aug 2026", "Own-Field: alice",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?iso-8859-1?B?QWxpY2U=?=", "subject:alice",
        "MIME-Version: 1.0 (Alice)", "Content-Type: text/plain; charset=\"utf-8\"; format=flowed; own=alice",
        "content-type: own/alice; name*=utf-8''alice.txt",
        "Content-Type: multipart/signed; micalg=pgp-sha256; protocol=\"application/pgp-signature\"; boundary=\"alice\"",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Transfer-Encoding: BASE64", "Content-Disposition: attachment; filename=\"alice.pdf\"",
        " charset=us-ascii; name=alice", "Content-ID: <alice@a.test>",
        "DKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=key; bh=QWxpY2U=; b=QWxpY2U=", "Subject no colon", ": alice",
        "Bad Field: alice", "Message-Id: <1.alice@a.test>",
        "Authentication-Results: mx.b.test; spf=pass smtp.mailfrom=a.test", "--alice", "--", "Hello Alice,", "a=20alice=",
        "=41lice=C3=A4=", "=4", "=", "..alice", "\xe4lice",
        "https://a.test/alice?x=1", "QWxpY2UgU21pdGg=", "alice@a.test, bob@b.test; carol", "12345 67", "",
    ];

    private static readonly string[] Before =
    [
        "HTTP/1.1 200 Connection established", "HTTP/1.1 407 alice", "HTTP/1.1", "HTTP/1.1 2", "HTTP/1.1 200",
        "CONNECT mx.b.test:25 HTTP/1.1", "CONNECT mx.b.test", "CONNECT :25",
        "CONNECT mx.b.test:123456 HTTP/1.1", "CONNECT mx.b.test:25x", "CONNECT a:25 HTTP/x", "Host: mx.b.test:25",
        "Proxy-Authorization: Basic QWxpY2U=", "Own: alice", "User-Agent: alice/1.0",
        "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25", "PROXY TCP6 2001:db8::9 2001:db8::2 4000 25", "PROXY UNKNOWN", "PROXY OWN alice",
        ":alice", "",
    ];

    [Fact]
    public void What_stays_of_a_line_and_what_is_replaced_stays_the_same() => InputTables.Compare("anonymous", Table());

    private static IEnumerable<string> Table()
    {
        var random = new SeededRandom("reports", "lines");
        var words = new Pseudonymizer(new SeenWords(random), random);
        var shownLines = new List<string>();
        foreach (var text in Before)
        {
            yield return $"before SMTP: {text} => {new AnonymousDialogue(words).Before(Role.Client, text)} | "
                + new AnonymousDialogue(words).Before(Role.Server, text);
        }

        foreach (var (name, before) in Places)
        {
            // Only where such lines occur are they listed; of the rest there is a digest.
            var digest = new StringBuilder();
            foreach (var text in Commands.Concat(Texts))
            {
                Say(text, Role.Client, name is "after the greeting" ? Commands.Contains(text)
                    : name is "in a header" or "in a part's header" or "in a quoted-printable body" && Texts.Contains(text));
            }

            foreach (var text in Replies)
            {
                Say(text, Role.Server, name is "at first" or "in the reply to EHLO" or "after VRFY");
            }

            foreach (var line in shownLines)
            {
                yield return $"{name}: {line}";
            }

            shownLines.Clear();
            yield return $"{name}, all: {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(digest.ToString())))[..16]}";

            void Say(string text, Role sender, bool shown)
            {
                var dialogue = new AnonymousDialogue(words);
                foreach (var line in before)
                {
                    dialogue.Line(IsReply(line) ? Role.Server : Role.Client, Encoding.Latin1.GetBytes(line));
                }

                var said = Escape.Octets(dialogue.Line(sender, Encoding.Latin1.GetBytes(text)));
                // What comes next shows what was understood.
                var next = ((string[])["354 Go", "alice", "250-alice", "QUIT alice", "Own: alice", "MAIL FROM:<alice@a.test>"]).Select(l =>
                    Encoding.Latin1.GetString(dialogue.Line(IsReply(l) ? Role.Server : Role.Client, Encoding.Latin1.GetBytes(l))));
                var all = $"{said} {dialogue.IsInContent} {string.Join('|', next)}";
                digest.AppendLine(all);
                if (shown)
                {
                    shownLines.Add($"{Escape.Octets(Encoding.Latin1.GetBytes(text))} => {said}");
                }
            }
        }

        static bool IsReply(string line) => line.Length > 3 && char.IsAsciiDigit(line[0]);
    }
}
