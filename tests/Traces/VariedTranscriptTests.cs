using System.Net;
using System.Text;
using BlackPony.Traces;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is said of transcripts of which one line is different: left out, twice, before the one before it, cut short at its beginning or
/// end, another character in it; or the transcript ends before it. <c>tests/Traces/Reports/varied.tsv</c> has the digests;
/// <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class VariedTranscriptTests
{
    // What captures have, and the transcripts of the specification do not.
    private const string Converted = """
        # BlackPony transcript 1

        # 192.0.2.9:4000 to 192.0.2.10:587
        # the beginning of the connection is not in the capture
        S: 250 Ok
        C: MAIL FROM:<alice@a.test>
        # 8 octets of the server are not in the capture
        C: RCPT TO:<bob@b.test>
        S: 250 Ok
        C: DATA
        S: 354 Go\x09on
        C: Subject: x
        # 30 octets of the client were cut off in the capture
        C: .
        S: 250 Ok
        C+ 515549540d0a
        S: 221 Bye
        S!
        # the connection was reset
        C!
        # a fresh connection
        S: 220 mx.b.test ESMTP
        C: QUIT
        S: 221 Bye
        C!
        S!
        S: 220 again

        """;

    public static TheoryData<string> Names =>
        ["converted", "ident", "padding", "rekey", "refusal-503-behind", "rot-by-hand", "truncation", "close-by-client", "relay-starttls"];

    [Theory]
    [MemberData(nameof(Names))]
    public void What_is_said_of_a_transcript_with_one_difference_stays_the_same(string name)
    {
        var whole = name == "converted" ? Converted : File.ReadAllText(Repository.At("spec", "transcripts", name + ".txt"));
        var all = whole.Split('\n');
        using var digest = new SessionDigest(new IPEndPoint(IPAddress.Loopback, 25));
        int number = 0;
        var digests = new List<string>();
        foreach (int kind in Enumerable.Range(0, 8))
        {
            for (int i = 1; i < all.Length; i++)
            {
                var line = all[i];
                string[] other = kind switch
                {
                    0 => [.. all[..i], .. all[(i + 1)..]],
                    1 => [.. all[..i], line, .. all[i..]],
                    2 => i == 1 ? all : [.. all[..(i - 1)], line, all[i - 1], .. all[(i + 1)..]],
                    3 => [.. all[..i], line[Math.Min(line.Length, 1)..], .. all[(i + 1)..]],
                    4 => [.. all[..i], line[..Math.Max(0, line.Length - 1)], .. all[(i + 1)..]],
                    5 => [.. all[..i], line[..Math.Min(line.Length, 1 + (i % 3))], .. all[(i + 1)..]],
                    6 => [.. all[..i], line.Length < 5 ? "C? x" : line[..4] + (char)(line[4] + 1) + line[5..], .. all[(i + 1)..]],
                    _ => all[..i],
                };
                Say(string.Join('\n', other), ++number % 6 == 0);
            }

            digests.Add(digest.End());
        }

        Digests.Compare("varied.tsv", name, digests);

        void Say(string text, bool anonymize)
        {
            var report = new FileReport(name);
            digest.Say(options =>
            {
                var sessions = new List<ObservedSession?>();
                report = new FileReport(name);
                new TranscriptReader(name, options, (file, openingSeen, contents) =>
                    new SessionOpening(file, openingSeen, options, sessions.Add) { Contents = contents })
                    .Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), report);
                return sessions;
            }, anonymize);
            digest.Say($"{report.Octets} {string.Join(' ', report.Findings.Select(f => $"{f.Id} {f.Text} {f.Offset}"))}");
        }
    }
}
