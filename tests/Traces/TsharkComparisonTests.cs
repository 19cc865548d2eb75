namespace BlackPony.Tests.Traces;

/// <summary>Sessions, commands and messages as tshark sees them in real captures; where we differ, why.</summary>
public sealed class TsharkComparisonTests
{
    // Each read by hand (`tshark -z follow,tcp,ascii,N`).
    private static readonly Dictionary<string, string> Differences = new()
    {
        ["connect-with-smtp.pcap"] = "tshark takes the server's 220 for the proxy's reply and the rest for data; behind the CONNECT "
            + "stands a whole session with one message.",
        ["rfc3030-bdat-0-last.pcap"] = "tshark makes no message of an empty chunk; the server took it for one (250).",
        ["rfc3030-bdat-example1.pcap"] =
            "tshark makes no message of content that comes in one BDAT LAST; the server took it for one (250).",
        ["rfc3030-bdat-multipart.pcap"] = "As rfc3030-bdat-example1.pcap.",
        ["rfc3030-bdat-multipart-chunked.pcap"] = "As rfc3030-bdat-example1.pcap: the last chunk has content of its own.",
        ["smtp-bdat-cmd-chunk-size-overflow.pcap"] =
            "tshark does not see the BDAT with an impossible size as a command, nor the QUIT behind it; the server answered 521.",
        ["smtp-bdat-cmd-chunk-size-overflow2.pcap"] = "As smtp-bdat-cmd-chunk-size-overflow.pcap.",
        ["smtp-bdat-cmd-negative-chunk-size.pcap"] = "As smtp-bdat-cmd-chunk-size-overflow.pcap.",
        ["smtp-bdat-cmd-invalid.pcapng"] =
            "tshark waits for a chunk behind a BDAT that the server refused (521), and takes the QUIT for it in two of the three sessions.",
        ["smtp-bdat-gap.pcap"] = "tshark takes what follows the gap for the rest of the chunk; the gap is longer than that, and behind it "
            + "come DATA (354) and QUIT (221).",
        ["smtp-bdat-pipeline-8bitmime.pcap"] =
            "tshark takes MAIL, RCPT and BDAT that come in one segment with the chunk for data; the server answered each.",
        ["smtp-mail-transactions-invalid.pcap"] =
            "tshark takes what follows a DATA that was refused (503) for content; the server answered each line as a command (500).",
    };

    public static TheoryData<string> Captures => [.. ZeekCaptureTests.Captures.Select(c => c.Data.Item1)];

    [Theory]
    [MemberData(nameof(Captures))]
    [Trait("Needs", "shared/traces")]
    public void Where_tshark_is_right_we_say_the_same(string name)
    {
        var path = SharedCaptures.Zeek(name);
        var theirs = Tshark.Run(path, "-Y", "smtp", "-T", "fields", "-e", "tcp.stream", "-e", "smtp.req.command")
            .Select(l => l.Split('\t')).GroupBy(f => f[0])
            .Select(g => string.Join(' ', g.SelectMany(f => f[1].Split(',', StringSplitOptions.RemoveEmptyEntries))
                .Select(v => v.ToUpperInvariant()))).ToList();
        int messages = Tshark.Run(path, "-Y", "imf", "-T", "fields", "-e", "frame.number").Count;
        var inspection = Inspection.Of(path);
        // tshark knows verbs of four letters.
        var ours = inspection.Sessions.Select(s => string.Join(' ', s.Commands.Select(c => c.Length > 4 ? c[..4] : c))).ToList();
        int ourMessages = inspection.Sessions.Sum(s => s.Messages.Count);
        if (Differences.ContainsKey(name))
        {
            Assert.NotEqual((string.Join(';', theirs), messages), (string.Join(';', ours), ourMessages));
            return;
        }

        Assert.Equal(theirs, ours);
        Assert.Equal(messages, ourMessages);
    }
}
