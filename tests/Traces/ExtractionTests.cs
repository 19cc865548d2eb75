using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Messages out of captures, sessions that are searched for, and sums.</summary>
public sealed class ExtractionTests
{
    private static readonly (char, string)[] Stuffed =
    [
        .. Frames.Lines[..9], ('C', "Subject: =?utf-8?Q?dots?=\r\n and more\r\nMessage-ID: <1@a.test>\r\n\r\n..one\r\n...\r\nt"),
            ('C', "wo\r\n"), ('C', "."), ('C', ".three\r\n.\r"), ('C', "\nQUIT\r\n"),
        ('S', "250 2.0.0 Ok: queued as 4Z7QxyWW\r\n221 Bye\r\n"),
    ];

    [Fact]
    public void A_message_comes_out_as_it_was_before_DATA_changed_it()
    {
        using var folder = new Folder();
        var (code, output, errors) = Tool.Run(
            ["inspect", folder.Write("stuffed.pcap", Inspection.Connection(Stuffed)), "--extract", Path.Combine(folder.Path, "mail"),
            "--format", "jsonl"]);
        Assert.Equal((0, ""), (code, errors));
        var file = Path.Combine(folder.Path, "mail", "00001-1.eml");
        Assert.Equal("Subject: =?utf-8?Q?dots?=\r\n and more\r\nMessage-ID: <1@a.test>\r\n\r\n.one\r\n..\r\ntwo\r\n.three\r\n",
            File.ReadAllText(file));
        var message = System.Text.Json.JsonDocument.Parse(output).RootElement.GetProperty("messages")[0];
        Assert.Equal(("=?utf-8?Q?dots?= and more", "1@a.test", "4Z7QxyWW", file),
            (message.GetProperty("subject").GetString(), message.GetProperty("message_id").GetString(),
            message.GetProperty("queue_id").GetString(), message.GetProperty("file").GetString()));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        }
    }

    [Fact]
    public void Every_message_of_a_few_octets_comes_out_as_it_was_before_DATA_changed_it()
    {
        using var folder = new Folder();
        var mail = new BlackPony.Traces.Extraction.MessageFolder(folder.Path);
        var path = Path.Combine(folder.Path, "message");
        foreach (var text in Texts(4).Where(t => ("\r\n" + t + "\r\n.").IndexOf("\r\n.\r\n", StringComparison.Ordinal) < 0))
        {
            foreach (int piece in (int[])[1, 2, 3, 99])
            {
                using (var file = new BlackPony.Traces.Extraction.MessageFile(mail, path))
                {
                    foreach (var octets in System.Text.Encoding.ASCII.GetBytes(text + "\r\n.\r\n").Chunk(piece))
                    {
                        file.Write(octets);
                    }
                }

                Assert.Equal(("\r\n" + text).Replace("\r\n.", "\r\n", StringComparison.Ordinal)[2..] + "\r\n", File.ReadAllText(path));
            }
        }

        static IEnumerable<string> Texts(int length) => length == 0 ? [""]
            : Texts(length - 1).SelectMany(t => t.Length < length - 1 ? [t] : (string[])[t, t + ".", t + "\r", t + "\n", t + "a"]);
    }

    [Fact]
    public void Chunks_are_joined_and_what_was_refused_or_is_not_whole_is_marked()
    {
        using var folder = new Folder();
        (char, string)[] chunks = [.. Frames.Lines[..7], ('C', "BDAT 7\r\n.\r\none\n"), ('S', "250 Ok\r\n"), ('C', "BDAT 5 LAST\r\n.two."),
            ('S', "554 No\r\n"), .. Frames.Lines[^2..]];
        var mail = Path.Combine(folder.Path, "mail");
        Assert.Equal(0, Tool.Run(["inspect", folder.Write("chunks.pcap", Inspection.Connection(chunks)), "--extract", mail]).Code);
        Assert.Equal(".\r\none\n.two.", File.ReadAllText(Path.Combine(mail, "00001-1-refused.eml")));
        Assert.Equal(0, Tool.Run(["inspect", folder.Write("cut.pcap", Inspection.Connection(Frames.Lines[..10])), "--extract", mail]).Code);
        Assert.Equal("Subject: hello\r\n\r\nOne\r\n", File.ReadAllText(Path.Combine(mail, "unfinished-00001.eml")));
        int at = Frames.Lines[..9].Where(l => l.Who == 'C').Sum(l => l.Text.Length) + 18;
        Assert.Equal(0, Tool.Run(["inspect", folder.Write("gap.pcap", Gaps.Connection(Frames.Lines, 'C', at, 3)), "--extract", mail]).Code);
        Assert.Equal("Subject: hello\r\n\r\n\r\n[3 octets are not in the capture]\r\n\r\nTwo\r\n",
            File.ReadAllText(Path.Combine(mail, "00001-1-gap.eml")));
    }

    [Theory]
    [InlineData("", "1 2 3")]
    [InlineData("--session 2", "2")]
    [InlineData("--address nobody", "2")]
    [InlineData("--host mail.a.test", "1 2")]
    [InlineData("--host 10.0.0.9", "3")]
    [InlineData("--reply 55", "2")]
    [InlineData("--refused", "2")]
    [InlineData("--upgrade starttls", "3")]
    [InlineData("--upgrade none --address alice", "1 2")]
    [InlineData("--after 2023-11-14T22:13:21Z", "3")]
    [InlineData("--before 2023-11-14T22:13:21Z", "1 2")]
    [InlineData("--address nowhere", "")]
    public void Sessions_are_found(string options, string numbers)
    {
        using var folder = new Folder();
        var refused = ((char, string)[])Frames.Lines.Clone();
        (refused[5], refused[6]) = (('C', "RCPT TO:<nobody@b.test>\r\n"), ('S', "550 5.1.1 No such user\r\n"));
        (refused[8], refused[9], refused[10], refused[11]) =
            (('S', "554 No\r\n"), ('C', "RSET\r\n"), ('S', "250 Ok\r\n"), ('C', "NOOP\r\n"));
        (char, string)[] tls = [Frames.Lines[0], ('C', "EHLO other.test\r\n"), Frames.Lines[2], ('C', "STARTTLS\r\n"), ('S', "220 Go\r\n")];
        var file = new MemoryStream();
        using (var writer = new BlackPony.Traces.Capture.PcapWriter(file, BlackPony.Traces.Capture.LinkType.Ethernet))
        {
            int n = 0;
            foreach (var lines in ((char, string)[][])[Frames.Lines, refused, tls])
            {
                var client = System.Net.IPEndPoint.Parse(n == 2 ? "10.0.0.9:40000" : $"10.0.0.1:4000{n}");
                var tcp = new BlackPony.Traces.Network.TcpWriter(
                    writer, client, Inspection.Server, n) { Time = 1_700_000_000_000_000_000 + (n == 2 ? 5_000_000_000 : n * 1_000_000) };
                n++;
                tcp.Open();
                lines.ToList().ForEach(l => tcp.Send(
                    l.Item1 == 'C' ? BlackPony.Reference.Role.Client : BlackPony.Reference.Role.Server,
                    System.Text.Encoding.ASCII.GetBytes(l.Item2)));
                tcp.End(BlackPony.Reference.Role.Client);
                tcp.End(BlackPony.Reference.Role.Server);
            }
        }

        var path = folder.Write("three.pcap", file.ToArray());
        var (code, output, errors) = Tool.Run(
            ["inspect", path, "--format", "jsonl", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);
        Assert.Equal((0, ""), (code, errors));
        Assert.Equal(numbers, string.Join(
            ' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => System.Text.Json.JsonDocument.Parse(l).RootElement.GetProperty("session").GetInt32())));
        if (options.Length == 0)
        {
            (code, output, _) = Tool.Run(["inspect", path, "--summary"]);
            Assert.Equal(0, code);
            Assert.StartsWith("3 sessions, 33% of them encrypted; 1 messages, 1 refusals\n", output, StringComparison.Ordinal);
            Assert.Contains("       1  550 5.1.1 No such user", output, StringComparison.Ordinal);
            Assert.Contains("slowest replies", output, StringComparison.Ordinal);
            (code, output, _) = Tool.Run(["inspect", path, "--summary", "--json"]);
            Assert.Equal(0, code);
            using var sum = System.Text.Json.JsonDocument.Parse(output);
            Assert.Equal((3, 1, 1), (sum.RootElement.GetProperty("sessions").GetInt32(), sum.RootElement.GetProperty("refusals").GetInt32(),
                sum.RootElement.GetProperty("reasons")[0].GetProperty("count").GetInt32()));
            Assert.Equal(2, Tool.Run(["inspect", path, "--summary", "--format", "html"]).Code);

            // The number that is printed is the number that is played.
            (code, output, _) = Tool.Run(["replay", path, "--session", "9", "--to", "127.0.0.1:1"]);
            Assert.Equal(3, code);
        }
    }

    [Fact]
    public void A_mistyped_option_is_no_file()
    {
        using var folder = new Folder();
        var path = folder.Write("a.pcap", Inspection.Connection(Frames.Lines));
        foreach (string[] arguments in (
            string[][])[["inspect", "--jsno", path], ["convert", "--to", "pcap", "--anonymise"], ["replay", "--two", "127.0.0.1:1", path],
            ["inspect", path, "-x"]])
        {
            var (code, output, errors) = Tool.Run(arguments);
            Assert.Equal((2, ""), (code, output));
            Assert.StartsWith("blackpony-replay: ", errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_page_shows_a_hundred_sessions_and_finds_the_others()
    {
        var html = new StringWriter();
        var report = new BlackPony.Traces.Reports.HtmlReport(html);
        var session = Inspection.Of(Inspection.Connection(Frames.Lines)).Only;
        for (int i = 0; i < 250; i++)
        {
            report.Session(session);
        }

        report.Finish([], new BlackPony.Traces.Totals());
        Assert.Equal(3, html.ToString().Split("<template class=\"page\">").Length - 1);
        Assert.Equal(3, html.ToString().Split("</template>").Length - 1);
        Assert.Contains("id=\"find\" type=\"search\"", html.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_grows_is_followed_until_it_is_enough()
    {
        using var folder = new Folder();
        var whole = Inspection.Connection(Frames.Lines);
        var path = folder.Write("growing.pcap", whole[..300]);
        using var stop = new CancellationTokenSource();
        var seen = new TaskCompletionSource<ObservedSession>();
        var inspector = new BlackPony.Traces.Inspector(new InspectOptions(), seen.SetResult) { Follow = true, Stop = stop.Token };
        var reading = Task.Run(() => inspector.Inspect(path), TestContext.Current.CancellationToken);
        await using (var more = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
        {
            await more.WriteAsync(whole.AsMemory(300), TestContext.Current.CancellationToken);
        }

        Assert.Single((await seen.Task.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken)).Messages);
        await stop.CancelAsync();
        Assert.Null((await reading).Unreadable);
    }

    [Fact]
    public void Messages_of_several_captures_do_not_overwrite_one_another()
    {
        using var folder = new Folder();
        var out1 = Path.Combine(folder.Path, "mail");
        string[] files = [.. Enumerable.Range(1, 3).Select(i => folder.Write($"{i}.pcap", Inspection.Connection(
            [.. Frames.Lines[..9], ('C', $"Subject: {i}\r\n\r\nOne\r\n.\r\n"), .. Frames.Lines[11..]])))];
        var (code, output, _) = Tool.Run(["inspect", "--json", "--extract", out1, .. files]);
        Assert.Equal(0, code);
        var written = Directory.GetFiles(out1).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(["00001-1.eml", "00001-1_2.eml", "00001-1_3.eml"], written.Select(f => Path.GetFileName(f)));
        Assert.Equal(["Subject: 1", "Subject: 2", "Subject: 3"], written.Select(f => File.ReadLines(f).First()));
        Assert.All(written, f => Assert.Contains(f, output, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("STARTTLS")]
    [InlineData("XBLACKPONY V1 ROT 13")]
    public void Chunks_that_an_upgrade_follows_are_unfinished_and_leave_nothing_else(string command)
    {
        using var folder = new Folder();
        var mail = Path.Combine(folder.Path, "mail");
        var capture = folder.Write("capture.pcap", Inspection.Connection(
            [.. Frames.Lines[..7], ('C', "BDAT 5\r\nabc\r\n"), ('S', "250 Ok\r\n"), ('C', command + "\r\n"), ('S', "220 Go ahead\r\n"),
            ('C', "\x16\x03\x01\x02")]));
        Assert.InRange(Tool.Run(["inspect", "--extract", mail, capture]).Code, 0, 1);
        var file = Assert.Single(Directory.GetFiles(mail));
        Assert.Equal("unfinished-00001.eml", Path.GetFileName(file));
        Assert.Equal("abc\r\n", File.ReadAllText(file));
    }

    [Fact]
    public void Chunks_that_another_message_follows_are_unfinished_and_leave_nothing_else()
    {
        using var folder = new Folder();
        var mail = Path.Combine(folder.Path, "mail");
        var capture = folder.Write("capture.pcap", Inspection.Connection(
            [.. Frames.Lines[..7], ('C', "BDAT 5\r\nabc\r\n"), ('S', "250 Ok\r\n"), .. Frames.Lines[7..]]));
        Assert.Equal(0, Tool.Run(["inspect", "--extract", mail, capture]).Code);
        Assert.Equal(["00001-1.eml", "unfinished-00001.eml"],
            Directory.GetFiles(mail).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
        Assert.Equal("abc\r\n", File.ReadAllText(Path.Combine(mail, "unfinished-00001.eml")));
        Assert.Equal("Subject: hello\r\n\r\nOne\r\nTwo\r\n", File.ReadAllText(Path.Combine(mail, "00001-1.eml")));
    }
}
