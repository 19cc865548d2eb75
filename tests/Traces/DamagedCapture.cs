using System.Net;
using System.Text;
using BlackPony.Reference;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;

namespace BlackPony.Tests.Traces;

/// <summary>
/// Captures of SMTP and LMTP of every kind, drawn by a seed, in pieces of any size: behind proxies, on several ports, some without their
/// beginning, and most with octets of either side missing.
/// </summary>
internal static class DamagedCapture
{
    private static readonly string[] Commands =
    [
        "NOOP", "VRFY bob", "HELP", "RSET", "MAIL FROM:<alice@a.test>", "RCPT TO:<bob@b.test>", "EHLO again.a.test", "EXPN list",
        "ETRN b.test", "XFORWARD NAME=a.test ADDR=192.0.2.9", "SEND FROM:<alice@a.test>", "BURL imap://c@b.test/x;uid=1 LAST",
        "BURL imap://c@b.test/x;uid=1", "rcpt to:<\"a > b\"@b.test> orcpt=rfc822;x@b.test", "MAIL FROM:<\"q\\\"q\"@a.test> SIZE=99",
        "QUIT", "EHL\xd6 x", "mail from:<a@a.test> smtputf8", "HELO a.test", "LHLO a.test", "BDAT 5 FIRST", "BDAT 1234567890123456789",
        "SAML", "WIZ",
    ];

    private static readonly string[] Good =
        ["250 Ok", "250 2.0.0 Ok", "250 2.1.0 sender Ok", "250 2.1.5 recipient Ok", "250 <bob@b.test> Ok"];

    private static readonly string[] Bad =
    [
        "550 5.1.1 No such user", "450 4.2.0 Greylisted", "503 5.5.1 Bad sequence", "500 5.5.2 What", "421 4.3.2 Down", "251 Forwards",
        "252 Perhaps", "214-One\r\n214 Two", "554 5.7.1 No", "553 No", "530 Must issue STARTTLS first", "250-Two\r\n250 lines", "555 No",
        "2", "250", "502 No", "454 4.7.0 No",
    ];

    private static readonly string[] Bodies =
    [
        "Subject: one\r\n\r\nText\r\n", "", "From: a@a.test\r\nTo: b@b.test\r\nDate: Sat, 28 Nov 2026 09:05:07 +0000\r\n"
            + "Message-ID: <1@a.test>\r\n\r\nLong\r\n\r\n..\r\n...x\r\nQUIT\r\nend\r\n",
        "bare\nline\n.\nMAIL FROM:<x@y.test>\n", "a\r.\rb\r\n", "Subject: =?utf-8?B?w6Q=?=\r\n continued\r\n\r\n\xe4\r\n", "no end",
        "Subject: x\r\n\r\nNOOP\r\nRCPT TO:<z@z.test>\r\n", "X: y\r\n\n.\r\nz\r\n",
    ];

    /// <summary>The capture of a seed.</summary>
    public static byte[] Of(int seed)
    {
        var random = new Random(seed);
        var file = new MemoryStream();
        int port = (seed % 9) switch { 6 => 587, 7 => 2525, 8 => 24, _ => 25 };
        bool six = seed % 4 == 3;
        var client = new IPEndPoint(IPAddress.Parse(six ? "2001:db8::1" : "10.0.0.1"), 40000 + seed);
        var server = new IPEndPoint(IPAddress.Parse(six ? "2001:db8::2" : "10.0.0.2"), port);
        using (var writer = new PcapWriter(file, LinkType.Ethernet))
        {
            var tcp = new TcpWriter(writer, client, server) { Time = 1_700_000_000_000_000_000 };
            if (seed % 6 != 5)
            {
                tcp.Open();
            }

            foreach (var (who, text) in Said(random, seed))
            {
                Send(tcp, random, who == 'C' ? Role.Client : Role.Server, Encoding.Latin1.GetBytes(text), seed % 8 == 0 ? 0 : 9);
                tcp.Time += random.Next(4) * 7_000_000L;
            }

            switch (seed % 5)
            {
                case 0:
                    tcp.Reset(seed % 2 == 0 ? Role.Client : Role.Server);
                    break;
                case 1:
                    break;
                default:
                    tcp.End(Role.Server);
                    tcp.End(Role.Client);
                    break;
            }
        }

        return file.ToArray();
    }

    // In pieces; one of so many lacks some octets, mostly a few. 0: none.
    private static void Send(TcpWriter tcp, Random random, Role sender, byte[] octets, int oneOf)
    {
        for (int at = 0; at < octets.Length;)
        {
            int size = Math.Min(octets.Length - at, random.Next(3) == 0 ? random.Next(1, 8) : random.Next(8, 400));
            int missing = oneOf > 0 && random.Next(oneOf) == 0
                ? Math.Min(size, random.Next(3) == 0 ? random.Next(1, 70) : random.Next(1, 6)) : 0;
            int from = random.Next(size - missing + 1);
            tcp.Send(sender, octets.AsSpan(at, from));
            if (missing > 0 && random.Next(5) == 0)
            {
                tcp.Cut(sender, missing);
            }
            else if (missing > 0)
            {
                tcp.Skip(sender, missing);
            }

            tcp.Send(sender, octets.AsSpan(at + from + missing, size - from - missing));
            at += size;
        }
    }

    private static IEnumerable<(char Who, string Text)> Said(Random random, int seed)
    {
        bool lmtp = seed % 10 == 9;
        bool pipelines = seed % 3 != 0;
        var end = seed % 13 == 12 ? "\n" : "\r\n";
        switch (seed % 7)
        {
            case 4:
                yield return ('C', "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25\r\n");
                break;
            case 5:
                yield return ('C', "CONNECT mx.b.test:25 HTTP/1.1\r\nHost: mx.b.test:25\r\nUser-Agent: x\r\n\r\n");
                yield return ('S', "HTTP/1.1 200 Connection established\r\n\r\n");
                break;
        }

        yield return ('S', seed % 11 == 10 ? "554 No service" + end : $"220 mx.b.test {(lmtp ? "LMTP" : "ESMTP")} ready{end}");
        yield return ('C', (lmtp ? "LHLO" : "EHLO") + " mail.a.test" + end);
        var pipelining = pipelines ? $"250-PIPELINING{end}" : "";
        yield return ('S', $"250-mx.b.test greets mail.a.test{end}250-8BITMIME{end}250-CHUNKING{end}{pipelining}"
            + $"250-AUTH PLAIN LOGIN CRAM-MD5{end}250 SIZE 1000000{end}");
        int rounds = 4 + (seed % 5);
        for (int i = 0; i < rounds; i++)
        {
            foreach (var said in Round(random, lmtp, pipelines, end))
            {
                yield return said;
            }
        }

        if (seed % 4 != 0)
        {
            yield return ('C', "QUIT" + end);
            yield return ('S', "221 2.0.0 Bye" + end);
        }
    }

    private static List<(char Who, string Text)> Round(Random random, bool lmtp, bool pipelines, string end)
    {
        var said = new List<(char, string)>();
        switch (random.Next(7))
        {
            case 0 or 1 or 2:
                int recipients = random.Next(1, 4);
                string[] commands =
                    [$"MAIL FROM:<a{random.Next(9)}@a.test>", .. Enumerable.Range(1, recipients).Select(i => $"RCPT TO:<r{i}@b.test>")];
                string[] replies = [.. commands.Select((_, i) => i > 0 && random.Next(4) == 0 ? Pick(Bad) : Pick(Good))];
                int taken = Math.Max(1, replies.Skip(1).Count(r => r[0] == '2'));
                var body = Pick(Bodies).Replace("\r\n", end, StringComparison.Ordinal) + "." + end;
                bool taking = random.Next(6) > 0;
                if (random.Next(3) == 0)
                {
                    var chunk = Pick(Bodies);
                    bool two = random.Next(2) == 0;
                    int answers = (lmtp ? taken : 1) + (two ? 1 : 0);
                    said.Add(('C', Lines(commands) + (two ? $"BDAT {chunk.Length}{end}{chunk}BDAT 0 LAST{end}"
                        : $"BDAT {chunk.Length} LAST{end}{chunk}")));
                    said.Add(('S', Lines([.. replies, .. Enumerable.Repeat(taking ? Pick(Good) : Pick(Bad), answers)])));
                    break;
                }

                if (pipelines)
                {
                    said.Add(('C', Lines([.. commands, "DATA"])));
                    said.Add(('S', Lines([.. replies, taking ? "354 Go on" : Pick(Bad)])));
                }
                else
                {
                    foreach (var (command, reply) in commands.Zip(replies).Append(("DATA", taking ? "354 Go on" : Pick(Bad))))
                    {
                        said.Add(('C', Lines([command])));
                        said.Add(('S', Lines([reply])));
                    }
                }

                if (taking)
                {
                    said.Add(('C', body));
                    var answer = random.Next(4) == 0 ? Pick(Bad) : "250 2.6.0 Queued as 4Xy12z";
                    said.Add(('S', Lines([.. Enumerable.Repeat(answer, lmtp ? taken : 1)])));
                }

                break;
            case 3:
                var first = random.Next(3) switch { 0 => "AUTH LOGIN", 1 => "AUTH PLAIN", _ => "AUTH CRAM-MD5" };
                said.Add(('C', Lines([first])));
                for (int i = random.Next(3); i >= 0; i--)
                {
                    said.Add(('S', Lines(["334 VXNlcm5hbWU6"])));
                    said.Add(('C', Lines([random.Next(5) == 0 ? "*" : "c2VjcmV0c2VjcmV0"])));
                }

                said.Add(('S', Lines([random.Next(3) == 0 ? "535 5.7.8 No" : "235 2.7.0 Ok"])));
                break;
            case 4:
                int size = random.Next(1, 60);
                said.Add(('C', Lines([$"XEXCH50 {size} 2"])));
                said.Add(('S', Lines([random.Next(3) == 0 ? "504 No" : "354 Send binary"])));
                said.Add(('C', new string('\x05', size)));
                said.Add(('S', Lines(["250 Ok"])));
                break;
            default:
                string[] some = [.. Enumerable.Range(0, pipelines ? random.Next(1, 6) : 1).Select(_ => Pick(Commands))];
                said.Add(('C', Lines(some)));
                said.Add(('S', Lines([.. some.Select(c => c == "QUIT" ? "221 Bye" : random.Next(3) == 0 ? Pick(Bad) : Pick(Good))])));
                break;
        }

        return said;

        string Lines(string[] lines) => string.Concat(lines.Select(l => l + end));

        string Pick(string[] texts) => texts[random.Next(texts.Length)];
    }
}
