using System.Text.RegularExpressions;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
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
        var path = Repository.At("spec", "transcripts", name + ".txt");
        Assert.Equal(Items(File.ReadAllText(path)), Items(Transcript(path, new InspectOptions())));
    }

    [Theory]
    [MemberData(nameof(Captures))]
    [Trait("Needs", "shared/traces")]
    public void A_capture_says_the_same_as_a_transcript_and_as_a_capture_again(string name)
    {
        using var folder = new Folder();
        var path = SharedCaptures.Zeek(name);
        var before = Inspection.Of(path);
        var transcript = folder.Write("transcript.txt",
            System.Text.Encoding.UTF8.GetBytes(Transcript(path, new InspectOptions())));
        var pcap = new MemoryStream();
        new Converter(new InspectOptions()).ToPcap(path, pcap, out _);
        var again = Inspection.Of(pcap.ToArray());
        Assert.Equal(before.Sessions.Select(s => (s.Client, s.Server)), again.Sessions.Select(s => (s.Client, s.Server)));
        // What a gap took away is in neither.
        if (before.Sessions.All(s => s.Gaps == 0))
        {
            Assert.Equal(before.Sessions.Select(Summary), again.Sessions.Select(Summary));
            Assert.Equal(before.Sessions.Select(Summary), Inspection.Of(transcript).Sessions.Select(Summary));
        }
    }

    public static TheoryData<string> AllShared => SharedCaptures.Folder is { } folder
        ? [.. Directory.GetFiles(folder, "*.*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".md", StringComparison.Ordinal))
            .Select(f => Path.GetRelativePath(folder, f)).Order(StringComparer.Ordinal)]
        : ["none"];

    [Theory]
    [MemberData(nameof(AllShared))]
    [Trait("Needs", "shared/traces")]
    public void Every_octet_and_every_gap_comes_through_both_ways(string name)
    {
        using var folder = new Folder();
        var path = SharedCaptures.At(name);
        AssertRoundTrip(folder, path);
    }

    [Fact]
    public void Gaps_of_every_kind_come_through_both_ways()
    {
        using var folder = new Folder();
        foreach (var side in "CS")
        {
            for (int at = 0; at < 60; at += 7)
            {
                AssertRoundTrip(folder, folder.Write("gap.pcap", Gaps.Connection(Frames.Lines, side, at, 1 + at)));
            }
        }

        // Cut short, reset, from the middle, both directions in two files, and a number that begins again at nothing.
        AssertRoundTrip(folder, folder.Write("cut.pcap", Inspection.Pcap(Frames.Session().Select(f => f[..Math.Min(f.Length, 70)]))));
        AssertRoundTrip(folder, folder.Write(
            "reset.pcap", Inspection.Pcap([.. Frames.Session()[..9], Frames.Client(144, 539, "", Frames.Rst)])));
        AssertRoundTrip(folder, folder.Write("middle.pcap", Inspection.Pcap(Frames.Session()[7..])));
        AssertRoundTrip(folder, folder.Write("one.pcap", Inspection.Pcap(Frames.Session().Where(f => f[29] == 1))));
        AssertRoundTrip(folder, folder.Write("wrap.pcap", Inspection.Pcap(Frames.Session(uint.MaxValue - 40, uint.MaxValue - 30))));
        AssertRoundTrip(folder, folder.Write("records.pcap", new Secured("X25519-CHACHA20POLY1305").Pcap()));
    }

    // As a capture and as a transcript, and the transcript as a capture: each side's octets, lengths of gaps, addresses.
    private static void AssertRoundTrip(Folder folder, string path)
    {
        var before = Octets(path);
        var pcap = new MemoryStream();
        new Converter(new InspectOptions()).ToPcap(path, pcap, out int sessions);
        Assert.Equal(before.Count, sessions);
        if (sessions == 0)
        {
            return;
        }

        Assert.Equal(before, Octets(folder.Write("again.pcap", pcap.ToArray())));
        var transcript = folder.Write("again.txt",
            System.Text.Encoding.UTF8.GetBytes(Transcript(path, new InspectOptions())));
        Assert.Equal(before, Octets(transcript));
        var back = new MemoryStream();
        new Converter(new InspectOptions()).ToPcap(transcript, back, out _);
        Assert.Equal(before, Octets(folder.Write("back.pcap", back.ToArray())));
    }

    // Of each session, in an order that does not depend on the file: ends, and each side's octets with holes for what is missing.
    private static List<string> Octets(string path)
    {
        var taps = new List<(ObservedSession Session, Tap Tap)>();
        new BlackPony.Traces.Inspector(new InspectOptions { Tap = (s, _) => Add(s) }, _ => { }).Inspect(path);
        return [.. taps.Select(t => $"{t.Session.Client.Split(':')[0]} {t.Tap}").Order(StringComparer.Ordinal)];

        Tap Add(ObservedSession session)
        {
            var tap = new Tap();
            taps.Add((session, tap));
            return tap;
        }
    }

    private sealed class Tap : IWireTap
    {
        private readonly System.Text.StringBuilder[] _sides = [new(), new()];

        public void Octets(BlackPony.Reference.Role sender, ReadOnlySpan<byte> octets, long time) =>
            _sides[(int)sender].Append(System.Text.Encoding.Latin1.GetString(octets));

        public void Gap(BlackPony.Reference.Role sender, long length, bool cut, long time) =>
            _sides[(int)sender].Append('\u2026', (int)length);

        public void End(BlackPony.Reference.Role sender, bool reset, long time) => _sides[(int)sender].Append(reset ? '\u2717' : '\u2713');

        public void Finish()
        {
        }

        public override string ToString() => $"C {_sides[0]} S {_sides[1]}";
    }

    [Theory]
    [InlineData("127")]
    [InlineData("128")]
    [InlineData("255")]
    public void A_record_whose_type_has_no_name_is_written_with_its_number(string type)
    {
        using var folder = new Folder();
        var text = File.ReadAllText(Repository.At("spec", "transcripts", "padding.txt")).Replace("C} 200 ", $"C}} {type} ",
            StringComparison.Ordinal);
        var again = Transcript(folder.Write("padding.txt", System.Text.Encoding.UTF8.GetBytes(text)), new InspectOptions());
        Assert.Contains($"\nC}} {type} 657874656e73696f6e\n", again, StringComparison.Ordinal);
    }

    [Fact]
    public void With_the_key_log_a_transcript_says_what_records_hold()
    {
        using var folder = new Folder();
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var text = Transcript(folder.Write("secured.pcap", secured.Pcap()), new InspectOptions { Keys = secured.Keys });
        Assert.Contains(@"C} data RCPT TO:<bob@b.test>\r\n", text, StringComparison.Ordinal);
        var session = Inspection.Of(folder.Write("transcript.txt", System.Text.Encoding.UTF8.GetBytes(text))).Only;
        Assert.Equal("alice@a.test", Assert.Single(session.Messages).From);
        // And as a capture its records still open with the key log.
        var pcap = new MemoryStream();
        new Converter(new InspectOptions())
            .ToPcap(folder.Write("again.txt", System.Text.Encoding.UTF8.GetBytes(text)), pcap, out _);
        Assert.Single(Inspection.Of(pcap.ToArray(), new InspectOptions { Keys = secured.Keys }).Only.Messages);
    }

    [Theory]
    [MemberData(nameof(Captures))]
    [Trait("Needs", "shared/traces")]
    public void Anonymised_it_has_the_same_shape_and_other_names(string name)
    {
        using var folder = new Folder();
        var path = SharedCaptures.Zeek(name);
        var before = Inspection.Of(path);
        var plain = Items(Transcript(path, new InspectOptions()));
        var text = Transcript(path, new InspectOptions(), new SeededRandom("tests", "pseudonyms"));
        var other = Items(text);
        Assert.Equal(plain.Select(l => Unescaped(l).Length), other.Select(l => Unescaped(l).Length));
        var after = Inspection.Of(folder.Write("anonymous.txt", System.Text.Encoding.UTF8.GetBytes(text)));
        if (before.Sessions.All(s => s.Gaps == 0))
        {
            Assert.Equal(before.Sessions.Select(s => (Verbs(s), s.Replies.Count, s.Messages.Count)),
                after.Sessions.Select(s => (Verbs(s), s.Replies.Count, s.Messages.Count)));
            Assert.Equal(before.Sessions.SelectMany(s => s.Messages).Select(m => (m.From?.Length, m.To.Count, m.Octets)),
                after.Sessions.SelectMany(s => s.Messages).Select(m => (m.From?.Length, m.To.Count, m.Octets)));
        }

        // No name of any length is left.
        foreach (var word in before.Sessions.SelectMany(s => s.Messages).SelectMany(m => m.To.Append(m.From ?? ""))
            .SelectMany(a => a.Split('@', '.')).Where(w => w.Length > 6).Distinct())
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
            var text = Transcript(folder.Write("secured.pcap", secured.Pcap()), new InspectOptions { Keys = secured.Keys },
                new SeededRandom("tests", "pseudonyms"));
            var session = Inspection.Of(folder.Write("anonymous.txt", System.Text.Encoding.UTF8.GetBytes(text))).Only;
            Assert.Equal("EHLO XBLACKPONY EHLO MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
            var message = Assert.Single(session.Messages);
            Assert.Equal((28L, "alice@a.test".Length), (message.Octets, message.From!.Length));
            Assert.NotEqual("alice@a.test", message.From);
        }
    }

    [Fact]
    public void Anonymised_no_name_is_left_and_every_form_stays()
    {
        string[] message =
        [
            "Received: from mail.alexandra.example (mail.alexandra.example [203.0.113.77])",
                "\tby mx.bartholomew-house.example with ESMTP id 4Z7QxyWW",
                "\tfor <bartholomew@bartholomew-house.example>; Tue, 24 Nov 2026 08:00:00 +0000 (UTC)",
            "From: =?utf-8?Q?Alexandra_W=C3=B6nderland?= <alexandra@alexandra.example>",
                "Subject: =?UTF-8?B?U2VjcmV0IHByb2plY3QgTWVyY3VyeQ==?=", " =?iso-8859-1?Q?and_Mercury?= and Mercury",
            "Message-ID: <20261124.abcdef@mail.alexandra.example>", "Date: Tue, 24 Nov 2026 08:00:00 +0000",
                "Content-Type: multipart/mixed; boundary=\"=_Mercury\"", "X-Note: \u00cf\u00d4\u00c4\u00c5\u00cc \u00d0\u009c\u00d0\u00b5",
                "",
            "--=_Mercury", "Content-Type: text/plain; charset=utf-8; name=\"Mercury.txt\"", "Content-Transfer-Encoding: quoted-printable",
                "", "Hello Alexandra, W=C3=B6nder=", "land. =D0=9C", "..dotted Mercury", "--=_Mercury--",
        ];
        var lines = new List<(char, string)>(Frames.Lines);
        lines[3] =
            ('C', "MAIL FROM:<alexandra@alexandra.example> SIZE=1200 RET=HDRS ENVID=QQalexandra AUTH=<alexandra@alexandra.example>\r\n");
        lines[5] = ('C',
            "RCPT TO:<\"bartholomew> bartholomew\"@bartholomew-house.example> NOTIFY=SUCCESS,FAILURE "
                + "ORCPT=rfc822;bartholomew+3Dbartholomew@bartholomew-house.example\r\n");
        lines[9] = ('C', string.Concat(message.Select(l => l + "\r\n")));
        lines[10] = ('C', ".\r\n");
        lines.InsertRange(12, [('C', "VRFY alexandra\r\n"), ('S', "252 Mercury <alexandra@alexandra.example>\r\n"),
            ('C', "NOOP Mercury\r\n"), ('S', "250 Ok\r\n"), ('C', "XCLIENT NAME=mail.alexandra.example\r\n"),
            ('S', "220 mx.bartholomew-house.example\r\n"), ('C', "AUTH CRAM-MD5\r\n"), ('S', "334 PGFsZXhhbmRyYUBob3N0Pg==\r\n"),
            ('C', "YWxleGFuZHJhIGE=\r\n"), ('S', "535 No\r\n")]);
        using var folder = new Folder();
        var path = folder.Write("names.pcap", Inspection.Connection([.. lines]));
        var before = Items(Transcript(path, new InspectOptions()));
        var text = Transcript(path, new InspectOptions(), new SeededRandom("tests", "pseudonyms"));
        var after = Items(text);
        Assert.Equal(before.Select(l => Unescaped(l).Length), after.Select(l => Unescaped(l).Length));
        var words = EncodedWord().Matches(text)
            .Select(m => System.Text.Encoding.Latin1.GetString(Convert.FromBase64String(m.Groups[1].Value))).Single();
        foreach (var name in (string[])["alexandra", "bartholomew", "mercury", "secret", "nderland", "YWxleGFuZHJh", "FsZXhhbmRyYU",
            "\\xCF\\xD4", "\\xD0\\x9C", "=D0=9C", "203.0.113.77", "4Z7QxyWW"])
        {
            Assert.DoesNotContain(name, text + words, StringComparison.OrdinalIgnoreCase);
        }

        // The same word is the same, in whatever form it comes.
        var mercury = words.Split(' ')[^1];
        Assert.Equal(before.Sum(l => Count(l, "Mercury")), after.Sum(l => Count(l, mercury)));
        var address = Assert.Single(after, l => l.StartsWith("C: MAIL", StringComparison.Ordinal)).Split('<', '>')[1];
        Assert.Equal(before.Sum(l => Count(l, "alexandra@alexandra.example")), after.Sum(l => Count(l, address)));
        foreach (var form in (string[])["SIZE=1200 RET=HDRS ENVID=", "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;", "+3D", "C: Received: from ",
            " with ESMTP id ", "; Tue, 24 Nov 2026 08:00:00 +0000 (UTC)", "C: Date: Tue, 24 Nov 2026 08:00:00 +0000", "=?utf-8?Q?",
            "C: Content-Type: text/plain; charset=utf-8; name=", "C: Content-Transfer-Encoding: quoted-printable", "=C3=A9",
            "C: XCLIENT NAME="])
        {
            Assert.Contains(form, text, StringComparison.Ordinal);
        }

        static int Count(string line, string word) => line.Split(word).Length - 1;
    }

    // Where a name or a password may stand beside the proper places; what must stay after the line that names it.
    public static TheoryData<string, string, (char, string)[]> Hidden => new()
    {
        { "behind AUTH before it is asked for", "AUTH PLAIN",
            [('C', "AUTH PLAIN\r\nAGJvYnNsZWlnaABzZXNhbWVzZXNhbWU=\r\n"), ('S', "334 \r\n"), ('S', "535 5.7.8 No bobsleigh here\r\n")] },
        { "behind AUTH without a mechanism", "AUTH", [('C', "AUTH AGJvYnNsZWlnaABzZXNhbWVzZXNhbWU=\r\n"), ('S', "504 No bobsleigh\r\n")] },
        { "in a challenge", "AUTH LOGIN",
            [('C', "AUTH LOGIN\r\n"), ('S', "334-Ym9ic2xlaWdo\r\n334 Ym9ic2xlaWdo\r\n"), ('C', "Ym9ic2xlaWdo\r\n"),
            ('S', "535 bobsleigh\r\n")] },
        { "in a command that nobody knows", "550", [('C', "Bobsleigh: here\r\n"), ('S', "550 No Bobsleigh\r\n")] },
        { "in MAIL without a colon", "MAIL", [('C', "MAIL bobsleigh\r\n"), ('S', "501 Syntax\r\n")] },
        { "in a parameter without a value", "> SMTPUTF8 REQUIRETLS",
            [('C', "MAIL FROM:<a@a.test> SMTPUTF8 REQUIRETLS bobsleigh\r\n"), ('S', "555 Bad\r\n")] },
        { "in BDAT without a size", "BDAT", [('C', "BDAT bobsleigh\r\n"), ('S', "501 Syntax\r\n")] },
        { "in all lines of a refused EHLO", "is listed",
            [('C', "EHLO bobsleigh.test\r\n"), ('S', "550-Sorry\r\n550-bobsleigh.test is listed\r\n550 See www.bobsleigh.test\r\n")] },
        { "in a session's id", "Saved", [('C', "NOOP\r\n"), ('S', "250 2.0.0 <bob@b.test> x1y2z3/Bobsleigh+A Saved\r\n")] },
        { "in lines that end in LF", "QUIT\n",
            [('C', "EHLO bobsleigh\n"), ('S', "250 Ok\n"), ('C', "MAIL FROM:<bobsleigh@a.test>\n"), ('S', "250 Ok\n"), ('C', "QUIT\n"),
            ('S', "221 bobsleigh\n")] },
    };

    [Theory]
    [MemberData(nameof(Hidden))]
    public void Anonymised_nothing_is_left(string where, string stays, (char, string)[] lines) =>
        AssertNothingLeft(where, stays, [.. Frames.Lines[..3], .. lines, .. Frames.Lines[^2..]]);

    [Theory]
    [InlineData("MIME-Version: 1.0", "(Bobsleigh Mail)")]
    [InlineData("Content-Type: text/plain", " (Bobsleigh); charset=utf-8")]
    [InlineData("Content-Disposition: attachment; filename=", "an unquoted Bobsleigh.pdf")]
    [InlineData("Content-Type: application/pdf; name=", "\"two\r\n lines of Bobsleigh\"")]
    [InlineData("Content-Disposition: attachment; filename*=", "UTF-8''bobsleigh%20a")]
    [InlineData("Content-Transfer-Encoding: 7bit", " bobsleigh")]
    [InlineData("", "No header\r\nBobsleigh: and a body")]
    [InlineData("", "Bobsl\u00e9igh: \u00e9")]
    public void Anonymised_no_header_has_a_name(string stays, string hidden)
    {
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[9] = ('C', $"{stays}{hidden}\r\n\r\nOne\r\n");
        AssertNothingLeft(hidden, stays, lines);
    }

    [Fact]
    public void Anonymised_a_greeting_says_what_server_it_is_and_not_whose()
    {
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[0] = ('S', "220 mx.b.test ESMTP Postfix (Debian) at Bobsleigh Incorporated, Tue, 24 Nov 2026 07:05:00 +0000\r\n");
        AssertNothingLeft("a greeting", " ESMTP Postfix (Debian) at ", lines);
        lines[0] = ('S', "554 5.7.1 No service for Bobsleigh.test\r\n");
        AssertNothingLeft("a refusal", " No service for ", [lines[0], .. lines[^2..]]);
    }

    [Fact]
    public void Anonymised_a_server_has_the_same_name_wherever_it_says_it()
    {
        var lines = ((char, string)[])Frames.Lines.Clone();
        lines[0] = ('S', "220 mx.bobsleigh.test ESMTP mx.bobsleigh.test\r\n");
        using var folder = new Folder();
        var pcap = new MemoryStream();
        new Converter(new InspectOptions(), new SeededRandom("tests", "pseudonyms"))
            .ToPcap(folder.Write("capture.pcap", Inspection.Connection(lines)), pcap, out _);
        Assert.Matches(@"220 (\S+) ESMTP \1\r\n", System.Text.Encoding.Latin1.GetString(pcap.ToArray()));
    }

    [Fact]
    public void Anonymised_what_begins_or_ends_in_a_message_has_no_name()
    {
        var frames = Frames.Session();
        var middle = System.Text.Encoding.Latin1.GetString(Inspection.Pcap(frames[12..]))
            .Replace("Subject", "Bobslei", StringComparison.Ordinal);
        AssertNothingLeft("the middle", "QUIT", System.Text.Encoding.Latin1.GetBytes(middle));
        // ROT, and the last line without its end.
        AssertNothingLeft("ROT", "", new Secured("ROT", [.. Secured.Inside[..8], ('C', "Subject: bobsleigh\r\n\r\nbobsleigh")]).Pcap(),
            "bobsleigh", "oboldrvtu");
    }

    private static void AssertNothingLeft(string where, string stays, (char, string)[] lines) =>
        AssertNothingLeft(where, stays, Inspection.Connection(lines));

    private static void AssertNothingLeft(string where, string stays, byte[] capture, params string[] names)
    {
        using var folder = new Folder();
        var path = folder.Write("capture.pcap", capture);
        var pcap = new MemoryStream();
        new Converter(new InspectOptions(), new SeededRandom("tests", "pseudonyms")).ToPcap(path, pcap, out int sessions);
        Assert.Equal(1, sessions);
        var text = System.Text.Encoding.Latin1.GetString(pcap.ToArray());
        Assert.Contains(stays, text, StringComparison.Ordinal);
        foreach (var name in names.Length > 0 ? names : ["bobsl", "YnNsZWln", "Ym9ic2xlaWdo", "AGJvYn"])
        {
            Assert.False(text.Contains(name, StringComparison.OrdinalIgnoreCase), where);
        }

        Assert.Equal(Inspection.Of(capture).Sessions.Select(s => s.Replies), Inspection.Of(pcap.ToArray()).Sessions.Select(s => s.Replies));
    }

    [Fact]
    public void Sessions_on_one_port_pair_stay_apart()
    {
        using var folder = new Folder();
        var path = folder.Write("twice.pcap", Inspection.Pcap([.. Frames.Session(100, 500), .. Frames.Session(3_000_000_000, 2_000_000)]));
        var pcap = new MemoryStream();
        new Converter(new InspectOptions()).ToPcap(path, pcap, out int sessions);
        Assert.Equal(2, sessions);
        Assert.Equal([Frames.Verbs, Frames.Verbs], Inspection.Of(pcap.ToArray()).Sessions.Select(s => string.Join(' ', s.Commands)));
    }

    [Fact]
    public void A_PROXY_line_stays_one()
    {
        using var folder = new Folder();
        var path = folder.Write("proxy.pcap",
            Inspection.Connection([('C', "PROXY TCP4 203.0.113.77 10.0.0.2 4000 25\r\n"), .. Frames.Lines]));
        var text = Transcript(path, new InspectOptions(), new SeededRandom("tests", "pseudonyms"));
        Assert.DoesNotContain("203.0.113.77", text, StringComparison.Ordinal);
        Assert.Equal(Frames.Verbs, string.Join(
            ' ', Inspection.Of(folder.Write("proxy.txt", System.Text.Encoding.UTF8.GetBytes(text))).Only.Commands));
    }

    [Fact]
    public void The_command_writes_what_it_says()
    {
        using var folder = new Folder();
        var target = Path.Combine(folder.Path, "out.pcap");
        Assert.Equal(0, Tool.Run(["convert", Repository.At("spec", "transcripts", "pipelining.txt"), "--to", "pcap", "-o", target]).Code);
        Assert.Equal("X25519-CHACHA20POLY1305", Inspection.Of(target).Only.Suite);
        var (code, output, _) = Tool.Run(["convert", target, "--to", "transcript"]);
        Assert.Equal(0, code);
        Assert.StartsWith("# BlackPony transcript 1\n", output, StringComparison.Ordinal);
        Assert.Equal(3, Tool.Run(["convert", Repository.At("README.md"), "--to", "pcap"]).Code);
        Assert.Equal(2, Tool.Run(["convert", target]).Code);
    }

    private static string Transcript(string path, InspectOptions options, IRandomSource? pseudonyms = null)
    {
        var output = new MemoryStream();
        var converter = new Converter(options, pseudonyms);
        converter.ToTranscript(path, output, out _);
        Assert.Empty(converter.Leaks);
        return System.Text.Encoding.UTF8.GetString(output.ToArray());
    }

    private static string Verbs(ObservedSession session) => string.Join(' ', session.Commands.Where(c => Known().IsMatch(c)));

    private static string Summary(ObservedSession session) =>
        string.Join(' ', session.Commands) + string.Join(' ', session.Replies)
            + string.Join(' ', session.Messages.Select(m => $"{m.From} {string.Join(',', m.To)} {m.Octets} {m.Reply}"));

    private static List<string> Items(string transcript) => [.. transcript.Split('\n').Where(l => Item().IsMatch(l))];

    private static string Unescaped(string line) => Escaped().Replace(line, "x");

    [GeneratedRegex("^[CS][:>}+!]")]
    private static partial Regex Item();

    [GeneratedRegex(@"=\?UTF-8\?B\?([^?]*)\?=")]
    private static partial Regex EncodedWord();

    [GeneratedRegex(@"\\x[0-9A-F]{2}|\\[rn]")]
    private static partial Regex Escaped();

    [GeneratedRegex("^(EHLO|HELO|MAIL|RCPT|DATA|BDAT|QUIT|RSET|AUTH|STARTTLS)$")]
    private static partial Regex Known();
}
