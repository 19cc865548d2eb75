using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>A server that says what the test writes, whatever it is told.</summary>
internal sealed class RawServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<byte[]> _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="greeting">What it says as soon as somebody connects.</param>
    /// <param name="answer">What it says to NOOP; it ends the connection before if it is null.</param>
    public RawServer(string greeting, string? answer = "")
    {
        _listener.Start();
        _serving = ServeAsync(greeting, answer);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Done when the first connection has come.</summary>
    public Task ConnectedAsync() => _connected.Task.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);

    /// <summary>What it received up to the first NOOP.</summary>
    public Task<byte[]> AskedAsync() => _asked.Task.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _serving;
        _listener.Dispose();
        _stop.Dispose();
    }

    private async Task ServeAsync(string greeting, string? answer)
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                open.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token), greeting, answer));
            }
        }
        catch (OperationCanceledException)
        {
        }

        await Task.WhenAll(open);
    }

    private async Task ServeAsync(Socket socket, string greeting, string? answer)
    {
        using var own = socket;
        var received = new List<byte>();
        var octets = new byte[4096];
        try
        {
            await socket.SendAsync(Encoding.Latin1.GetBytes(greeting), _stop.Token);
            _connected.TrySetResult();
            if (answer is null)
            {
                socket.Shutdown(SocketShutdown.Send);
            }

            while (await socket.ReceiveAsync(octets.AsMemory(), _stop.Token) is > 0 and var count)
            {
                received.AddRange(octets.AsSpan(0, count));
                if (Encoding.Latin1.GetString([.. received]).EndsWith("NOOP\r\n", StringComparison.Ordinal)
                    && _asked.TrySetResult([.. received]) && answer is not null)
                {
                    await socket.SendAsync(Encoding.Latin1.GetBytes(answer), _stop.Token);
                }
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
        }
    }
}
