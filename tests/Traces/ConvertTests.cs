using System.Text.RegularExpressions;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Captures to transcripts and back, as they are and anonymised.</summary>
public sealed partial class ConvertTests
{
    // Behind STARTTLS we see TLS; this one has lines there.
    private const string NeverTls = "relay-starttls";

    public static TheoryData<string> Transcripts => [.. BlackPonyTests.Transcripts.Select(t => t.Data).Where(t => t != NeverTls)];

    public static TheoryData<string> Captures => TsharkComparisonTests.Captures;

    [Theory]
    [MemberData(nameof(Transcripts))]
    public void A_transcript_is_written_as_it_was_read(string name)
    {
        var path = Path.Combine(Repository.Transcripts, name + ".txt");
        Assert.Equal(Items(File.ReadAllText(path)), Items(Transcript(path, new InspectOptions(), anonymise: false)));
    }

    [Theory]
    [MemberData(nameof(Captures))]
    [Trait("Needs", "shared/traces")]
    public void A_capture_says_the_same_as_a_transcript_and_as_a_capture_again(string name)
    {
        using var folder = new Folder();
        var path = Repository.Zeek(name);
        var before = Inspection.Of(path);
        var transcript = folder.Write("transcript.txt", System.Text.Encoding.UTF8.GetBytes(Transcript(path, new InspectOptions(), anonymise: false)));
        var pcap = new MemoryStream();
        new Converter(new InspectOptions(), anonymise: false).ToPcap(path, pcap, out _);
        var again = Inspection.Of(pcap.ToArray());
        Assert.Equal(before.Sessions.Select(s => (s.Client, s.Server)), again.Sessions.Select(s => (s.Client, s.Server)));
        // What a gap took away is in neither.
        if (before.Sessions.All(s => s.Gaps == 0))
        {
            Assert.Equal(before.Sessions.Select(Summary), again.Sessions.Select(Summary));
            Assert.Equal(before.Sessions.Select(Summary), Inspection.Of(transcript).Sessions.Select(Summary));
        }
    }

    [Fact]
    public void With_the_key_log_a_transcript_says_what_records_hold()
    {
        using var folder = new Folder();
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var text = Transcript(folder.Write("secured.pcap", secured.Pcap()), new InspectOptions { Keys = secured.Keys }, anonymise: false);
        Assert.Contains(@"C} data RCPT TO:<bob@b.test>\r\n", text, StringComparison.Ordinal);
        var session = Inspection.Of(folder.Write("transcript.txt", System.Text.Encoding.UTF8.GetBytes(text))).Only;
        Assert.Equal("alice@a.test", Assert.Single(session.Messages).From);
        // And as a capture its records still open with the key log.
        var pcap = new MemoryStream();
        new Converter(new InspectOptions(), anonymise: false).ToPcap(folder.Write("again.txt", System.Text.Encoding.UTF8.GetBytes(text)), pcap, out _);
        Assert.Single(Inspection.Of(pcap.ToArray(), new InspectOptions { Keys = secured.Keys }).Only.Messages);
    }

    [Theory]
    [MemberData(nameof(Captures))]
    [Trait("Needs", "shared/traces")]
    public void Anonymised_it_has_the_same_shape_and_other_names(string name)
    {
        using var folder = new Folder();
        var path = Repository.Zeek(name);
        var before = Inspection.Of(path);
        var plain = Items(Transcript(path, new InspectOptions(), anonymise: false));
        var text = Transcript(path, new InspectOptions(), anonymise: true);
        var other = Items(text);
        Assert.Equal(plain.Select(l => Unescaped(l).Length), other.Select(l => Unescaped(l).Length));
        var after = Inspection.Of(folder.Write("anonymous.txt", System.Text.Encoding.UTF8.GetBytes(text)));
        if (before.Sessions.All(s => s.Gaps == 0))
        {
            Assert.Equal(before.Sessions.Select(s => (Verbs(s), s.Replies.Count, s.Messages.Count)), after.Sessions.Select(s => (Verbs(s), s.Replies.Count, s.Messages.Count)));
            Assert.Equal(before.Sessions.SelectMany(s => s.Messages).Select(m => (m.From?.Length, m.To.Count, m.Octets)), after.Sessions.SelectMany(s => s.Messages).Select(m => (m.From?.Length, m.To.Count, m.Octets)));
        }

        // No name of any length is left.
        foreach (var word in before.Sessions.SelectMany(s => s.Messages).SelectMany(m => m.To.Append(m.From ?? "")).SelectMany(a => a.Split('@', '.')).Where(w => w.Length > 6).Distinct())
        {
            Assert.DoesNotContain(word, text, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void Anonymised_records_and_contents_go_together()
    {
        using var folder = new Folder();
        foreach (var suite in new[] { "X25519-CHACHA20POLY1305", "ROT" })
        {
            var secured = new Secured(suite);
            var text = Transcript(folder.Write("secured.pcap", secured.Pcap()), new InspectOptions { Keys = secured.Keys }, anonymise: true);
            var session = Inspection.Of(folder.Write("anonymous.txt", System.Text.Encoding.UTF8.GetBytes(text))).Only;
            Assert.Equal("EHLO XBLACKPONY EHLO MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
            var message = Assert.Single(session.Messages);
            Assert.Equal((28L, "alice@a.test".Length), (message.Octets, message.From!.Length));
            Assert.NotEqual("alice@a.test", message.From);
        }
    }

    [Fact]
    public void The_command_writes_what_it_says()
    {
        using var folder = new Folder();
        var target = Path.Combine(folder.Path, "out.pcap");
        Assert.Equal(0, Tool.Run(["convert", Path.Combine(Repository.Transcripts, "pipelining.txt"), "--to", "pcap", "-o", target]).Code);
        Assert.Equal("X25519-CHACHA20POLY1305", Inspection.Of(target).Only.Suite);
        var (code, output, _) = Tool.Run(["convert", target, "--to", "transcript"]);
        Assert.Equal(0, code);
        Assert.StartsWith("# BlackPony transcript 1\n", output, StringComparison.Ordinal);
        Assert.Equal(3, Tool.Run(["convert", Path.Combine(Repository.Root, "README.md"), "--to", "pcap"]).Code);
        Assert.Equal(2, Tool.Run(["convert", target]).Code);
    }

    private static string Transcript(string path, InspectOptions options, bool anonymise)
    {
        var output = new StringWriter();
        new Converter(options, anonymise).ToTranscript(path, output, out _);
        return output.ToString();
    }

    private static string Verbs(SessionReport session) => string.Join(' ', session.Commands.Where(c => Known().IsMatch(c)));

    private static string Summary(SessionReport session) =>
        string.Join(' ', session.Commands) + string.Join(' ', session.Replies) + string.Join(' ', session.Messages.Select(m => $"{m.From} {string.Join(',', m.To)} {m.Octets} {m.Reply}"));

    private static List<string> Items(string transcript) => [.. transcript.Split('\n').Where(l => Item().IsMatch(l))];

    private static string Unescaped(string line) => Escaped().Replace(line, "x");

    [GeneratedRegex("^[CS][:>}+!]")]
    private static partial Regex Item();

    [GeneratedRegex(@"\\x[0-9A-F]{2}|\\[rn]")]
    private static partial Regex Escaped();

    [GeneratedRegex("^(EHLO|HELO|MAIL|RCPT|DATA|BDAT|QUIT|RSET|AUTH|STARTTLS)$")]
    private static partial Regex Known();
}
