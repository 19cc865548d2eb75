using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>What the suite plays beside the implementation under test: its mail server, the queue before a mailer, its clock.</summary>
public sealed class TargetTests
{
    private static readonly TimeSpan Once = Timeout.InfiniteTimeSpan;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_suites_mail_server_takes_mail_by_DATA_and_in_chunks_and_keeps_it()
    {
        await using var sink = new MailSink();
        using var client = await ConnectAsync(sink.Port);
        Assert.Equal("220 sink.test ESMTP", await SayAsync(client, null));
        Assert.Equal("501 5.5.4 A name is missing", await SayAsync(client, "EHLO"));
        Assert.Equal("501 5.5.4 A name is missing", await SayAsync(client, "HELO "));
        Assert.Equal("503 5.5.1 EHLO or HELO first", await SayAsync(client, "MAIL FROM:<>"));
        Assert.Equal("250-sink.test|250-PIPELINING|250-8BITMIME|250-CHUNKING|250 SIZE 20000000", await SayAsync(client, "EHLO a"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "MAIL FROM:<>"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "RCPT TO:<b@sink.test>"));
        Assert.Equal("354 Go ahead", await SayAsync(client, "DATA"));
        Assert.Equal("250 2.0.0 Kept", await SayAsync(client, "One\r\n..two\r\n.three\r\n."));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "mail from:<>"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "BDAT 5\r\none"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "bdat 5 last\r\ntwo"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "BDAT 5\r\nxxx"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "RSET"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "BDAT 0 LAST"));
        Assert.Equal("250 2.0.0 Ok", await SayAsync(client, "NOOP"));
        Assert.Equal("500 5.5.1 Unknown", await SayAsync(client, "XBLACKPONY V1 ROT 13"));
        Assert.Equal("550 5.7.0 Not for you", await SayAsync(client, "XCLIENT ADDR=192.0.2.1"));
        Assert.Equal("221 2.0.0 Bye", await SayAsync(client, "QUIT"));
        Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1], Cancel));
        Assert.Equal(["One\r\n.two\r\nthree\r\n", "one\r\ntwo\r\n", ""], sink.Messages);
        var session = Assert.Single(sink.Sessions);
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, ((IPEndPoint)client.Client.LocalEndPoint!).Port), session.Peer);
        await session.Ended.WaitAsync(Cancel);
        Assert.Equal(["EHLO", "HELO ", "MAIL FROM:<>", "EHLO a"], session.Commands.Take(4));
        Assert.Contains("RCPT TO:<b@sink.test>\r\nDATA\r\nOne\r\n..two\r\n", session.Received.ToString(), StringComparison.Ordinal);
        sink.Reset();
        Assert.Empty(sink.Sessions);
        Assert.Empty(sink.Messages);
    }

    [Theory]
    [InlineData("<b@sink.test>", true)]
    [InlineData("<b@SINK.TEST> NOTIFY=NEVER", true)]
    [InlineData("<b@elsewhere.example>", false)]
    [InlineData("<b@c.test@d.test>", false)]
    [InlineData("<b%c.example@sink.test>", false)]
    [InlineData("<c.example!b@sink.test>", false)]
    [InlineData("<@c.example:b@sink.test>", false)]
    [InlineData("<\"b@c.example\"@sink.test>", false)]
    [InlineData("<b>", false)]
    public async Task It_is_no_open_relay_unless_a_case_says_so(string recipient, bool own)
    {
        await using var sink = new MailSink();
        using var client = await ConnectAsync(sink.Port);
        await SayAsync(client, null);
        Assert.StartsWith(own ? "250" : "550 5.7.1", await SayAsync(client, $"RCPT TO:{recipient}"), StringComparison.Ordinal);
        sink.Relays = true;
        Assert.StartsWith("250", await SayAsync(client, $"RCPT TO:{recipient}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_case_gives_it_other_answers_a_silence_and_an_end()
    {
        await using var sink = new MailSink { Greeting = "554 Not now", Extensions = [] };
        sink.Answer = (session, line) => line switch
        {
            "NOOP" => "251 Of my own\r\n", "DATA" => "554 No\r\n", "VRFY" => "", "HELP" => "421 Bye\r\n\0", _ => null,
        };
        using var client = await ConnectAsync(sink.Port);
        Assert.Equal("554 Not now", await SayAsync(client, null));
        Assert.Equal("250 sink.test", await SayAsync(client, "EHLO a"));
        Assert.Equal("251 Of my own", await SayAsync(client, "NOOP"));
        Assert.Equal("554 No", await SayAsync(client, "DATA"));
        Assert.Equal("251 Of my own", await SayAsync(client, "VRFY\r\nNOOP"));
        Assert.Equal("421 Bye", await SayAsync(client, "HELP"));
        Assert.Equal(0, await client.GetStream().ReadAsync(new byte[1], Cancel));
        sink.Reset();
        using var next = await ConnectAsync(sink.Port);
        Assert.Equal("220 sink.test ESMTP", await SayAsync(next, null));
        Assert.StartsWith("250-sink.test|250-PIPELINING", await SayAsync(next, "EHLO a"), StringComparison.Ordinal);
        sink.Greeting = "";
        using var none = await ConnectAsync(sink.Port);
        Assert.Equal(0, await none.GetStream().ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task What_does_not_come_whole_is_no_message()
    {
        await using var sink = new MailSink();
        foreach (var part in (string[])["DATA\r\nhalf\r\n", "BDAT 10 LAST\r\nhalf"])
        {
            using var client = await ConnectAsync(sink.Port);
            await SayAsync(client, null);
            var stream = client.GetStream();
            await stream.WriteAsync(Encoding.Latin1.GetBytes(part), Cancel);
            client.Client.Shutdown(SocketShutdown.Send);
            await stream.CopyToAsync(Stream.Null, Cancel);
        }

        await Task.WhenAll(sink.Sessions.Select(s => s.Ended)).WaitAsync(Cancel);
        Assert.Equal(2, sink.Sessions.Count);
        Assert.Empty(sink.Messages);
    }

    [Theory]
    [InlineData("220 a|250 a|250 a|250 a|354 a|250 a|221 a", true,
        "EHLO client.test|MAIL FROM:<a@client.test>|RCPT TO:<b@sink.test>|DATA|x|..y|.|QUIT")]
    [InlineData("220 a|500 a|250 a|250 a|250 a|354 a|250 a|221 a", true,
        "EHLO client.test|HELO client.test|MAIL FROM:<a@client.test>|RCPT TO:<b@sink.test>|DATA|x|..y|.|QUIT")]
    [InlineData("220 a|599 a|250 a|550 a|221 a", false, "EHLO client.test|HELO client.test|MAIL FROM:<a@client.test>|QUIT")]
    [InlineData("220 a|600 a|221 a", false, "EHLO client.test|QUIT")]
    [InlineData("220 a|450 a|221 a", false, "EHLO client.test|QUIT")]
    [InlineData("220 a|250 a|250 a|450 a|221 a", false, "EHLO client.test|MAIL FROM:<a@client.test>|RCPT TO:<b@sink.test>|QUIT")]
    [InlineData("220 a|250 a|250 a|250 a|554 a|221 a", false, "EHLO client.test|MAIL FROM:<a@client.test>|RCPT TO:<b@sink.test>|DATA|QUIT")]
    [InlineData("220 a|250 a|250 a|250 a|354 a|451 a|221 a", false,
        "EHLO client.test|MAIL FROM:<a@client.test>|RCPT TO:<b@sink.test>|DATA|x|..y|.|QUIT")]
    [InlineData("421 a|221 a", false, "QUIT")]
    [InlineData("220-a|220|250-b|250 c|250|250|354|250|221", true,
        "EHLO client.test|MAIL FROM:<a@client.test>|RCPT TO:<b@sink.test>|DATA|x|..y|.|QUIT")]
    [InlineData("2x0 a|221 a", false, "QUIT")]
    [InlineData("", false, "QUIT")]
    public async Task The_queue_before_a_mailer_delivers_and_says_what_became_of_it(string replies, bool delivered, string said)
    {
        var text = string.Concat(replies.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(r => r + "\r\n"));
        var to = new MemoryStream();
        var local = new LocalSide(to, new MemoryStream(Encoding.Latin1.GetBytes(text)), "x\r\n.y\r\n", Cancel);
        Assert.Equal(delivered, await local.DeliverAsync());
        Assert.Equal(said.Replace("|", "\r\n", StringComparison.Ordinal) + "\r\n", Encoding.Latin1.GetString(to.ToArray()));
        Assert.Equal(text, local.Replies);
    }

    [Fact]
    public async Task What_a_mailer_says_to_its_end_is_kept()
    {
        var local = new LocalSide(new MemoryStream(), new MemoryStream("220 a\r\nmore\r\nhalf"u8.ToArray()), "", Cancel);
        Assert.Equal(220, await local.ReplyAsync());
        await local.DrainAsync();
        Assert.Equal("220 a\r\nmore\r\nhalf", local.Replies);
        Assert.Equal(0, await local.ReplyAsync());
    }

    [Fact]
    public void The_clock_stands_until_it_is_advanced_and_timers_go_off_at_their_moments()
    {
        var time = new VirtualTime();
        var began = time.Now;
        var off = new List<string>();
        using var second = time.CreateTimer(s => off.Add($"{s} {(time.Now - began).TotalSeconds}"), "second", Seconds(2), Once);
        using var first = time.CreateTimer(s => off.Add($"{s} {(time.Now - began).TotalSeconds}"), "first", Seconds(1), Once);
        var gone = time.CreateTimer(_ => off.Add("gone"), null, Seconds(1), Once);
        gone.Dispose();
        using var atOnce = time.CreateTimer(s => off.Add($"{s}"), "at once", TimeSpan.Zero, Once);
        Assert.Equal(["at once"], off);
        time.Advance(Seconds(0.9));
        Assert.Equal(["at once"], off);
        time.Advance(Seconds(5));
        Assert.Equal(["at once", "first 1", "second 2"], off);
        Assert.Equal(Seconds(5.9), time.Now - began);
        Assert.Equal(Seconds(5.9), time.GetElapsedTime(began.Ticks));
        // One that comes again does so until it is changed.
        off.Clear();
        using var again = time.CreateTimer(_ => off.Add($"{(time.Now - began).TotalSeconds:0.0}"), null, Seconds(1), Seconds(2));
        time.Advance(Seconds(5));
        Assert.Equal(["6.9", "8.9", "10.9"], off);
        again.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        time.Advance(Seconds(10));
        Assert.Equal(3, off.Count);
        time.Advance(Seconds(-1));
        Assert.Equal(Seconds(20.9), time.Now - began);
    }

    [Fact]
    public async Task The_clock_goes_on_to_a_timer_that_is_due_within_a_limit_and_no_further()
    {
        var time = new VirtualTime();
        var began = time.Now;
        using var late = time.CreateTimer(_ => { }, null, Seconds(10), Once);
        var set = time.SetAsync(began, Seconds(5), Cancel);
        time.AdvanceToNext(began, Seconds(5));
        Assert.Equal((began, false), (time.Now, set.IsCompleted));
        using var soon = time.CreateTimer(_ => { }, null, Seconds(5), Once);
        await set;
        time.AdvanceToNext(began, Seconds(5));
        Assert.Equal(began + Seconds(5), time.Now);
        // A timer that is set later has the whole limit from then.
        time.AdvanceToNext(began, Seconds(5));
        Assert.Equal(began + Seconds(5), time.Now);
        using var later = time.CreateTimer(_ => { }, null, Seconds(4), Once);
        time.AdvanceToNext(began, Seconds(4));
        Assert.Equal(began + Seconds(9), time.Now);
        await time.SetAsync(began, Seconds(10), Cancel);
        using var cancel = new CancellationTokenSource();
        var never = time.SetAsync(began, Seconds(1), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => never);
    }

    [Fact]
    public async Task A_target_that_waits_is_known_by_its_reading_the_clock()
    {
        var time = new VirtualTime();
        var (before, asked) = (time.Asked, time.AskedAsync(time.Asked, Cancel));
        Assert.False(asked.IsCompleted);
        Assert.Equal(time.Now.Ticks, time.GetTimestamp());
        await asked;
        Assert.Equal(before + 1, time.Asked);
        Assert.False(time.AskedAsync(before + 1, Cancel).IsCompleted);
    }

    [Theory]
    [InlineData("while read -r l; do :; done; exit 0 # {port}", true, "exit code 0\n")]
    [InlineData("echo 'no \\ such' >&2; exit 3 # {port}", false, "no \\x5C such\nexit code 3\n")]
    public async Task A_command_delivers_if_it_ends_with_0_and_its_standard_error_is_kept(string command, bool delivered, string log)
    {
        var delivery = new Delivery(25);
        var outcome = await new PlainClientCommand(command, VirtualTime.Limits).DeliverAsync(delivery, Cancel);
        Assert.Equal((delivered, ""), (outcome.Delivered, outcome.Replies));
        Assert.Equal(log, $"{delivery.Log}");
    }

    [Fact]
    public async Task A_command_is_given_host_port_policy_memory_suites_and_the_message()
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(folder.Path, "seen");
        var delivery = new Delivery(2525) { Policy = ClientPolicy.Remembered, Memory = "/m", Suites = "ROT", Message = "\xe9\r\n.x\r\n" };
        var command = $"echo {{host}} {{port}} {{policy}} {{memory}} {{suites}} >{path}; cat >>{path}";
        Assert.True((await new PlainClientCommand(command, new Dictionary<string, TimeSpan>()).DeliverAsync(delivery, Cancel)).Delivered);
        Assert.Equal("127.0.0.1 2525 remembered /m ROT\n\xe9\r\n.x\r\n", await File.ReadAllTextAsync(path, Encoding.Latin1, Cancel));
        await new PlainClientCommand($"echo {{suites}} >{path}", VirtualTime.Limits).DeliverAsync(new Delivery(1), Cancel);
        Assert.Equal(string.Join(',', SuiteRegistry.Default.Select(x => x.Name)) + "\n", await File.ReadAllTextAsync(path, Cancel));
    }

    [Fact]
    public async Task A_mailers_command_is_spoken_to_in_SMTP()
    {
        const string Mailer = "printf '220 a\\r\\n'; while read -r l; do case \"$l\" in DATA*) printf '354 a\\r\\n'; "
            + "while read -r m; do case \"$m\" in .?) break;; esac; done; printf '250 a\\r\\n';; QUIT*) printf '221 a\\r\\n'; exit 1;; "
            + "*) printf '250 a\\r\\n';; esac; done";
        var outcome = await new MailerCommand(Mailer, VirtualTime.Limits).DeliverAsync(new Delivery(25), Cancel);
        Assert.Equal((true, "220 a\r\n250 a\r\n250 a\r\n250 a\r\n354 a\r\n250 a\r\n221 a\r\n"), (outcome.Delivered, outcome.Replies));
        outcome = await new MailerCommand("exit 0", VirtualTime.Limits).DeliverAsync(new Delivery(25), Cancel);
        Assert.Equal((false, ""), (outcome.Delivered, outcome.Replies));
    }

    [Theory]
    [InlineData("sh {host} {port}", true)]
    [InlineData("A=1 _b2=x sh {port}", true)]
    [InlineData("no-such-program-here {port}", false)]
    [InlineData("A=1 no-such-program-here", false)]
    [InlineData("no-such-program-here; true", true)]
    [InlineData("$PROGRAM {port}", true)]
    [InlineData("'no such' {port}", true)]
    [InlineData("", false)]
    public void A_command_that_the_shell_does_not_find_is_known_before_the_run(string command, bool isThere) =>
        Assert.Equal(isThere, new PlainClientCommand(command, VirtualTime.Limits).IsThere);

    // What a case needs; the option that tells of it, and with it the case is run.
    public static TheoryData<Needs, string, MailFacts> Facts => new()
    {
        { Needs.Local, "give --local.", new() { Local = ["b@b.test"] } },
        { Needs.TwoLocal, "give --local twice.", new() { Local = ["b@b.test", "c@b.test"] } },
        { Needs.Foreign, "give --foreign.", new() { Foreign = "d@elsewhere.test" } },
        { Needs.Credentials, "give --auth.", new() { Credentials = ("b", "secret") } },
        { Needs.TlsRequired, "say so with --requires-tls.", new() { RequiresTls = true } },
        { Needs.Public, "say so with --public.", new() { IsPublic = true } },
        { Needs.WantsCertificate, "say so with --wants-certificate.", new() { WantsCertificate = true } },
        { Needs.NoCertificate, "give --without-certificate.", new() { WithoutCertificate = new DnsEndPoint("localhost", 25) } },
    };

    [Theory]
    [MemberData(nameof(Facts))]
    public void A_case_that_needs_to_know_something_of_the_server_names_the_option_that_tells_it(
        Needs needs, string option, MailFacts facts)
    {
        facts.Check(needs);
        new MailFacts().Check(Needs.Nothing);
        foreach (var (other, _, less) in Facts.Select(f => f.Data).Where(d => d.Item1 != needs))
        {
            bool tells = (needs, other) is (Needs.Local, Needs.TwoLocal);
            if (tells)
            {
                less.Check(needs);
            }
            else
            {
                Assert.EndsWith(option, Assert.Throws<NotApplicableException>(() => less.Check(needs)).Message, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void What_a_command_has_a_place_for_it_can_be_asked_for()
    {
        var none = new Dictionary<string, TimeSpan>();
        Assert.Equal(Needs.Nothing, new PlainClientCommand("x {host} {port}", none).Can);
        Assert.Equal(Needs.Policy | Needs.Suites, new PlainClientCommand("x {policy} {suites}", none).Can);
        Assert.Equal(Needs.Memory | Needs.Timeouts, new PlainClientCommand("x {memory}", VirtualTime.Limits).Can);
        Assert.Equal(Needs.Mailer, new MailerCommand("x", none).Can);
        Assert.Equal("x {memory}", new PlainClientCommand("x {memory}", none).Name);
    }

    [Fact]
    public async Task A_server_elsewhere_has_what_its_user_gives()
    {
        await using var bare = new RemoteServer("127.0.0.1", 25, 0, VirtualTime.Limits);
        Assert.Equal(("127.0.0.1:25", true), (bare.Name, bare.SharesBackend));
        await using (var place = await bare.TakeAsync(Needs.Nothing, Cancel))
        {
            Assert.Equal(("127.0.0.1", 25, null, null), (place.Host, place.Port, place.Backend, place.Mailbox));
            Assert.Equal(VirtualTime.Limits, place.Timeouts);
        }

        foreach (var (need, option) in ((Needs, string)[])[(Needs.Backend, "--backend"), (Needs.Mailbox, "--mailbox")])
        {
            var none = await Assert.ThrowsAsync<NotApplicableException>(() => bare.TakeAsync(need, Cancel));
            Assert.Contains(option, none.Message, StringComparison.Ordinal);
        }

        await using var full = new RemoteServer("127.0.0.1", 25, FreePorts.Next(), VirtualTime.Limits, "printf 'one\\351'; cat");
        await using (var place = await full.TakeAsync(Needs.Backend | Needs.Mailbox, Cancel))
        {
            Assert.Equal("one\xe9", await place.Mailbox!(Cancel));
            place.Backend!.Greeting = "421 No";
        }

        // Given back, it is as before.
        await using (var place = await full.TakeAsync(Needs.Backend, Cancel))
        {
            Assert.Equal("220 sink.test ESMTP", place.Backend!.Greeting);
        }

        await using var wrong = new RemoteServer("127.0.0.1", 25, 0, VirtualTime.Limits, "no-such-program-here");
        var mailbox = (await wrong.TakeAsync(Needs.Mailbox, Cancel)).Mailbox!;
        Assert.Equal("the command of --mailbox was not found: no-such-program-here",
            (await Assert.ThrowsAsync<OwnTroubleException>(() => mailbox(Cancel))).Message);
        foreach (var (command, says) in ((string, string)[])[("false", "1: it says nothing"),
            ("cat /nonexistent", "1: cat: /nonexistent: No such"), ("echo mail", "")])
        {
            await using var failing = new RemoteServer("127.0.0.1", 25, 0, VirtualTime.Limits, command);
            var place = await failing.TakeAsync(Needs.Mailbox, Cancel);
            await place.Mailbox!(Cancel);
            Assert.StartsWith(says.Length == 0 ? "" : $". The command of --mailbox ends with exit code {says}", place.MailboxSays(),
                StringComparison.Ordinal);
            Assert.Equal(says.Length == 0, place.MailboxSays().Length == 0);
        }

        await using var nobody = new RemoteServer("127.0.0.1", FreePorts.Next(), 0, VirtualTime.Limits);
        await Assert.ThrowsAnyAsync<SocketException>(() => nobody.ReachAsync(Cancel));
        await using var sink = new MailSink();
        await using var somebody = new RemoteServer("127.0.0.1", sink.Port, 0, VirtualTime.Limits);
        await somebody.ReachAsync(Cancel);
    }

    [Fact]
    public async Task The_embedded_server_has_a_place_of_its_own_for_a_case_that_scripts_its_backend()
    {
        await using var server = new EmbeddedServer();
        Assert.Equal(("embedded reference", false), (server.Name, server.SharesBackend));
        await using var shared = await server.TakeAsync(Needs.Mailbox, Cancel);
        Assert.Equal((server.Port, server.Sink, null, false), (shared.Port, shared.Backend, shared.Time, shared.RotIsOff));
        server.Sink.Messages.Enqueue("one");
        server.Sink.Messages.Enqueue("two");
        Assert.Equal("onetwo", await shared.Mailbox!(Cancel));
        foreach (var need in (Needs[])[Needs.Backend, Needs.RotOff, Needs.Timeouts])
        {
            await using var own = await server.TakeAsync(need, Cancel);
            Assert.NotEqual(server.Port, own.Port);
            Assert.Equal("127.0.0.1", own.Host);
            Assert.Equal((need == Needs.RotOff, EmbeddedServer.FewSessions), (own.RotIsOff, own.MaxSessions));
            Assert.NotNull(own.Time);
            using var client = await ConnectAsync(own.Port);
            await SayAsync(client, null);
            Assert.Equal(need != Needs.RotOff, (await SayAsync(client, "EHLO a")).Contains(" ROT", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("", ClientPolicy.Opportunistic, true)]
    [InlineData("X25519-CHACHA20POLY1305,RSA-BLOWFISH", ClientPolicy.Opportunistic, true)]
    [InlineData("", ClientPolicy.Required, false)]
    public async Task The_embedded_mailer_delivers_under_the_policy_and_says_what_it_was_told(
        string suites, ClientPolicy policy, bool delivered)
    {
        await using var sink = new MailSink();
        var delivery = new Delivery(sink.Port) { Suites = suites, Policy = policy };
        var outcome = await new EmbeddedMailer().DeliverAsync(delivery, Cancel);
        Assert.Equal(delivered, outcome.Delivered);
        Assert.Equal(delivered ? [ClientTarget.Message] : [], sink.Messages);
        Assert.StartsWith("220 ", outcome.Replies, StringComparison.Ordinal);
        Assert.EndsWith("\r\n", outcome.Replies, StringComparison.Ordinal);
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static async Task<TcpClient> ConnectAsync(int port)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port, Cancel);
        return client;
    }

    // A reply, its lines joined by |.
    private static async Task<string> SayAsync(TcpClient client, string? line)
    {
        if (line is not null)
        {
            await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), Cancel);
        }

        var reply = new StringBuilder();
        var octet = new byte[1];
        while (true)
        {
            Assert.Equal(1, await client.GetStream().ReadAsync(octet, Cancel));
            reply.Append((char)octet[0]);
            var lines = reply.ToString().Split("\r\n");
            if (lines is [.., { Length: >= 4 } last, ""] && last[3] == ' ')
            {
                return string.Join('|', lines[..^1]);
            }
        }
    }

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("blackpony-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
