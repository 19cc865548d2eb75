using System.Net;
using System.Text;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Reports;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>What conversion keeps beside the octets: times, the order of both sides, where pieces begin.</summary>
public sealed class ConvertExactTests
{
    private const string Hello = "\x16\x03\x01\0\x2f\x01\0\0\x2b\x03\x03" + "0123456789012345678901234567890123456789" + "\0";
    private const string ServerHello = "\x16\x03\x03\0\x2c\x02\0\0\x28\x03\x03" + "01234567890123456789012345678901" + "\0\xc0\x2f\0\0\0";

    [Fact]
    public void A_capture_of_a_capture_says_the_same_at_the_same_times()
    {
        using var folder = new Folder();
        foreach (var side in "CS")
        {
            for (int at = 0; at < 150; at += 11)
            {
                var path = folder.Write("gap.pcap", Gaps.Connection(Frames.Lines, side, at, 1 + (at % 9)));
                var again = new MemoryStream();
                new Converter(new InspectOptions()).ToPcap(path, again, out _);
                Assert.Equal(Said(File.ReadAllBytes(path)), Said(again.ToArray()));
            }
        }
    }

    [Fact]
    public void Many_long_sessions_at_one_time_are_each_written_whole_and_once()
    {
        const int Sessions = 450;
        using var folder = new Folder();
        var frames = new List<byte[]>();
        // Twenty kilobytes of each, then of each a little more: more than is kept in memory.
        var lines = string.Concat(Enumerable.Repeat("250-" + new string('x', 94) + "\r\n", 14));
        string[] parts = ["220 mx.b.test ESMTP\r\n", .. Enumerable.Repeat(lines, 15), "250 the end\r\n"];
        int sent = 0;
        foreach (var part in parts)
        {
            for (int i = 0; i < Sessions; i++)
            {
                frames.Add(Frames.Tcp(Inspection.Server, new IPEndPoint(Inspection.Client.Address, 30000 + i), 1 + (uint)sent, 1, part));
            }

            sent += part.Length;
        }

        var transcript = Transcript(folder.Write("many.pcap", Inspection.Pcap(frames))).Split('\n');
        Assert.Equal((Sessions, Sessions, Sessions * 15 * 14), (transcript.Count(l => l == "S: 220 mx.b.test ESMTP"),
            transcript.Count(l => l == "S: 250 the end"), transcript.Count(l => l.StartsWith("S: 250-x", StringComparison.Ordinal))));
    }

    public static TheoryData<(char, string)[]> Pieces => new()
    {
        { [('C', Hello), ('S', ServerHello), ('C', "\x17\x03\x03\0\x06QUIT\r\n")] },
        { [('C', Hello[..1]), ('C', Hello[1..]), ('S', ServerHello)] },
        { [('C', "PROXY TCP4 192.0.2.9 10.0.0.2 4000 25\r\n"), ('C', Hello), ('S', ServerHello)] },
        { [('S', "220 mx.b.test ESMTP\r\n"), ('C', Hello), ('S', ServerHello)] },
        { [('C', "PUT /x HTTP/1.1\r\n\r\n"), ('C', "EHLO a\r\n"), ('S', "HTTP/1.1 200 OK\r\n\r\n")] },
        { [('S', "220 mx.b.test ESMTP"), .. Frames.Lines[1..]] },
    };

    [Theory]
    [MemberData(nameof(Pieces))]
    public void A_transcript_has_the_order_of_the_wire_and_is_the_same_again((char, string)[] lines)
    {
        using var folder = new Folder();
        var path = folder.Write("capture.pcap", Inspection.Connection(lines));
        var transcript = Transcript(path);
        var order = new string(
            [.. transcript.Split('\n').Where(l => l.Length > 1 && l[0] is 'C' or 'S' && l[1] is ':' or '+').Select(l => l[0])]);
        Assert.StartsWith(new string([.. lines.Select(l => l.Item1)])[..2], order, StringComparison.Ordinal);
        var text = folder.Write("one.txt", Encoding.UTF8.GetBytes(transcript));
        var pcap = new MemoryStream();
        new Converter(new InspectOptions()).ToPcap(text, pcap, out _);
        Assert.Equal(Joined(transcript), Joined(Transcript(folder.Write("back.pcap", pcap.ToArray()))));
        var before = Inspection.Of(path).Only;
        var after = Inspection.Of(text).Only;
        Assert.Equal((before.Upgrade, before.Tls?.Version), (after.Upgrade, after.Tls?.Version));
        Assert.Equal(before.Findings.Select(f => f.Id), after.Findings.Select(f => f.Id));
    }

    // Where one piece of raw octets ends and the next begins has no meaning.
    private static string Joined(string transcript) =>
        transcript.Replace("\nC+ ", "\n+C ", StringComparison.Ordinal).Replace("\nS+ ", "\n+S ", StringComparison.Ordinal)
            .Split('\n').Aggregate((all, line) =>
            {
                int last = all.LastIndexOf('\n') + 1;
                return line.StartsWith('+') && all[last..].StartsWith(line[..3], StringComparison.Ordinal) ? all + line[3..]
                    : all + "\n" + line;
            });

    private static string Transcript(string path)
    {
        var output = new MemoryStream();
        new Converter(new InspectOptions()).ToTranscript(path, output, out _);
        return Encoding.UTF8.GetString(output.ToArray());
    }

    private static string Said(byte[] capture)
    {
        var output = new MemoryStream();
        using var json = new JsonReport(output, lines: true);
        new BlackPony.Traces.Inspector(new InspectOptions { Exchanges = true }, json.Session).Inspect(new MemoryStream(capture), "capture");
        return Encoding.UTF8.GetString(output.ToArray());
    }
}
