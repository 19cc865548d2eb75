using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>What <c>mailer</c> does on its sockets and streams, in this process.</summary>
public sealed class MailerHostTests : IDisposable
{
    private static readonly string[] Message =
        ["EHLO queue.test", "MAIL FROM:<>", "RCPT TO:<b@sink.test>", "DATA", "Subject: s\r\n\r\nhello\r\n.", "QUIT"];

    private readonly string _folder = Directory.CreateTempSubdirectory("blackpony-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_next_address_is_tried_where_one_is_dead_or_does_not_greet() // [BP-10.4-2]
    {
        await using var server = new EmbeddedServer();
        await using var busy = new MailSink { Greeting = "421 4.3.2 Busy" };
        var reached = new List<string>();
        await using var mailer = new Mailer([Target(FreePorts.Next(), "dead.test"), Target(busy.Port, "busy.test"),
            Target(server.Port, "good.test"), Target(server.Port, "unused.test")], reached: (t, r) => reached.Add($"{t.Name} {r}"));
        await mailer.SendAsync(Message);
        var report = await mailer.ReportAsync();
        Assert.Equal(["dead.test False", "busy.test True", "good.test True"], reached);
        Assert.Equal((true, $"good.test:{server.Port}", "close"), (report.Encrypted, report.Peer, report.Closed));
        Assert.Single(server.Sink.Messages);
    }

    [Fact]
    public async Task After_a_broken_upgrade_the_same_server_is_connected_to_again() // [BP-9.2-5]
    {
        await using var breaking = new MailSink
        {
            Extensions = ["XBLACKPONY V1 X25519-CHACHA20POLY1305"],
            Answer = (_, line) => line.StartsWith("XBLACKPONY", StringComparison.Ordinal) ? "\0" : null,
        };
        await using var other = new MailSink();
        var reached = new List<string>();
        await using var mailer = new Mailer([Target(breaking.Port, "first.test"), Target(other.Port, "second.test")],
            reached: (t, r) => reached.Add($"{t.Name} {r}"));
        await mailer.SendAsync(Message);
        var report = await mailer.ReportAsync();
        Assert.Equal(["first.test True", "first.test True"], reached);
        Assert.Equal((false, true, $"first.test:{breaking.Port}"), (report.Encrypted, report.Downgrade, report.Peer));
        Assert.Single(breaking.Messages);
        Assert.Empty(other.Sessions);
        // The connection that broke was ended.
        await breaking.Sessions.First().Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Without_an_address_that_answers_the_greeting_is_421() // [BP-10.4-3]
    {
        await using var mailer = new Mailer([Target(FreePorts.Next())]);
        await mailer.ExpectAsync("421");
        Assert.True((await mailer.ReportAsync()).Deferred);
        await using var none = new Mailer([]);
        await none.ExpectAsync("421");
        Assert.True((await none.ReportAsync()).Deferred);
    }

    [Fact]
    public async Task The_memory_is_written_before_any_mail_flows_and_once() // [BP-9.4-2]
    {
        await using var server = new EmbeddedServer();
        var memory = new ServerMemory(TimeProvider.System);
        var seen = new List<int>();
        await using var mailer = new Mailer([Target(server.Port)], o => o with { Policy = ClientPolicy.Remembered, Memory = memory },
            remember: () =>
            {
                seen.Add(server.Sink.Messages.Count + server.Sink.Sessions.Count(s => s.Commands.Any(c => c.StartsWith("MAIL",
                    StringComparison.Ordinal))));
                return Task.CompletedTask;
            });
        await mailer.SendAsync(Message);
        Assert.True((await mailer.ReportAsync()).Encrypted);
        Assert.Equal([0], seen);
        Assert.Empty(memory.Changes);
        Assert.Equal(1, memory.Count);
    }

    [Fact]
    public async Task A_server_that_falls_silent_ends_the_delivery_in_its_time() // spec 13: IdleTimeout
    {
        await using var silent = new RawServer("220 silent.test\r\n");
        await using var mailer = new Mailer([Target(silent.Port)]);
        await mailer.ExpectAsync("220");
        var reply = mailer.SayAsync("EHLO a.test", "421");
        await AdvanceUntilAsync(mailer.Clock, reply);
        await reply;
        Assert.True((await mailer.ReportAsync()).Deferred);
    }

    [Fact]
    public async Task A_server_that_takes_nothing_more_is_cut_off_and_the_message_is_not_delivered()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        await using var mailer = new Mailer([Target(((IPEndPoint)listener.LocalEndPoint!).Port)], o => o with { Suites = [] });
        using var server = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        using var wire = new NetworkStream(server);
        using var person = new StreamReader(wire, Encoding.Latin1);
        await SayAsync("220 s.test");
        await mailer.ExpectAsync("220");
        await TalkAsync("EHLO queue.test", "250-s.test\r\n250 SIZE");
        await TalkAsync("MAIL FROM:<>", "250 ok");
        await TalkAsync("RCPT TO:<b@sink.test>", "250 ok");
        await TalkAsync("DATA", "354 go");

        // More than the kernel keeps; from here on the server reads nothing.
        var end = mailer.EndAsync();
        var writing = mailer.WriteAsync(string.Concat(Enumerable.Repeat(new string('x', 998) + "\r\n", 20_000)) + ".\r\n");
        await mailer.Clock.TimerAsync(Limits.IdleTimeout);
        await AdvanceUntilAsync(mailer.Clock, end);
        await end;
        await mailer.Input.CompleteAsync();
        await mailer.ReportAsync();
        await writing;
        Assert.False(await IsWholeAsync());

        async Task TalkAsync(string command, string reply)
        {
            var answer = mailer.SayAsync(command, reply[..3]);
            await person.ReadLineAsync(TestContext.Current.CancellationToken);
            await SayAsync(reply);
            await answer;
        }

        async Task<bool> IsWholeAsync()
        {
            try
            {
                return (await person.ReadToEndAsync(TestContext.Current.CancellationToken)).EndsWith("\r\n.\r\n", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        }

        async Task SayAsync(string line) =>
            await wire.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_mail_server_that_takes_no_reply_is_an_error_and_the_next_server_is_left()
    {
        await using var sink = new MailSink();
        var broken = MailerHost.RunAsync(Options(), new SystemRandom(), [Target(sink.Port)],
            new MemoryStream("EHLO a.test\r\n"u8.ToArray()), new BrokenStream(), TestContext.Current.CancellationToken);
        Assert.Equal("The mail server accepts no more replies.", (await Assert.ThrowsAsync<IOException>(() => broken)).Message);
        await Assert.Single(sink.Sessions).Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_mail_server_that_does_not_read_is_given_up_in_its_time() // spec 13: IdleTimeout
    {
        await using var sink = new MailSink();
        var clock = new WatchedClock();
        var never = new TaskCompletionSource();
        var stuck = MailerHost.RunAsync(Options(), new SystemRandom(), [Target(sink.Port)], new MemoryStream(), new StuckStream(never.Task),
            TestContext.Current.CancellationToken, clock);
        await clock.TimerAsync(Limits.IdleTimeout);
        await AdvanceUntilAsync(clock, stuck);
        await Assert.ThrowsAsync<IOException>(() => stuck);
    }

    [Fact]
    public async Task A_delivery_that_is_cancelled_ends()
    {
        await using var sink = new MailSink();
        using var cancel = new CancellationTokenSource();
        await using var mailer = new Mailer([Target(sink.Port)], cancel: cancel.Token);
        await mailer.ExpectAsync("220");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(mailer.ReportAsync);
    }

    [Fact]
    public async Task A_next_server_that_goes_away_within_the_message_leaves_it_undelivered()
    {
        await using var sink = new MailSink();
        sink.Answer = (_, line) => line == "." ? "\0" : null;
        await using var mailer = new Mailer([Target(sink.Port)], o => o with { Suites = [] });
        await mailer.ExpectAsync("220");
        foreach (var line in Message[..4])
        {
            await mailer.SayAsync(line, line == "DATA" ? "354" : "250");
        }

        sink.Answer = (_, _) => "\0";
        await mailer.SayAsync("hello\r\n.\r\nNOOP", "");
    }

    private static MailTarget Target(int port, string name = "127.0.0.1") => new(name, IPAddress.Loopback, port);

    private static MailerOptions Options() => new(TestRsaKeys.Client) { Suites = SuiteRegistry.Default };

    // The time goes on until it has come to an end: how many time-outs there are does not matter.
    private static async Task AdvanceUntilAsync(WatchedClock clock, Task end)
    {
        using var guard = new CancellationTokenSource(Wait.HangGuard);
        while (!end.IsCompleted)
        {
            guard.Token.ThrowIfCancellationRequested();
            clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await Task.WhenAny(end);
    }

    private sealed class Mailer : IAsyncDisposable
    {
        private readonly Pipe _output = new(new PipeOptions(pauseWriterThreshold: 0));
        private readonly Pipe _input = new(new PipeOptions(pauseWriterThreshold: 0));
        private readonly Task<SessionReport> _run;
        private readonly StreamReader _replies;

        public Mailer(IReadOnlyList<MailTarget> targets, Func<MailerOptions, MailerOptions>? options = null, Func<Task>? remember = null,
            Action<MailTarget, bool>? reached = null, CancellationToken cancel = default)
        {
            _replies = new StreamReader(_output.Reader.AsStream(), Encoding.Latin1);
            _run = RunAsync();

            async Task<SessionReport> RunAsync()
            {
                try
                {
                    return await MailerHost.RunAsync(options?.Invoke(Options()) ?? Options(), new SystemRandom(), targets,
                        _input.Reader.AsStream(), _output.Writer.AsStream(), cancel, Clock, remember, reached);
                }
                finally
                {
                    await _output.Writer.CompleteAsync();
                }
            }
        }

        public WatchedClock Clock { get; } = new();

        public PipeWriter Input => _input.Writer;

        public Task<SessionReport> ReportAsync() => _run.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);

        public async Task ExpectAsync(string code)
        {
            string? line;
            do
            {
                line = await _replies.ReadLineAsync(TestContext.Current.CancellationToken);
            }
            while (line is { Length: > 3 } && line[3] == '-');
            Assert.StartsWith(code, line ?? "", StringComparison.Ordinal);
        }

        public async Task EndAsync()
        {
            while (await _replies.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                Assert.StartsWith("4", line, StringComparison.Ordinal);
            }
        }

        public async Task WriteAsync(string text) =>
            await _input.Writer.WriteAsync(Encoding.Latin1.GetBytes(text), TestContext.Current.CancellationToken);

        public async Task SayAsync(string line, string code)
        {
            await WriteAsync(line + "\r\n");
            await ExpectAsync(code);
        }

        public async Task SendAsync(string[] lines)
        {
            await ExpectAsync("220");
            foreach (var line in lines)
            {
                await SayAsync(line, line switch { "DATA" => "354", "QUIT" => "221", _ => "250" });
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _input.Writer.CompleteAsync();
            await Task.WhenAny(_run);
            _replies.Dispose();
        }
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(new IOException("gone"));
    }

    private sealed class StuckStream(Task never) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => new(never);
    }
}
