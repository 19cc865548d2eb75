using System.Net;
using System.Net.Sockets;
using BlackPony.Conformance;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>Whether something comes within a target's own time-out, by the clock that the suite turns.</summary>
public sealed class TimeLimitTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public async Task What_comes_when_its_time_is_over_is_in_time(int seconds)
    {
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(60));
        var time = new VirtualTime();
        var began = time.Now;
        var end = Task.Delay(TimeSpan.FromSeconds(seconds), time, Cancel);
        await TimeLimit.WithinAsync(Context(timeout), "IdleTimeout", Limit, time, end, "No.");
        Assert.Equal(TimeSpan.FromSeconds(seconds), time.Now - began);
    }

    [Fact]
    public async Task One_timer_after_another_counts_from_when_it_was_set()
    {
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(60));
        var time = new VirtualTime();
        await TimeLimit.WithinAsync(Context(timeout), "IdleTimeout", Limit, time, TwiceAsync(), "No.");

        async Task TwiceAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(3), time, Cancel);
            await Task.Delay(TimeSpan.FromSeconds(4), time, Cancel);
        }
    }

    [Theory]
    [InlineData(6)]
    [InlineData(-1)]
    public async Task What_comes_later_or_never_is_a_silence(int seconds)
    {
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(0.4));
        var time = new VirtualTime();
        using var cancel = new CancellationTokenSource();
        var late = Task.Delay(seconds < 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds), time, cancel.Token);
        var failure = await Assert.ThrowsAsync<CaseFailedException>(
            () => TimeLimit.WithinAsync(Context(timeout), "IdleTimeout", Limit, time, late, "It stays open."));
        Assert.Equal(("It stays open. (IdleTimeout is 5 s here.)", true, null), (failure.Message, failure.IsSilence, failure.Requirement));
        await cancel.CancelAsync();
    }

    [Fact]
    public async Task What_fails_in_its_time_fails_as_it_does()
    {
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(60));
        var failure = new CaseFailedException("Of its own.", "BP-1");
        Assert.Same(failure, await Assert.ThrowsAsync<CaseFailedException>(() => TimeLimit.WithinAsync(Context(timeout), "IdleTimeout",
            Limit, new VirtualTime(), Task.FromException(failure), "No.")));
    }

    [Theory]
    [InlineData(true, "NOOP\r\n", "NOOP")]
    [InlineData(false, "NOOP\r\n", "NOOP\r")]
    [InlineData(false, "NOOP a comment\r\n", "NOOP a")] // The limit and half of it again.
    public async Task Octets_that_come_one_by_one_do_not_prolong_it_and_the_last_is_not_sent(bool ends, string sent, string comes)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, ((IPEndPoint)listener.LocalEndpoint).Port, Cancel);
        using var timeout = new CaseTimeout(TimeSpan.FromSeconds(ends ? 60 : 2));
        var context = Context(timeout);
        await using var wire = new ProbeConnection(await listener.AcceptSocketAsync(Cancel), Role.Client, context.Transcript, timeout);
        var time = new VirtualTime { Transit = TimeSpan.FromSeconds(30) };
        var heard = new List<byte>();
        var reading = ReadAsync();
        using var cancel = new CancellationTokenSource();
        var within = TimeLimit.WithinDrippingAsync(context, "IdleTimeout", Limit, time,
            Task.Delay(ends ? Limit : 4 * Limit, time, cancel.Token), "It waits on.", wire.SendAsync,
            System.Text.Encoding.ASCII.GetBytes(sent));
        if (ends)
        {
            await within;
        }
        else
        {
            Assert.True((await Assert.ThrowsAsync<CaseFailedException>(() => within)).IsSilence);
        }

        wire.EndDirection();
        await reading;
        await cancel.CancelAsync();
        Assert.Equal(comes, System.Text.Encoding.ASCII.GetString([.. heard]));

        async Task ReadAsync()
        {
            var octet = new byte[1];
            while (await client.GetStream().ReadAsync(octet, Cancel) > 0)
            {
                heard.Add(octet[0]);
                time.GetTimestamp();
            }
        }
    }

    private static CaseContext Context(CaseTimeout timeout) => new(new Transcript(), new SeededRandom("tests", "time"), timeout);
}
