using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>What hosts write to a peer that takes it slowly, late or not at all.</summary>
public sealed class HostSocketTests : IDisposable
{
    private readonly Socket _ours;
    private readonly Socket _theirs;
    private readonly byte[] _much = RandomNumberGenerator.GetBytes(16 << 20);

    public HostSocketTests()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        _ours = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _ours.Connect(listener.LocalEndPoint!);
        _theirs = listener.Accept();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _ours.Dispose();
        _theirs.Dispose();
    }

    [Fact]
    public async Task What_is_not_taken_at_once_waits_and_comes_whole()
    {
        using var writer = new SocketWriter(_ours);
        writer.Write("first "u8, Cancel);
        Assert.Null(writer.Pending);
        Assert.Equal(1, writer.Writes);
        writer.Write(_much, Cancel);
        var pending = writer.Pending!;
        Assert.NotNull(pending);
        Assert.Equal(2, writer.Writes);
        Assert.Equal("first "u8.ToArray(), await ReadAsync(6));
        Assert.Equal(_much, await ReadAsync(_much.Length));
        await pending.WaitAsync(Wait.HangGuard, Cancel);
        Assert.Null(writer.Pending);
        writer.Dispose();
        Assert.Equal(0, await _theirs.ReceiveAsync(new byte[1], Cancel));
    }

    [Theory]
    [InlineData("dispose")]
    [InlineData("abort")]
    [InlineData("cancel")]
    public async Task What_is_cut_off_ends_with_a_reset_and_not_as_if_it_were_whole(string how)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var writer = new SocketWriter(_ours);
        writer.Write(_much, cancel.Token);
        var pending = writer.Pending!;
        switch (how)
        {
            case "abort":
                writer.Abort();
                break;
            case "cancel":
                await cancel.CancelAsync();
                await pending.WaitAsync(Wait.HangGuard, Cancel);
                writer.Dispose();
                break;
            default:
                writer.Dispose();
                break;
        }

        await pending.WaitAsync(Wait.HangGuard, Cancel);
        var reset = await Assert.ThrowsAsync<SocketException>(() => ReadAsync(_much.Length));
        Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
    }

    [Fact]
    public void A_peer_that_has_gone_shows_when_it_is_read_and_not_when_it_is_written_to()
    {
        using var writer = new SocketWriter(_ours);
        _theirs.LingerState = new LingerOption(true, 0);
        _theirs.Dispose();
        writer.Write("lost"u8, Cancel);
        writer.Write("lost"u8, Cancel);
        Assert.Null(writer.Pending);
    }

    [Fact]
    public async Task A_peer_that_takes_nothing_is_given_up_in_its_time_and_one_that_does_is_not() // spec 13: IdleTimeout
    {
        var clock = new FakeTimeProvider();
        using var sender = new SocketSender(clock, CancellationToken.None);
        var sending = Send(sender);
        clock.Advance(Limits.IdleTimeout - TimeSpan.FromSeconds(1));
        Assert.False(sending.IsCompleted);
        Assert.Equal(_much, await ReadAsync(_much.Length));
        await sending.WaitAsync(Wait.HangGuard, Cancel);

        // Between two sendings time does not count.
        clock.Advance(2 * Limits.IdleTimeout);
        sending = Send(sender);
        clock.Advance(Limits.IdleTimeout - TimeSpan.FromTicks(1));
        await Task.Yield();
        Assert.False(sending.IsCompleted);
        clock.Advance(TimeSpan.FromTicks(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending.WaitAsync(Wait.HangGuard, Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_the_drain_is_over_a_peer_has_a_second_for_the_last_octets(bool isUnderWay)
    {
        var clock = new FakeTimeProvider();
        using var kill = new CancellationTokenSource();
        using var sender = new SocketSender(clock, kill.Token);
        Task? sending = isUnderWay ? Send(sender) : null;
        await kill.CancelAsync();
        sending ??= Send(sender);
        clock.Advance(TimeSpan.FromSeconds(1) - TimeSpan.FromTicks(1));
        await Task.Yield();
        Assert.False(sending.IsCompleted);
        clock.Advance(TimeSpan.FromTicks(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending.WaitAsync(Wait.HangGuard, Cancel));
    }

    private Task Send(SocketSender sender)
    {
        var octets = new PooledBuffer();
        _much.CopyTo(octets.GetSpan(_much.Length));
        octets.Advance(_much.Length);
        return sender.SendAsync(_ours, octets).AsTask();
    }

    private async Task<byte[]> ReadAsync(int count)
    {
        var octets = new byte[count];
        for (int at = 0; at < count;)
        {
            int read = await _theirs.ReceiveAsync(octets.AsMemory(at), Cancel).AsTask().WaitAsync(Wait.HangGuard, Cancel);
            at += read > 0 ? read : throw new EndOfStreamException($"ended after {at}");
        }

        return octets;
    }
}
