using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlackPony.Tools;

/// <summary>
/// Answers GET /metrics over HTTP/1.1, one request for each connection, whatever its Host. What a client may cost is bounded: connections,
/// octets of a request, and time.
/// </summary>
internal sealed class MetricsServer : IAsyncDisposable
{
    private const int MaxConnections = 16;
    private const int MaxRequest = 8192;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly Socket _listener;
    private readonly MetricsText _metrics;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _free = new(MaxConnections);
    private readonly Task _accepting;

    /// <summary>Begins to listen.</summary>
    /// <exception cref="SocketException">The address cannot be used.</exception>
    public MetricsServer(IPEndPoint at, MetricsText metrics)
    {
        _metrics = metrics;
        _listener = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (at.AddressFamily == AddressFamily.InterNetworkV6)
                _listener.DualMode = false;

            _listener.Bind(at);
            _listener.Listen(MaxConnections);
        }
        catch
        {
            _listener.Dispose();
            throw;
        }

        _accepting = AcceptAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;

        // Until the last connection has given back its place.
        for (int i = 0; i < MaxConnections; i++)
            await _free.WaitAsync();

        _free.Dispose();
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await _free.WaitAsync(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            Socket client;
            try
            {
                client = await _listener.AcceptAsync(_stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                _free.Release();

                // Out of descriptors: they come back.
                await Task.Delay(50, CancellationToken.None);
                continue;
            }

            _ = Task.Run(() => ServeAsync(client), CancellationToken.None);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            patience.CancelAfter(Longest);
            using (client)
            {
                var (status, isHead) = Judge(await RequestAsync(client, patience.Token));
                var body = Encoding.UTF8.GetBytes(status.StartsWith("200", StringComparison.Ordinal) ? _metrics.Write() : status + "\n");
                var type = status.StartsWith("200", StringComparison.Ordinal) ? "text/plain; version=0.0.4; charset=utf-8"
                    : "text/plain; charset=utf-8";
                var allow = status.StartsWith("405", StringComparison.Ordinal) ? "Allow: GET, HEAD\r\n" : "";
                var head = string.Create(
                    CultureInfo.InvariantCulture,
                    $"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {body.Length}\r\n{allow}Connection: close\r\n\r\n");
                var stream = new NetworkStream(client);
                await stream.WriteAsync(Encoding.ASCII.GetBytes(head), patience.Token);
                await stream.WriteAsync(isHead ? [] : body, patience.Token);

                // A reset would take away the answer with what the client still says.
                client.Shutdown(SocketShutdown.Send);
                var rest = new byte[1024];
                for (int i = 0; i < 64 && await client.ReceiveAsync(rest.AsMemory(), patience.Token) > 0; i++)
                {
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It went away or was too slow.
        }
        finally
        {
            _free.Release();
        }
    }

    // The request's head; null if it is too long, empty if the client ended before.
    private static async Task<string?> RequestAsync(Socket client, CancellationToken cancel)
    {
        var octets = new byte[MaxRequest];
        for (int have = 0; have < octets.Length;)
        {
            int count = await client.ReceiveAsync(octets.AsMemory(have), cancel);
            have += count;
            int end = octets.AsSpan(0, have).IndexOf("\r\n\r\n"u8);
            if (end >= 0 || count == 0)
                return end >= 0 ? Encoding.Latin1.GetString(octets, 0, end) : "";
        }

        return null;
    }

    private static (string Status, bool IsHead) Judge(string? request)
    {
        if (request is null)
            return ("431 Request Header Fields Too Large", false);

        if (request.Split("\r\n")[0].Split(' ') is not [var method, var target, "HTTP/1.0" or "HTTP/1.1"])
            return ("400 Bad Request", false);

        // A proxy's client names the whole URL.
        var path = (target.StartsWith("http://", StringComparison.OrdinalIgnoreCase) && target.IndexOf('/', 7) is >= 0 and var slash
            ? target[slash..] : target).Split('?')[0];
        return path.TrimEnd('/') != "/metrics" ? ("404 Not Found", method == "HEAD")
            : method is not ("GET" or "HEAD") ? ("405 Method Not Allowed", false)
            : ("200 OK", method == "HEAD");
    }
}
