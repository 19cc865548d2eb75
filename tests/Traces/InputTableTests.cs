using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Reference;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;
using BlackPony.Traces.Sessions.Smtp;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is made of many inputs of one kind, a line each: <c>tests/Traces/Reports/inputs</c> has the tables.
/// <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class InputTableTests
{
    private const string Token = "QWxhZGRpbjpvcGVuIHNlc2FtZQ==";

    private static readonly (string Verb, string? Address)[] Commands =
        [.. Enum.GetNames<Verb>().Where(v => v != nameof(Verb.Unseen)).Select(v => (v, v is "Mail" or "Rcpt" ? "bob@b.test" : null)),
            ("Rcpt", "b@c"), ("Rcpt", "b@b"), ("Noop", "bob@b.test")];

    private static readonly string[] Lines =
    [
        "MAIL FROM:<a@a.test>", "mail from:<a@a.test> SIZE=5", "MAIL", "MAIL FROM", "MAIL x", "RCPT TO:<b@b.test>", "RCPT", "rcpt to:b",
        "RCPT T",
        "DATA", "DATA ", "DATA x", "data", "DAT", "QUIT", "QUIT x", "RSET", "RSETT", "NOOP", "NOOP x", "STARTTLS", "STARTTLS x", "BDAT 5",
        "BDAT x", "BDAT", "BDAT ", "BDAT 5 LAST", "EHLO", "EHLO ", "EHLO a.test", "HELO a", "LHLO a", "HELO", "LHLO", "AUTH", "AUTH PLAIN",
        $"AUTH PLAIN {Token}", $"AUTH  PLAIN  {Token}", $"AUTH {Token}", $"auth login {Token}", "AUTH X-MINE abc", "AUTH ",
        "X-EXPS NTLM abc",
        $"AUTH CRAM-MD5-CRAM-MD5-CRAM-MD5 {Token}", "XBLACKPONY V1 ROT", "XBLACKPONY", "VRFY bob", "EXPN list", "HELP", "HELP DATA",
        "ETRN b.test", "TURN", "ATRN b.test", "SEND FROM:<a>", "SOML FROM:<a>", "SAML FROM:<a>", $"BURL imap://b/x;{Token} LAST", "BURL",
        "XCLIENT NAME=a", "XFORWARD NAME=a", "XEXCH50 5 2", "X-ANONYMOUSTLS", "X-LINK2STATE x", "XSHADOW x", "XADR", "XUSR", "XQUE x",
        "XREMOTEQUEUE", "VERB", "ONEX", "DATA\t", "QUIT\t", "\tDATA", "DATA\tx", "", " ", "x", "M\0IL FROM:<a>", "\0AIL FROM:<a>",
        "MAIL\0FROM:<a>", "MAIL \0ROM:<a>", "R\0PT TO:<b>", "\0\0\0\0", "\0\0\0\0 x", "Q\0IT", "QUI\0", "\0ATA", "D\0TA", "E\0LO a",
        "\0ELO a",
        "HEL\0 a", "EHLO\0a", "\0\0LO a", "BDA\0 5", "STAR\0TLS", "TUR\0", "AT\0N", "SA\0L FROM:<a>", "S\0ML FROM:<a>", "X\0", "\0",
        "N\0\0P",
        "dat\0", "PASS sesame", "USER bob", "APOP bob x", "LOGIN bob sesame", "AUTHENTICATE PLAIN", "AUTHORIZATION: Basic x",
        "Proxy-Authorization: x", "Cookie: a=b", "set-cookie: a", "X-API-KEY: z", "AUTHINFO x", "X-LOGIN x", "XTOKEN=abc", "MYPASSWORD x",
        "X-SASL:abc", "SECRET,x", "CREDS;x", "XPWD\tx", "COOKIE2 x", "XAPI-KEY x", "GET / HTTP/1.1", "FROB nicate", $"FROB {Token} x",
        Token, "QWxhZGRp", "QWxhZGRpbjpv", "qwerasdf", "QWERASDF", "qwer1234", "qWer1234", "qWerasdf", "qWerasdfqWer", "qWerasdfqWe=",
        "abcdefg=", "abc=", "a+/=Bcd1", "a+/=Bcd", "a-/=Bcd1", "a\x7f\x80\xffz\r\n\\", new string('x', 999) + "yz", "x=" + new string('y',
        45),
        new string('M', 45) + " z", "a:b c", "a,b c", "\ta b", "=a b", "EHLO " + new string('h', 999), "NOOP " + new string('n', 999),
    ];

    private static readonly string[] Replies =
    [
        "220 mx", "221 Bye", "235 Ok", "250 Ok", "250 2.0.0 Ok", "250 2.1.0 Ok", "250 2.1.5 Ok", "250 2.6.0 Ok", "251 Forwards",
        "252 Perhaps",
        "214 Help", "211 Status", "334 VXNl", "354 Go", "421 Down", "450 No", "451 No", "454 No", "500 What", "501 No", "502 No", "503 No",
        "504 No", "530 No", "535 No", "550 No", "550 5.1.1 No", "551 No", "552 No", "553 No", "554 No", "555 No", "299 Ok", "300 Go",
        "200 Ok", "199 x", "250-One\r\n250 two", "550-One\r\n550 two", "214-One\r\n214 two", "250 <bob@b.test> ok", "250 <BOB@B.TEST> ok",
        "250 b@c", "250 b@b", "250 Queued as 1", "250 accepted for delivery", "250 sender ok", "250 recipient ok", "550 Sender no",
        "550 RECIPIENT no", "550 5.1.1", "550 5.1.", "550 5-1.1 x", "550 5.1-1 x", "354 Sender", "0 x", "3 x",
    ];

    public static TheoryData<string> Tables => [.. All.Keys];

    private static readonly Dictionary<string, Func<IEnumerable<string>>> All = new()
    {
        ["verbs"] = () => Lines.Select(l => $"{Shown(l)}: {Verbs.Find(Octets(l), out var name)} {name} "
            + $"{Verbs.LooksLikeCommand(Octets(l))} {Verbs.IsUnmistakable(Octets(l))}"),
        ["paths"] = () => ((string[])["<a@b>", "<\"a>b\"@c> x", "<\"a\\\">\"@c>", "<a", "", "<\"a\\", "<a\\>", "\">", "<\"\\\\\">>"])
            .Select(p => $"{p}: {Verbs.PathEnd(Octets(p))}")
            .Concat(((string[])["TO:", "xto:", "T", "RCPT T", "O:TO", "tO:"]).Select(l => $"{l}: {Verbs.Contains(Octets(l), "TO:"u8)}")),
        ["redacted-commands"] = () => Lines.Select(l => $"{Shown(l)}: {Redaction.Command(Octets(l), false)} | "
            + $"{Redaction.Command(Octets(l), true)} | {Redaction.Name(Octets(l), false)} | {Redaction.Name(Octets(l), true)}"),
        ["redacted-replies"] = () => Replies.Concat(
            [
                $"334 {Token}", $"235 {Token} ok", "334 UGFzc3dvcmQ6", "334 K=QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "334-VXNlcm5hbWU6",
                $"334_{Token}",
                $"33 {Token}", $"3344{Token}", $"250 {Token}", $"\0{Token}", $"3\0 {Token}", $"334 x\r\n{Token}", $"25\0 {Token} x",
                "334", "235",
                "23", "334 ", $"{Token}", $"250 a\0b", "250 a\\x00b", $"454 {Token}", $"535-{Token}", $"33x {Token}", $"/34 {Token}",
                $":34 {Token}",
                "250 " + new string('y', 1005), "334 " + new string('y', 1005),
            ]).Select(r => $"{Shown(r)}: {Redaction.Reply(Octets(r))} | {Shown(Redaction.ReplyText(r))}"),
        ["fit"] = () => Replies.Select(r => $"{Shown(r)}: " + string.Join(' ', Commands.Select(c => ReplyFit.Of(
            new Command(Enum.Parse<Verb>(c.Verb), 1, 0) { Address = c.Address }, Reply(r)).ToString(CultureInfo.InvariantCulture)))),
        ["escape"] = () => ((string[])["a\\b", "", "\r\n", "\x1f\x20\x7e\x7f\xff", "ab"])
            .SelectMany(t => ((int[])[0, 1, 2, 99]).Select(n => $"{Shown(t)} {n}: {Escape.Octets(Octets(t), n)}"))
            .Concat(((string[])["a\\x41", "\\", "a\\", "\\r\\n", "\\x4", "\\x4g", "\\q", "\\xFFz", "\\xff", "a\x7f", "~\x7e", "\\x 4",
            "\\x+4",
                "\\r", "\\n", "\\x", "\\x41\\"])
                .Select(t => $"{Shown(t)}: {(Escape.Back(t) is { } back ? Convert.ToHexString(back) : "none")}")),
        ["queue-ids"] = () => ((string[])
            [
                "250 2.0.0 Ok: queued as 4Xy12zAbC", "250 OK id=1abcde-000001-AB", "250 ok 1700000000 qp 123",
                "250 2.0.0 x1AB2cd34 Message accepted",
                "250 2.0.0 1AB2cd34 Message accepted for delivery", "250 1AB2cd3 Message accepted", "250 2.6.0 <x> [InternalId=42] Queued",
                "250 2.0.0 OK  1700000000 abc.1 - gsmtp", "250 2.0.0: 1a2b3c4d Message accepted", "250 Ok", "250 Queued",
            ]).Select(t => $"{t}: {QueueId.Of(t)}"),
        ["normalised"] = () => ((string[])
            [
                "220 mx.b.test ready at Sat, 28 Nov 2026 09:05:07 +0000 (UTC)", "220 28 Nov 2026", "220 2026-11-28T09:05:07Z x",
                "220 2026-11-28",
                "220 09:05:07", "220 9:05", "250 2.1.0 Ok", "250 <bob@b.test>", "250 bob@b.test, a@b", "220 [192.0.2.7]:25", "220 ::1",
                "220 2001:db8::1",
                "220 localhost x", "220 a.b-c", "250 queued as ABC123", "250 id=abcdef", "250 id=abcde1", "250 abcde", "250 abcdef",
                "250 x12345",
                "250 1.2.3.a",
            ]).Select(t => $"{t}: {Normaliser.Text(t)}"),
        ["rewritten"] = () => ((string[])
            [
                "MAIL FROM:<alice@a.test> SIZE=1\r\n", "MAIL FROM: <alice@a.test>\r\n", "RCPT TO:  bob@b.test X=1\r\n",
                "RCPT TO:bob@b.test",
                "RCPT TO:<@x,@y:bob@b.test>\r\n", "RCPT TO:<BOB@B.TEST>\r\n", "RCPT TO:<\"q>q\"@a.test>\r\n", "RCPT TO:<x@a.test\r\n",
                "RCPT bob@b.test\r\n",
                "RCPT TO:<>\r\n", "RCPT TO:\r\n", "RCPT TO:<", "RCPT TO:", "RCPT TO:<xbob@b.test>\r\n", "RCPT TO:<@a.test>\r\n",
                "RCPT TO:<@a.test:c@d>\r\n",
                "RCPT TO:<bob@b.test.x>\r\n",
            ]).Select(l => $"{Shown(l)}: {Shown(Encoding.Latin1.GetString(
                Rewriting.Line(Octets(l), [("bob@b.test", "dan@d.test"), ("@a.test", "@example.org"), ("@b.test", "@late.test")])))}"),
        ["comments"] = () => ((string[])
            [
                "5 octets of the client are not in the capture", "5 octets of the server were cut off in the capture",
                "0 octets of the client are not in the capture",
                "x octets of the client are not in the capture", "1234567890123456789 octets of the client are not in the capture",
                "10.0.0.1:5 to 10.0.0.2:25", "[::1]:5 to [::2]:25", "10.0.0.1 to 10.0.0.2:25", "a:b to c:d", " to 10.0.0.2:25",
                "10.0.0.1:5 to x",
                "10.0.0.1:5 to 10.0.0.2:25" + new string(' ', 94), "10.0.0.1:5 to 10.0.0.2:25" + new string(' ', 95),
            ]).Select(c => $"{c.Trim()}: {TranscriptComments.TryGap(c, out var who, out long length, out bool cut)} {who} {length} {cut} "
                + $"{TranscriptComments.TryEnds(c, out var client, out var server)} {client} {server}"),
        ["PROXY"] = Proxies,
        ["tunnels"] = Tunnels,
        ["key-logs"] = KeyLogs,
        ["headers"] = Headers,
        ["bodies"] = Bodies,
        ["hellos"] = Hellos,
        ["TLS-suites"] = () => Enumerable.Range(0, 0x10000).Select(n => (n, Suite: TlsSuite.Find(n))).Where(s => s.Suite is not null)
            .Select(s => $"{s.n:x4}: {s.Suite!.Protection} {s.Suite.KeyLength} {s.Suite.Hash} {s.Suite.Mac} {s.Suite.TagLength} "
                + $"{s.Suite.HashLength} {s.Suite.MacLength} {s.Suite.Overhead(true)} {s.Suite.Overhead(false)}"),
        ["filled"] = () => ((long[])[0, 1, 2, 3, 77, 78, 79, 155, 156, 157, 234, 235]).Select(n =>
        {
            var exchange = new Exchange(Verb.DataEnd, false, 0);
            exchange.Append("a\r\n"u8);
            exchange.Fill(n);
            return $"{n}: {exchange.Octets.Length} {Shown(Encoding.Latin1.GetString(exchange.Octets))}";
        }),
    };

    [Theory]
    [MemberData(nameof(Tables))]
    public void What_is_made_of_each_input_stays_the_same(string table) => InputTables.Compare(table, All[table]());

    private static byte[] Octets(string text) => Encoding.Latin1.GetBytes(text);

    private static string Shown(string text) => Escape.Octets(Octets(text), 60);

    private static ServerReply Reply(string text)
    {
        var code = text[..text.IndexOf(' ')].Split('-')[0];
        int number = code.Length == 3 ? int.Parse(code, CultureInfo.InvariantCulture) : 0;
        return new ServerReply(number, code[0] - '0', text, text.Split('\n').Length, 0, 0);
    }

    // Each header whole, and cut short after each octet.
    private static IEnumerable<string> Proxies()
    {
        string two = "\r\n\r\n\0\r\nQUIT\n";
        string[] headers =
        [
            "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25\r\n", "PROXY TCP6 2001:db8::9 2001:db8::2 4000 25\r\n", "PROXY UNKNOWN\r\n",
            "PROXY TCP4 192.0.2.9 10.0.0.2 65535 25\r\n", "PROXY TCP4 192.0.2.9 10.0.0.2 65536 25\r\n",
            "PROXY TCP4 192.0.2.9 10.0.0.2 -1 25\r\n",
            "PROXY TCP4 nobody 10.0.0.2 4000 25\r\n", "PROXY TCP4 192.0.2.9 10.0.0.2 4000\r\n", "PROXY TCP4 192.0.2.9 10.0.0.2 0 0\r\n",
            "PROXY " + new string('x', 99) + "\r\n", "PROXY " + new string('x', 100) + "\r\n", "PROXY " + new string('x', 101) + "\r\n",
            "PROXY " + new string('x', 102) + "\r\n", "PROXX TCP4\r\n", "\r\nEHLO a\r\n",
            two + "\x21\x11\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19", two + "\x21\x11\0\x0b\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0",
            two + "\x21\x11\0\x10\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19more", two + "\x20\0\0\0",
            two + "\x21\x12\0\x0c\xc0\0\x02\x09\x0a\0\0\x02\x0f\xa0\0\x19",
            two + "\x21\x21\0\x24" + new string('a', 32) + "\x0f\xa0\0\x19", two + "\x21\x21\0\x23" + new string('a', 32) + "\x0f\xa0\0",
            two + "\x21\x31\0\x24" + new string('a', 36), two + "\x21\x21\x01\0" + new string('a', 256), two.Replace('Q', 'q'),
        ];
        foreach (var header in headers.Select(Octets))
        {
            var lengths = Enumerable.Range(0, header.Length + 1).Select(n => ProxyHeader.Length(header.AsSpan(0, n)));
            var line = $"{Escape.Octets(header, 70)}: {string.Join(' ', InputTables.Runs(lengths))}";
            if (ProxyHeader.Length(header) is > 0 and var length)
            {
                line += $" {ProxyHeader.Client(header.AsSpan(0, length))} "
                    + string.Join(' ', ProxyHeader.Parts(1, header[..length]).Select(p => $"{p.Side}{p.Kind}{p.Octets.Length}"));
            }

            yield return line;
        }
    }

    // Each handshake of a proxy, whole and cut short on both sides.
    private static IEnumerable<string> Tunnels()
    {
        (string Client, string Server)[] more =
        [
            ("\x05\x01\0\x05\x01\0\x03\x05mx.b.\0\x19", "\x05\0\x05\0\0\x03\x03" + "abc\0\x19"), ("\x05\x0f" + new string('\0', 15),
            "\x05\xff"),
            ("\x05\x10" + new string('\0', 16), "\x05\xff"), ("\x05\0", "\x05\0"), ("\x05\x01\0", "\x04\0"), ("\x05\x01\x01", "\x05\x01"),
            ("\x05\x01\0\x05\x01\0\x09\0\x19", "\x05\0\x05\0\0\x01\0\0\0\0\0\0"), ("\x05\x01\0\x05\x02\0\x01\x0a\0\0\x02\0\x19",
            "\x05\0\x05\0\0\x01\0\0\0\0\0\0"),
            ("\x05\x01\0\x05\x01\0\x01\x0a\0\0\x02\0\x19", "\x05\0\x05\x05\0\x01\0\0\0\0\0\0"), ("\x05\x02\0\x02\x01\0\0",
            "\x05\x02\x01\x01"),
            ("\x04\x01\0\x19\x0a\0\0\x02", "\0\x5a\0\0\0\0\0\0"), ("\x04\x02\0\x19\x0a\0\0\x02\0", "\0\x5a\0\0\0\0\0\0"),
            ("\x04\x01\0\x19\0\0\0\0bob\0x\0", "\0\x5a\0\0\0\0\0\0"), ("\x04\x01\0\x19\0\0\x01\x01" + "bob\0x\0", "\0\x5a\0\0\0\0\0\0"),
            ("\x04\x01\0\x19\0\x01\0\x01" + "bob\0x\0", "\0\x5a\0\0\0\0\0\0"), ("\x04\x01\0\x19\x01\0\0\x01" + "bob\0x\0",
            "\0\x5a\0\0\0\0\0\0"),
            ("\x04\x01\0\x19\0\0\0\x01" + "bob\0mx\0more", "\0\x5b\0\0\0\0\0\0more"), ("\x04\x01\0\x19\x0a\0\0\x02\0", "\x01\x5a"),
            ("CONNECT a HTTP/1.1\r\n\r\n", "HTTP/1.1 200\r\n\r\nmore"), ("CONNECT a:b HTTP/1.1\r\n\r\n", "HTTP/1.1  200\r\n\r\n"),
            ("CONNECT\r\n\r\n", "HTTP/1.1 200\r\n\r\n"), ("CONNECT \r\n\r\n", "HTTP/1.1 299\r\n\r\n"), ("CONNECT a:1\r\n\r\nCONN",
            "HTTP/1.1 400 \r\n\r\n"),
            ("CONNECT a:1\r\n\r\nother", "HTTP/1.1 400 \r\n\r\n"), ("CONNECT a:1\r\n\r\n", "HTTP/1.1\r\n\r\n 2"), ("CONNECT a:1\r\n\r\n",
            "HTTX/"),
            ("CONNECT a:1\r\n\r\n", "HTTP"), ("CONNECT a:1 x\ry\r\n\r\n", "HTTP/1.1 4 \r\nContent-Length: 16384\r\n\r\n" + new string('z',
            16384)),
            ("CONNECT a:1\r\n\r\n", "HTTP/1.1 4 \r\nContent-Length: 16385\r\n\r\n"), ("CONNECT a:1\r\n\r\n",
            "HTTP/1.1 4 \r\nContent-Length: -1\r\n\r\n"),
            ("CONNECT a:1\r\n\r\n", "HTTP/1.1 4 \r\ncontent-length:2\r\nContent-Length: 4\r\n\r\nabc"), ("CONNECT a:1\r\n\r\n",
            "HTTP/1.1 4 \r\nContent-Length: x\r\n\r\n"),
            ("CONNECT " + new string('a', 16376), ""), ("CONNECT " + new string('a', 16377), ""), ("CONNECT a:1\r\n\r\n",
            "HTTP/" + new string('a', 16365)),
            ("\x04\x01\0\x19\x0a\0\0\x02" + new string('u', 16376), ""), ("\x04\x01\0\x19\x0a\0\0\x02" + new string('u', 16377), ""),
            ("CONNECT x" + new string('y', 310) + ":25 z\r\n\r\n", "HTTP/1.1 200 Ok\r\n\r\n"), ("GET / HTTP/1.1", ""), ("C", ""), ("",
            "x"), ("\x05", ""), ("\x04", ""),
        ];
        var proxies = LayerTests.Proxies.Select(p => p.Data.Item2).Select(lines => (
            string.Concat(lines.Where(l => l.Item1 == 'C').Select(l => l.Item2)),
            string.Concat(lines.Where(l => l.Item1 == 'S').Select(l => l.Item2))));
        foreach (var (client, server) in proxies.Concat(more))
        {
            yield return $"{Shown(client)} {Shown(server)}: {Tunnel(client, server)}";
            if (client.Length < 200 && server.Length < 200)
            {
                yield return " client: "
                    + string.Join(' ', InputTables.Runs(Enumerable.Range(0, client.Length).Select(n => Tunnel(client[..n], server))));
                yield return " server: "
                    + string.Join(' ', InputTables.Runs(Enumerable.Range(0, server.Length).Select(n => Tunnel(client, server[..n]))));
            }
        }

        static string Tunnel(string client, string server)
        {
            var parts = new List<ProloguePart>();
            var (one, other) = (new Cursor(0, Octets(client), parts), new Cursor(1, Octets(server), parts));
            var state = Prologue.Read(one, other, out var target, out int port);
            return $"{state} {target} {port} {one.Left} {other.Left} "
                + string.Concat(parts.Select(p => $"{p.Side}{p.Kind.ToString()[0]}{p.Octets.Length},"));
        }
    }

    private static IEnumerable<string> KeyLogs()
    {
        var hash = new string('a', 64);
        string[] lines =
        [
            "", "# comment", "#", " # x", "x", $"BLACKPONY_CLIENT_TRAFFIC_SECRET_0 {hash} {hash}",
            $"BLACKPONY_SERVER_TRAFFIC_SECRET_0 {hash} {hash}",
            $"BLACKPONY_CLIENT_TRAFFIC_SECRET_0 {hash.ToUpperInvariant()} {hash}", $"BLACKPONY_CLIENT_TRAFFIC_SECRET_0 {hash[2..]} {hash}",
            $"BLACKPONY_CLIENT_TRAFFIC_SECRET_0 {hash} {hash[2..]}", $"BLACKPONY_SERVER_TRAFFIC_SECRET_0 {hash} {hash[1..]}",
            $"CLIENT_RANDOM {hash} {hash}",
            $"CLIENT_RANDOM\t{hash}\t{hash}\r", $"CLIENT_RANDOM {hash} {hash}x", $"CLIENT_RANDOM {hash} {hash} x",
            $"CLIENT_RANDOM {hash} g{hash[1..]}",
            $"CLIENT_RANDOM g{hash[1..]} {hash}", $"CLIENT_RANDOM {hash[..63]} {hash}", $"CLIENT_RANDOM {hash} {hash[..63]}",
            $"CLIENT_RANDOM {hash} {hash}{hash}",
            $"CLIENT_RANDOM {hash} {hash}{hash}aa", $"CLIENT_RANDOM {hash}{hash} aa", $"CLIENT_RANDOM {hash}{hash}aa aa",
            $"CLIENT-RANDOM {hash} {hash}",
            $"OTHER_LABEL {hash} {hash}", $"SERVER_TRAFFIC_SECRET_0 {hash} {hash}", $"CLIENT_TRAFFIC_SECRET_0 {hash} {hash}",
            $"CLIENT_HANDSHAKE_TRAFFIC_SECRET {hash} {hash}", $"SERVER_HANDSHAKE_TRAFFIC_SECRET {hash} {hash}",
            $"EXPORTER_SECRET {hash} {hash}",
        ];
        foreach (var line in lines)
        {
            var log = new KeyLog();
            log.Log(line);
            // The first of two stays.
            log.Log(line.Replace(" " + hash, " " + new string('b', 64), StringComparison.Ordinal));
            var octets = Convert.FromHexString(hash);
            var (client, server) = log.Find(octets);
            var tls = ((string[])["CLIENT_RANDOM", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "CLIENT_TRAFFIC_SECRET_0",
                "SERVER_TRAFFIC_SECRET_0"]).Select(l => log.Find(l, octets)?.Length.ToString(CultureInfo.InvariantCulture) ?? "-");
            yield return $"{Shown(line)}: {log.BadLines} {client?[0]:x} {server?[0]:x} {string.Join(' ', tls)} {log.HasTls}";
        }

        var whole = new KeyLog();
        whole.Add(Octets(string.Join('\n', lines)));
        yield return $"all: {whole.BadLines} {whole.HasTls}";
    }

    private static IEnumerable<string> Headers()
    {
        string[] headers =
        [
            "Subject: one\r\n\r\n", "subject:two\r\n\r\n", "SUBJECT: folded\r\n and more\r\n\tand more\r\n\r\n",
            "Subject: one\r\nSubject: two\r\n\r\n",
            "Message-ID: <a@b>\r\nSubject: x\r\n\r\n", "Message-Id:a@b\r\n\r\n", "X-Subject: no\r\n\r\n", "Subjects: no\r\n\r\n",
            "MIME-Version: 1\r\n\r\n",
            "Subject:\r\n\r\n", "Subject: a\tb\x01" + "c\r\n\r\n", "Subject: \xc3\xa4\r\n\r\n", "Subject: no end", "Subject: a\n\n",
            " Subject: x\r\n\r\n",
            "Subject: " + new string('x', 2100) + "\r\n\r\n", "Subject: " + new string('x', 900) + "\r\n" + new string(' ',
            950) + "\r\n z\r\n\r\n", "\r\nSubject: x\r\n",
            "From: a\r\nsubject: last\r\n", "Message-ID: <a>\r\nMessage-ID: <b>\r\n\r\n", "To: a\r\n Subject: folded\r\n\r\n",
        ];
        foreach (var header in headers)
        {
            foreach (int piece in (int[])[9999, 1, 7])
            {
                var body = new Body(inChunks: piece == 7);
                foreach (var part in Octets(header).Chunk(piece))
                {
                    body.Take(part);
                }

                yield return $"{Shown(header)} {piece}: {body.Subject?.Length} "
                    + $"{body.Subject?[..Math.Min(body.Subject.Length, 30)]} | {body.MessageId} | "
                    + $"{body.HasLongLine} {body.HasHugeHeader} {body.IsEightBit}";
            }
        }

        foreach (int length in (int[])[999, 1000, 1001])
        {
            var body = new Body(inChunks: false);
            body.Take(Octets(new string('x', length - 2) + "\r\n\r\n"));
            yield return $"a line of {length}: {body.HasLongLine}";
        }

        foreach (int lines in (int[])[65534, 65535, 65536, 65537, 65540])
        {
            var body = new Body(inChunks: false);
            body.Take(Octets(string.Concat(Enumerable.Repeat("a: b\r\n", lines / 6)) + "c: " + new string('d',
            lines % 6) + "\r\nSubject: late\r\n\r\n"));
            yield return $"a header of {lines}: {body.HasHugeHeader} {body.Subject}";
        }
    }

    // Every message of so few octets, in pieces of one to three and whole.
    private static IEnumerable<string> Bodies()
    {
        const string Alphabet = "\r\n.a";
        for (int length = 1; length <= 6; length++)
        {
            var states = new StringBuilder();
            for (int number = 0; number < 1 << (2 * length); number++)
            {
                var octets = new byte[length + 2];
                for (int i = 0, rest = number; i < length; i++, rest >>= 2)
                {
                    octets[i] = (byte)Alphabet[rest & 3];
                }

                foreach (int piece in (int[])[1, 2, 3, 99])
                {
                    var body = new Body(inChunks: false);
                    int used = 0;
                    foreach (var part in octets.Chunk(piece))
                    {
                        used += body.IsWhole ? 0 : body.Take(part);
                    }

                    states.Append($"{used} {body.Octets} {body.IsWhole} {body.HasOddDot} ")
                        .Append($"{body.EndsInOddDot} {body.IsAtOddDot} {body.Missing};");
                    if (piece == 1 && (number & 63) == 21)
                    {
                        body.Skip(7);
                        states.Append($"{body.Octets} {body.Missing};");
                    }
                }
            }

            yield return $"{length}: {Convert.ToHexStringLower(SHA256.HashData(Octets(states.ToString())))[..16]}";
        }
    }

    // Each hello whole, and cut short after each octet.
    private static IEnumerable<string> Hellos()
    {
        var random = new string('r', 32);
        var retry = Encoding.Latin1.GetString(SHA256.HashData("HelloRetryRequest"u8));
        var name = "\0\0\0\x0e\0\x0c\0\0\x09mx.b.test";
        (string What, string Body)[] hellos =
        [
            ("client", Client("\0\x12" + name)), ("client", Client("\0\x16\0\x0a\0\0" + name)), ("client",
            Client("\0\x09\0\0\0\x05\0\x03\0\0\0")),
            ("client", Client("\0\x0a\0\0\0\x06\0\x04\0\0\x01x")), ("client", Client("")), ("client", "\x03\x03" + random), ("client",
            "\x03\x03"),
            ("client", Client("\0\x24" + name + name.Replace('x', 'y'))),
            ("server", Server(random, "\xc0\x2f", "\0\0")), ("server", Server(random, "\x13\x01", "\0\x06\0\x2b\0\x02\x03\x04")),
            ("server", Server(retry, "\x13\x02", "\0\x06\0\x2b\0\x02\x03\x04")), ("server", Server(random, "\0\x2f", "\0\x04\0\x16\0\0")),
            ("server", Server(random, "\0\x2f", "\0\x0a\0\x2b\0\x02\x03\x04\0\x16\0\0")), ("server", Server(random, "\0\x2f",
            "\0\x07\0\x2b\0\x03\x03\x04\x05")),
            ("server", "\x03\x01" + random + "\0\x12\x34\0"), ("server", "\x03\0" + random + "\0\x12\x34\0"), ("server",
            "\x03\x02" + random + "\x02xy\x12\x34\0"),
            ("server", "\x7f\x1c" + random + "\0\x12\x34\0"), ("server", "\x03\x03" + random + "\0\x12\x34"),
        ];
        foreach (var (what, hello) in hellos)
        {
            var cut = Enumerable.Range(0, hello.Length + 1).Select(n => Read(what, [Message(what, hello[..n])]));
            yield return $"{what} {Shown(hello)}: " + string.Join(' ', InputTables.Runs(cut));
            yield return " in pieces: " + Read(what, Message(what, hello).Chunk(5).Select(c => new string(c)));
            yield return " after another: " + Read(what, [Message("", "x") + Message(what, hello) + Message("", "y")]);
        }

        var whole = Message("client", Client("\0\x12" + name));
        yield return $"too long: {Read("client", ["\x01\x01\0\x01" + new string('z', 65533), whole])}";
        yield return $"as long as may be: {Read("client", [whole, new string('\0', 65536)])}";
        yield return $"long, then a hello: {Read("client", ["\0\0\xff\xfc" + new string('z', 65532), whole])}";
        yield return $"longer, then a hello: {Read("client", ["\0\0\xff\xfd" + new string('z', 65533), whole])}";
        yield return $"a length too great, then a hello: {Read("client", ["\0\x01\0\x01", whole])}";

        static string Client(string extensions) => "\x03\x03" + new string('r', 32) + "\x02id\0\x04\x13\x01\xc0\x2f\x01\0" + extensions;

        static string Server(string random, string suite,
        string extensions) => "\x03\x03" + random + "\x03" + "sid" + suite + "\0" + extensions;

        static string Message(string what, string body)
        {
            var length = new byte[4];
            BinaryPrimitives.WriteInt32BigEndian(length, body.Length);
            length[0] = (byte)(what == "client" ? 1 : what == "server" ? 2 : 99);
            return Encoding.Latin1.GetString(length) + body;
        }

        static string Read(string what, IEnumerable<string> pieces)
        {
            var (report, parameters) = (new TlsReport(), new TlsParameters());
            var finished = new StringBuilder();
            var handshake = new TlsHandshake(report, parameters, what == "client" ? Role.Client : Role.Server)
                { OnFinished = f => finished.Append(f ? 'F' : 'K') };
            foreach (var piece in pieces)
            {
                handshake.Take(Octets(piece));
            }

            handshake.Take([20, 0, 0, 0, 24, 0, 0, 0]);
            handshake.Stop();
            handshake.Take([20, 0, 0, 0]);
            return $"{report.Version} {report.ServerName} {report.CipherSuite:x} {parameters.Version:x} {parameters.ClientRandom?.Length} "
                + $"{parameters.ServerRandom?.Length} {parameters.Suite?.Protection} {parameters.MacOfCiphertext} {finished}";
        }
    }
}
