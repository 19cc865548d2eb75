namespace BlackPony.Tests.Traces;

/// <summary>SMTP as clients and servers of every kind speak it, right and wrong, drawn by a seed.</summary>
internal static class GeneratedDialogue
{
    private static readonly string[] Commands =
    [
        "EHLO mail.a.test", "HELO a.test", "EHLO [192.0.2.7]", "ehlo x", "MAIL FROM:<alice@a.test>", "MAIL FROM:<>",
        "MAIL FROM:<alice@a.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 AUTH=<> RET=HDRS ENVID=QQ314159", "mail from: alice@a.test",
        "RCPT TO:<bob@b.test>", "RCPT TO:<carol@c.test> NOTIFY=NEVER ORCPT=rfc822;carol@c.test", "RCPT TO:<\"d e\"@[IPv6:2001:db8::1]>",
        "RCPT TO:<@r.test:bob@b.test>", "RCPT TO:bob", "VRFY bob", "EXPN list", "HELP", "HELP RCPT", "NOOP", "NOOP text", "RSET",
        "ETRN b.test",
        "TURN", "STARTTLS", "XCLIENT ADDR=192.0.2.9 NAME=[UNAVAILABLE]", "XFORWARD NAME=a.test", "X-EXPS GSSAPI", "FROB", "", " ",
        "PASS secret",
        "XBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "XBLACKPONY V2 ROT 13",
        "XBLACKPONY V1 ROT 26",
        "XBLACKPONY", "GET / HTTP/1.1", "*", "\x80\xff\xfe", "DATA now", "BDAT", "BDAT x", "QUIT",
    ];

    private static readonly string[] Replies =
    [
        "250 Ok", "250 2.1.0 Fine <alice@a.test>", "250-first\r\n250 second", "250", "251 User not local, will forward to <bob@c.test>",
        "252 Cannot VRFY", "214-HELO EHLO\r\n214 QUIT", "220 Go ahead", "221 Bye", "235 2.7.0 Ok", "334 ", "334 VXNlcm5hbWU6", "354 Go on",
        "421 4.3.2 Shutting down", "450 4.2.1 Busy", "451 4.3.0 Later, see https://b.test/x", "454 4.7.0 No TLS", "500 5.5.2 What?",
        "501 Syntax",
        "502 Not here", "503 5.5.1 Sequence", "504 Parameter", "530 5.7.0 Authenticate first", "535 5.7.8 No",
        "550 5.1.1 <bob@b.test> unknown",
        "552 5.3.4 Too big", "554 5.7.1 Spam from 192.0.2.7", "220 K=CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "299 Odd",
        "999 What", "Ok",
        "250-open", "25", "250-a\r\n251 b",
    ];

    private static readonly string[] Bodies =
    [
        "Subject: s\r\n\r\ntext\r\n", "", "\r\n", "no header here\r\n", "..stuffed\r\n...\r\n", "From: a@a.test\r\n",
        "bare\nline\rfeeds\r\n",
        "Subject: folded\r\n and folded\r\n\tagain\r\nDate: Sat, 28 Nov 2026 09:05:07 +0000\r\n"
            + "Message-Id: <1@a.test>\r\n\r\n8 bit: \xe4\xf6\r\n",
        "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+SGk8L2I+\r\nPGI+SGk8L2I+\r\n=\r\n",
        "Content-Type: multipart/alternative;\r\n boundary=xyz\r\nMIME-Version: 1.0\r\n\r\n--xyz\r\n\r\none\r\n--xyz\r\n"
            + "Content-Transfer-Encoding: QUOTED-PRINTABLE\r\n\r\na=20b=\r\nc=E4\r\n--xyz--\r\n",
        "Received: from x (y [192.0.2.3])\r\n by z with ESMTP id 4Xy12z for <bob@b.test>; Sat, 28 Nov 2026 09:05:07 +0000\r\n"
            + "DKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=k; bh=AAAA=; b=BBBB=\r\nTo: Bob <bob@b.test>, undisclosed:;\r\n\r\n"
            + "Hi Bob,\r\n-- \r\nAlice\r\n",
    ];

    private static readonly string[] Logins =
    [
        "AUTH PLAIN AGFsaWNlAHNlY3JldA==", "AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN YWxpY2U=", "AUTH CRAM-MD5", "AUTH XOAUTH2 dXNlcj1h",
        "AUTH NTLM",
        "AUTH SCRAM-SHA-256-PLUS biwsbj11c2VyLHI9", "AUTH GSSAPI", "auth unknown x", "AUTH",
    ];

    /// <summary>Who says what, in order.</summary>
    public static (char Who, string Text)[] Of(int seed)
    {
        var random = new Random(seed);
        var said = new List<(char, string)>();
        if (seed % 5 != 4)
        {
            said.Add(('S', seed % 3 == 0 ? "220-mx.b.test ESMTP\r\n220 more\r\n" : "220 mx.b.test ESMTP Postfix\r\n"));
            said.Add(('C', "EHLO mail.a.test\r\n"));
            said.Add(('S', "250-mx.b.test\r\n250-SIZE 1000\r\n250-8BITMIME\r\n"
                + (seed % 2 == 0 ? "250-PIPELINING\r\n250-CHUNKING\r\n" : "")
                + (seed % 4 == 1 ? "250-STARTTLS\r\n250-XBLACKPONY V1 X25519-CHACHA20POLY1305 ROT\r\n" : "")
                + "250-AUTH PLAIN LOGIN\r\n250 SMTPUTF8\r\n"));
        }

        for (int i = 0; i < 14; i++)
        {
            string waiting = "";
            int many = seed % 2 == 0 ? random.Next(1, 5) : 1;
            string sent = "";
            for (int j = 0; j < many; j++)
            {
                switch (random.Next(8))
                {
                    case 0:
                        said.Add(('C', sent + "MAIL FROM:<alice@a.test>\r\n"));
                        said.Add(('S', waiting + "250 Ok\r\n"));
                        said.Add(('C', "RCPT TO:<bob@b.test>\r\nDATA\r\n"));
                        said.Add(('S', random.Next(4) == 0 ? "550 5.1.1 No\r\n503 No recipients\r\n" : "250 Ok\r\n354 Go\r\n"));
                        (sent, waiting) = (Pick(Bodies) + ".\r\n", random.Next(3) == 0 ? "554 5.7.1 No\r\n" : "250 Queued as 4Xy12z\r\n");
                        break;
                    case 1:
                        var body = Pick(Bodies);
                        sent += $"BDAT {body.Length}{(random.Next(2) == 0 ? " LAST" : "")}\r\n{body}";
                        waiting += "250 Ok\r\n";
                        break;
                    case 2:
                        said.Add(('C', sent + Pick(Logins) + "\r\n"));
                        said.Add(('S', waiting + "334 VXNlcm5hbWU6\r\n"));
                        (sent, waiting) = (random.Next(4) == 0 ? "*\r\n" : "c2VjcmV0\r\n",
                            random.Next(2) == 0 ? "235 Ok\r\n" : "535 No\r\n");
                        break;
                    default:
                        sent += Pick(Commands) + (random.Next(15) == 0 ? "\n" : "\r\n");
                        waiting += (random.Next(3) == 0 ? Pick(Replies) : "250 Ok") + "\r\n";
                        break;
                }
            }

            said.Add(('C', sent));
            if (random.Next(12) > 0)
            {
                said.Add(('S', waiting));
            }
        }

        return [.. said];

        string Pick(string[] texts) => texts[random.Next(texts.Length)];
    }
}
