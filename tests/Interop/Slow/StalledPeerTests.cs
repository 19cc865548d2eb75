using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Tests.Interop.Slow;

/// <summary>Peers that stop reading: every write has a bound, and a reply that comes meanwhile is heard (spec 13: IdleTimeout).</summary>
public sealed class StalledPeerTests : IDisposable
{
    private static readonly byte[] Lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(new string('x', 70) + "\r\n", 4000)));

    private readonly Clock _clock = new();

    public void Dispose() => _clock.Dispose();

    [Fact]
    public async Task Mailer_gives_up_a_server_that_takes_nothing_more()
    {
        await using var server = new DeafServer();
        var (running, local, queue) = Mailer(server.Port);
        using var person = new SmtpUser(queue.Reader.AsStream(), local.Writer.AsStream(), new MemoryStream());
        await person.ExpectAsync("220");
        await person.BeginMessageAsync("r@deaf.test");
        var feeding = FeedAsync(local.Writer.AsStream());
        var passed = await PassAsync(running);
        Assert.InRange(passed, Limits.IdleTimeout, Limits.IdleTimeout * 2);
        await local.Reader.CompleteAsync();
        await feeding;
    }

    [Fact]
    public async Task Mailer_passes_on_a_reply_of_a_server_that_takes_nothing_more()
    {
        await using var server = new DeafServer { LastWords = "552 5.3.4 Too big\r\n" };
        var (running, local, queue) = Mailer(server.Port);
        using var person = new SmtpUser(queue.Reader.AsStream(), local.Writer.AsStream(), new MemoryStream());
        await person.ExpectAsync("220");
        await person.BeginMessageAsync("r@deaf.test");
        var feeding = FeedAsync(local.Writer.AsStream());
        await person.ExpectAsync("552");
        await PassAsync(running);
        await local.Reader.CompleteAsync();
        await feeding;
    }

    [Fact]
    public async Task Mailer_ends_when_nobody_reads_its_replies()
    {
        var reply = "250 " + new string('x', 500) + "\r\n";
        await using var sink = new MailSink { Answer = (_, line) => line.StartsWith("NOOP", StringComparison.Ordinal) ? reply : null };
        var (running, local, queue) = Mailer(sink.Port, new PipeOptions(pauseWriterThreshold: 4096, resumeWriterThreshold: 1));
        using var person = new SmtpUser(queue.Reader.AsStream(), local.Writer.AsStream(), new MemoryStream());
        await person.ExpectAsync("220");
        await person.SayAsync("EHLO a.test", "250");
        var commands = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("NOOP\r\n", 40)));
        await local.Writer.WriteAsync(commands, TestContext.Current.CancellationToken);
        await Assert.ThrowsAsync<IOException>(() => PassAsync(running));
    }

    [Fact]
    public async Task Relay_answers_for_a_server_that_takes_nothing_more() // [BP-10.5-15]
    {
        await using var server = new DeafServer();
        await using var relay = Relay(server.Port);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, relay.EndPoints[0].Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.BeginMessageAsync("r@deaf.test");
        var feeding = FeedAsync(client.GetStream());
        await PassAsync(server.Gone);
        await feeding;
        await person.SayAsync(".", "451 4.4.2");
        _clock.GoByItself();
    }

    [Fact]
    public async Task Relay_answers_with_the_reply_of_a_server_that_takes_nothing_more() // [BP-10.5-11]
    {
        await using var server = new DeafServer { LastWords = "552 5.3.4 Too big\r\n" };
        await using var relay = Relay(server.Port);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, relay.EndPoints[0].Port, TestContext.Current.CancellationToken);
        using var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        await person.BeginMessageAsync("r@deaf.test");
        await FeedAsync(client.GetStream());
        await person.SayAsync(".", "552 5.3.4");
        // The relay takes leave of the server, which never closes, in the clock's time.
        _clock.GoByItself();
    }

    private (Task Running, Pipe Local, Pipe Queue) Mailer(int port, PipeOptions? reading = null)
    {
        var (local, queue) = (new Pipe(), new Pipe(reading ?? PipeOptions.Default));
        var running = MailerHost.RunAsync(
            new MailerOptions(TestRsaKeys.Client), new SystemRandom(), [new MailTarget("127.0.0.1", IPAddress.Loopback, port)],
            local.Reader.AsStream(), queue.Writer.AsStream(), TestContext.Current.CancellationToken, _clock);
        return (running, local, queue);
    }

    private OutboundServer Relay(int next)
    {
        var relay = new OutboundServer(
            new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client))
            {
                Routes = new RouteTable(new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", next) }, next),
                Time = _clock,
            },
            NullLogger.Instance);
        relay.Start();
        return relay;
    }

    // Far more than what sockets and pipes hold on the way.
    private static async Task FeedAsync(Stream stream)
    {
        try
        {
            for (int i = 0; i < 60; i++)
            {
                await stream.WriteAsync(Lines, TestContext.Current.CancellationToken);
                await stream.FlushAsync(TestContext.Current.CancellationToken);
            }
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // Nobody takes it any more.
        }
    }

    // Lets the clock go until it has ended.
    private async Task<TimeSpan> PassAsync(Task ended)
    {
        var from = _clock.GetUtcNow();
        for (int i = 0; i < 1000 && !ended.IsCompleted; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(2));
            await Task.WhenAny(ended, Task.Delay(20, TestContext.Current.CancellationToken));
        }

        Assert.True(ended.IsCompleted, "It waits for ever.");
        await ended;
        return _clock.GetUtcNow() - from;
    }

    /// <summary>A server that reads nothing behind its 354: its window closes.</summary>
    private sealed class DeafServer : IAsyncDisposable
    {
        private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, 0) { ReceiveBufferSize = 4096 };
        private readonly CancellationTokenSource _end = new();
        private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Task _serving;

        public DeafServer()
        {
            _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listener.Listen();
            _serving = ServeAsync();
        }

        public string LastWords { get; init; } = "";

        public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

        /// <summary>Done when the client has given up.</summary>
        public Task Gone => _gone.Task;

        public async ValueTask DisposeAsync()
        {
            await _end.CancelAsync();
            await _serving;
            _listener.Dispose();
            _end.Dispose();
        }

        private async Task ServeAsync()
        {
            try
            {
                using var client = await _listener.AcceptAsync(_end.Token);
                await using var stream = new NetworkStream(client);
                using var reader = new StreamReader(stream);
                await SayAsync("220 deaf.test\r\n");
                while (await reader.ReadLineAsync(_end.Token) is { } line)
                {
                    await SayAsync(line == "DATA" ? "354 go\r\n" : "250 ok\r\n");
                    if (line == "DATA")
                    {
                        break;
                    }
                }

                await UntilAsync(() => client.Available > 2000);
                await SayAsync(LastWords);

                // A reset shows without reading, and so does an end behind nothing.
                await UntilAsync(() => client.Poll(0, SelectMode.SelectError) || Ends(client));

                static bool Ends(Socket client) => client.Poll(0, SelectMode.SelectRead) && client.Available == 0;

                _gone.TrySetResult();

                async Task UntilAsync(Func<bool> so)
                {
                    while (!so())
                    {
                        await Task.Delay(20, _end.Token);
                    }
                }

                async Task SayAsync(string text) => await stream.WriteAsync(Encoding.ASCII.GetBytes(text), _end.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or SocketException)
            {
                _gone.TrySetResult();
            }
        }
    }
}
