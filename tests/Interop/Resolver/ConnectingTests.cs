using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Interop.Resolver;

/// <summary>Addresses at which nobody answers, and the time that the client has.</summary>
public sealed class ConnectingTests : IDisposable
{
    private readonly Socket _full = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _waiting = [];

    public ConnectingTests()
    {
        // Its queue is full, so that a further connection hangs.
        _full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _full.Listen(0);
        for (int i = 0; i < 4; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            _waiting.Add(socket);
            try
            {
                socket.Connect(_full.LocalEndPoint!);
            }
            catch (SocketException)
            {
                // Under way.
            }
        }
    }

    public void Dispose()
    {
        _waiting.ForEach(s => s.Dispose());
        _full.Dispose();
    }

    [Theory]
    [InlineData(1, 30)]
    [InlineData(6, 30)]
    [InlineData(20, 9)]
    [InlineData(50, 3.6)]
    public async Task However_many_are_dead_all_are_tried_within_the_bound(int dead, double seconds) // [BP-10.4-19], [BP-10.4-20]
    {
        var time = new RushingTime(_ => true);
        var (report, tried) = await RunAsync(time, [.. Enumerable.Repeat(Dead, dead)]);
        Assert.True(report.Deferred);
        Assert.Equal(Enumerable.Repeat(false, dead), tried);
        Assert.Equal(TimeSpan.FromSeconds(seconds), time.Timers.First());
        Assert.InRange(time.Timers.Aggregate(TimeSpan.Zero, (a, b) => a + b), TimeSpan.Zero,
            Limits.ReachTimeout + TimeSpan.FromMilliseconds(1));
    }

    [Fact]
    public async Task The_last_one_gets_the_mail_though_all_before_it_are_dead() // [BP-10.4-20]
    {
        await using var sink = new MailSink();
        int timers = 0;
        var time = new RushingTime(_ => Interlocked.Increment(ref timers) <= 19);
        var (_, tried) = await RunAsync(time, [.. Enumerable.Repeat(Dead, 19), new MailTarget("good.test", IPAddress.Loopback, sink.Port)]);
        Assert.Equal([.. Enumerable.Repeat(false, 19), true], tried);
        Assert.Single(sink.Sessions);
    }

    private MailTarget Dead => new("dead.test", IPAddress.Loopback, ((IPEndPoint)_full.LocalEndPoint!).Port);

    private static async Task<(SessionReport Report, List<bool> Tried)> RunAsync(TimeProvider time, IReadOnlyList<MailTarget> targets)
    {
        var tried = new List<bool>();
        var report = await MailerHost.RunAsync(
            new MailerOptions(new RsaKeys(TimeProvider.System)), new SystemRandom(), targets, new MemoryStream("QUIT\r\n"u8.ToArray()),
                new MemoryStream(),
            TestContext.Current.CancellationToken, time, reached: (_, isReached) => tried.Add(isReached));
        return (report, tried);
    }
}
