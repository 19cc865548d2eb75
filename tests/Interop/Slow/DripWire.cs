using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Slow;

/// <summary>What crossed a <see cref="DripWire"/> so far, in Latin-1.</summary>
/// <param name="Up">From the client.</param>
/// <param name="Down">From the server.</param>
internal sealed record Crossed(StringBuilder Up, StringBuilder Down)
{
    /// <summary>How many lines the client sent.</summary>
    public int Lines => Up.ToString().Split("\r\n").Length - 1;
}

/// <summary>
/// A wire of one connection, on which from some moment on the octets of one direction go one by one, when the test says so.
/// </summary>
internal sealed class DripWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly SemaphoreSlim _drops = new(0);
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _gone = new();
    private readonly Crossed _crossed = new(new StringBuilder(), new StringBuilder());
    private readonly Func<Crossed, bool> _holds;
    private readonly bool _up;
    private readonly Task _accepting;

    /// <summary>Listens on a free port.</summary>
    /// <param name="port">The port to pass on to.</param>
    /// <param name="up">Whether it is the client's octets that go one by one.</param>
    /// <param name="holds">Whether an octet that comes now has to wait, and all behind it.</param>
    public DripWire(int port, bool up, Func<Crossed, bool> holds)
    {
        (_up, _holds) = (up, holds);
        _listener.Start();
        _accepting = AcceptAsync(port);
    }

    /// <summary>The port to connect to.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Done when an octet waits.</summary>
    public Task Held => _held.Task;

    /// <summary>Done when the other direction has ended.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Lets go of an octet.</summary>
    public Task DropAsync()
    {
        _drops.Release();
        return Task.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _gone.CancelAsync();
        await _accepting;
        _gone.Dispose();
        _drops.Dispose();
    }

    // A connection that is made afterwards passes at once.
    private async Task AcceptAsync(int port)
    {
        try
        {
            for (bool first = true;; first = false)
            {
                using var client = await _listener.AcceptTcpClientAsync(_gone.Token);
                using var server = new TcpClient { NoDelay = true };
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, port, _gone.Token);
                var (up, down) = (client.GetStream(), server.GetStream());
                await Task.WhenAll(
                    PassAsync(up, down, first && _up, first ? _crossed.Up : new StringBuilder()),
                    PassAsync(down, up, first && !_up, first ? _crossed.Down : new StringBuilder()));
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException or OperationCanceledException)
        {
        }
    }

    private async Task PassAsync(NetworkStream from, NetworkStream to, bool slow, StringBuilder crossed)
    {
        var octets = new byte[4096];
        bool held = false;
        try
        {
            for (int count; (count = await from.ReadAsync(octets, _gone.Token)) > 0;)
            {
                for (int i = 0; i < count; i++)
                {
                    lock (_crossed)
                    {
                        held |= slow && _holds(_crossed);
                    }

                    if (held)
                    {
                        _held.TrySetResult();
                        await _drops.WaitAsync(_gone.Token);
                    }

                    // Before it goes: the other side's answer asks what has crossed.
                    lock (_crossed)
                    {
                        crossed.Append((char)octets[i]);
                    }

                    await to.WriteAsync(octets.AsMemory(i, 1), _gone.Token);
                }
            }

            to.Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
        }

        if (!slow)
        {
            _ended.TrySetResult();
        }
    }
}
