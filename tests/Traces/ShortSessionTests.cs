using System.Net;

namespace BlackPony.Tests.Traces;

/// <summary>
/// All sessions of a few steps, in any order, plausible or not: the digest of their reports and conversions.
/// <c>tests/Traces/Reports/short-sessions.tsv</c> has a line for each set of steps, and a digest for each first step. A digest shows that
/// something changed, not what is right. <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class ShortSessionTests
{
    private const string Hello =
        "\x16\x03\x01\0\x31\x01\0\0\x2d\x03\x03" + "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr" + "\0\0\x02\x13\x01\x01\0\0\0";
    private const string ServerHello =
        "\x16\x03\x03\0\x2a\x02\0\0\x26\x03\x03" + "ssssssssssssssssssssssssssssssss" + "\0\x13\x01\0";

    private static readonly string[] Greeted = ["s:220 mx.b.test ESMTP", "c:EHLO mail.a.test", "s:250-mx.b.test\r\n250 PIPELINING"];
    private static readonly string[] InMail = [.. Greeted, "c:MAIL FROM:<alice@a.test>", "s:250 Ok", "c:RCPT TO:<bob@b.test>", "s:250 Ok"];
    private static readonly string[] InData = [.. InMail, "c:DATA", "s:354 Go"];

    // What each text means: WireStep.Parse.
    private static readonly Dictionary<string, (string[] First, string[] Then, int Most)> All = new()
    {
        ["transaction"] = (Greeted,
            ["c:MAIL FROM:<alice@a.test>", "c:RCPT TO:<bob@b.test>", "c:DATA", "c:One\r\n.", "c:RSET", "s:250 Ok", "s:354 Go",
                "s:550 5.1.1 No", "c 60", "s 30"], 3),
        ["message"] = (InMail,
            ["c:DATA", "c:x\r\n.", "c:x\n.\n", "c:.", "c:QUIT", "s:354 Go", "s:250 2.0.0 Queued as 4Xy12zAbC", "s:451 Later",
                "s:503 What", "c 9", "s 12"], 3),
        ["content"] = (InData,
            ["c:Subject: one", "c:", "c:text", "c:..dot", "c:.", "c:\n.\n", "c:text_", "c 12", "s 8", "s:250 Ok", "s:421 Down",
                "c:NOOP"], 3),
        ["chunks"] = (InMail,
            ["c:BDAT 3\r\nabc_", "c:BDAT 3 LAST\r\nabc_", "c:BDAT 0 LAST", "c:BDAT 7", "c:NOOP_", "c:\r\n_",
                "c:MAIL FROM:<a@a.test>", "s:250 Ok", "s:554 No", "c 5", "c 40", "s 8"], 3),
        ["logins"] = (Greeted,
            ["c:AUTH PLAIN", "c:AUTH LOGIN YWxpY2U=", "c:c2VjcmV0", "c:*", "c:MAIL FROM:<a@a.test>", "s:334 VXNlcm5hbWU6", "s:334 ",
                "s:235 Ok", "s:535 No", "s:250 Ok", "c 20", "s 9"], 3),
        ["pipelined"] = (Greeted,
            ["c:MAIL FROM:<a@a.test>\r\nRCPT TO:<b@b.test>\r\nDATA", "c:x\r\n.\r\nQUIT", "c:NOOP\r\nNOOP",
                "c:DATA\r\nBDAT 2 LAST\r\nab_", "s:250 Ok\r\n250 Ok\r\n354 Go", "s:250 Ok\r\n550 No", "s:503 No", "s:354 Go",
                "s:250 Ok", "c 30", "s 30", "s 4"], 3),
        ["pieces"] = (Greeted,
            ["c:NO_", "c:OP_", "c:\r_", "c:\n_", "c:\r\nMAIL_", "c: FROM:<a@a.test>", "s:25_", "s:0_", "s:-a\r\n250_", "s: Ok",
                "c 2", "s 3"], 3),
        ["odd lines"] = (Greeted,
            ["c:FROB", "c:", "c:\xff\xfe", "c:XEXCH50 3 2", "c:abc_", "c:BURL imap://x LAST", "s:250 Ok", "s:Ok", "s:250",
                "s:354 Go", "s:334 a", "s:500-a\r\n501 b", "c 3", "c!", "s!"], 3),
        ["STARTTLS"] = (Greeted,
            ["c:STARTTLS", "s:220 Go", "s:454 No", "s:250 Ok", "c:" + Hello + "_", "s:" + ServerHello + "_", "c:EHLO a",
                "c:\x17\x03\x03\0\x02xy_", "s:\x15\x03\x03\0\x02xy_", "c 7", "s 7"], 3),
        ["LMTP"] = (["s:220 b LMTP", "c:LHLO a", "s:250 b", "c:MAIL FROM:<>", "s:250 Ok", "c:RCPT TO:<b@b>\r\nRCPT TO:<c@b>",
            "s:250 Ok\r\n250 Ok"],
            ["c:DATA", "c:x\r\n.", "c:BDAT 1 LAST\r\nx_", "c:NOOP", "s:354 Go", "s:250 Ok", "s:450 No", "s:250 Ok\r\n250 Ok", "c 6",
                "s 5"], 3),
        ["upgrade"] = (Greeted,
            ["c:XBLACKPONY V1 ROT 13", "c:XBLACKPONY V1 FROB a", "s:250 XBLACKPONY V1 ROT 13", "s:220 ROT", "s:220 K=AAAA",
                "s:334 K=AAAA", "s:504 No", "c:AAAA", "c:RUYB n", "c:EHLO a", "s:250 b", "s:\0\x14xxxxxxxxxxxxxxxxxxxx_", "c 9", "s 9"], 3),
        ["beginnings"] = ([],
            ["s:220 b SMTP", "s:220 b", "s:220-b_", "s:554 No", "c:EHLO a", "c:MAIL FROM:<a@a.test>", "c:GET / HTTP/1.1",
                "s:HTTP/1.1 200 Ok", "c:SSH-2.0-x", "s:SSH-2.0-y", "c:USER bob", "s:+OK b", "c:\x05\x01\0_",
                "c:CONNECT b:25 HTTP/1.1\r\n", "s:HTTP/1.0 200\r\n", "c:PROXY TCP4 192.0.2.9 10.0.0.2 4000 25", "c:\x16_",
                "c:\x03\x01\0\x31\x01_", "c:" + Hello + "_", "s:" + ServerHello + "_", "c:\x17\x03\x03\0\x02xy_", "s:\x01\x02_",
                "c 5", "s 5", "c!", "s!"], 2),
        ["doubt"] = ([.. Greeted, "c:MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nRCPT TO:<carol@c.test>\r\nDATA"],
            ["s 9", "s 30", "s:250 2.1.0 Sender ok", "s:250 2.1.5 Recipient ok", "s:550 5.1.1 <bob@b.test> No", "s:354 Go",
                "s:221 Bye", "c 20", "c:x\r\n.", "c:NOOP", "c:QUIT"], 3),
        ["after gaps"] = ([.. Greeted, "c:MAIL FROM:<alice@a.test>", "c 30", "s 20"],
            ["c:RCPT TO:<bob@b.test>", "c:DATA", "c:x\r\n.", "c:RSET", "c:AUTH LOGIN", "c:BDAT 2 LAST\r\nab_", "s:250 Ok",
                "s:250 2.1.5 Ok", "s:354 Go", "s:334 VXNlcm5hbWU6", "s:235 Ok", "s:550 No", "c 9", "s 9"], 3),
        ["proxies"] = ([],
            ["c:CONNECT b:25 HTTP/1.1\r\n", "s:HTTP/1.1 200 Ok\r\n", "s:HTTP/1.1 403 No\r\nContent-Length: 2\r\n", "c:\x05\x01\0_",
                "s:\x05\0_", "c:\x05\x01\0\x01\x0a\0\0\x02\0\x19_", "s:\x05\0\0\x01\0\0\0\0\0\0_",
                "c:\x04\x01\0\x19\x0a\0\0\x02u\0_", "s:\0\x5a\0\0\0\0\0\0_", "c:EHLO a", "s:220 b ESMTP", "c 4"], 3),
        ["proxies of whom the other side was seen first"] = ([],
            ["s:CONNECT b:25 HTTP/1.1\r\n", "c:HTTP/1.1 200 Ok\r\n", "s:\x05\x01\0_", "c:\x05\0_",
                "s:\x05\x01\0\x01\x0a\0\0\x02\0\x19_", "c:\x05\0\0\x01\0\0\0\0\0\0_", "s:EHLO a", "c:220 b ESMTP", "c 4"], 3),
        ["long numbers"] = (InMail,
            ["c:BDAT 12345678901234567\r\nab_", "c:BDAT 123456789012345678\r\nab_", "c:BDAT 1234567890123456789\r\nab_",
                "c:BDAT 000000000000000002\r\nab_", "c:BDAT 0000000000000000002\r\nab_", "c:XEXCH50 123456789012345678 2",
                "c:XEXCH50 1234567890123456789 2", "c:XEXCH50 2 2", "c:ab_", "s:250 Ok", "s:354 Go", "s:501 No"], 3),
        ["beginnings that are long"] = ([],
            ["c:" + new string('x', 2045), "c:x_", "c:" + new string('x', 2046), "c:SSH-" + new string('x', 2041), "s:220 b SMTP",
                "s:22_", "s:0 b_", "c:EHLO a"], 4),
        ["beginnings in many pieces"] = ([.. Enumerable.Repeat("c:x_", 9)],
            ["c:x_", "s:220 b SMTP", "s:220_", "c:\r\nEHLO a", "c:\x01_"], 4),
    };

    public static TheoryData<string> Names => [.. All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_said_of_a_short_session_stays_the_same(string name)
    {
        var (first, then, most) = All[name];
        foreach (bool openingSeen in (bool[])[true, false])
        {
            foreach (int port in name == "beginnings" ? (int[])[25, 465, 587, 2525, 2526]
                : name.StartsWith("beginnings", StringComparison.Ordinal) ? [25, 2526] : [25])
            {
                Digests.Compare("short-sessions.tsv", $"{name}, {port}{(openingSeen ? "" : ", midstream")}",
                    [.. then.Select(t => Digest([.. openingSeen ? first : [], t], then, most - 1, openingSeen, port))]);
            }
        }
    }

    private static string Digest(string[] first, string[] then, int more, bool openingSeen, int port)
    {
        using var digest = new SessionDigest(new IPEndPoint(Inspection.Server.Address, port));
        int number = 0;
        Go([.. first.Select(WireStep.Parse)], more);
        return digest.End();

        void Go(WireStep[] said, int left)
        {
            digest.Say(said, openingSeen, anonymize: ++number % 7 == 0);
            foreach (var next in left > 0 ? then : [])
            {
                Go([.. said, WireStep.Parse(next)], left - 1);
            }
        }
    }
}
