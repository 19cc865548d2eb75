using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Conformance.Targets;

/// <summary>A session that a <see cref="MailSink"/> served.</summary>
public sealed class SinkSession
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Where it came from.</summary>
    public required IPEndPoint Peer { get; init; }

    /// <summary>Everything that came, payloads included, in Latin-1.</summary>
    public StringBuilder Received { get; } = new();

    /// <summary>The command lines.</summary>
    public ConcurrentQueue<string> Commands { get; } = new();

    /// <summary>Done when the connection has ended.</summary>
    public Task Ended => _ended.Task;

    internal void End() => _ended.TrySetResult();
}

/// <summary>
/// A small mail server that takes everything and keeps it: the backend of the embedded relay, and a case's own if the case scripts it.
/// </summary>
public sealed partial class MailSink : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly Task _accepting;
    private readonly ConcurrentDictionary<Socket, Task> _open = new();

    /// <summary>Begins to listen on a port of 127.0.0.1.</summary>
    /// <param name="port">The port; 0 for a free one.</param>
    public MailSink(int port = 0)
        : this(new IPEndPoint(IPAddress.Loopback, port))
    {
    }

    /// <summary>Begins to listen.</summary>
    /// <param name="address">The address and port.</param>
    public MailSink(IPEndPoint address)
    {
        _listener = new TcpListener(address);
        _listener.Start(512);
        _accepting = AcceptAsync();
    }

    /// <summary>The port.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The greeting; an empty one closes the connection.</summary>
    public string Greeting { get; set; } = "220 sink.test ESMTP";

    /// <summary>What the EHLO reply lists.</summary>
    public IReadOnlyList<string> Extensions { get; set; } = ["PIPELINING", "8BITMIME", "CHUNKING", "SIZE 20000000"];

    /// <summary>Whether it takes mail for every recipient, as an open relay does; else for domains under .test only.</summary>
    public bool Relays { get; set; }

    /// <summary>
    /// A case's own answer to a command line: the reply's octets; null for the usual one, empty for none;
    /// text that ends in <c>\0</c> closes after it.
    /// </summary>
    public Func<SinkSession, string, string?>? Answer { get; set; }

    /// <summary>The sessions, in order of their connections.</summary>
    public ConcurrentQueue<SinkSession> Sessions { get; } = new();

    /// <summary>The messages that came whole, dot-stuffing undone, in Latin-1.</summary>
    public ConcurrentQueue<string> Messages { get; } = new();

    /// <summary>Forgets what a case set and what came.</summary>
    public void Reset()
    {
        (Greeting, Extensions, Answer) = ("220 sink.test ESMTP", ["PIPELINING", "8BITMIME", "CHUNKING", "SIZE 20000000"], null);
        Sessions.Clear();
        Messages.Clear();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var (socket, serving) in _open)
        {
            socket.Dispose();
            await serving;
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                _open[socket] = Task.Run(async () =>
                {
                    await ServeAsync(socket);
                    _open.TryRemove(socket, out _);
                });
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // It was stopped, while it waited (the socket is gone) or between two connections (it does not listen).
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        SinkSession? session = null;
        try
        {
            session = new SinkSession { Peer = (IPEndPoint)socket.RemoteEndPoint! };
            Sessions.Enqueue(session);
            using (socket)
            {
                socket.NoDelay = true;
                await new Conversation(this, session, new NetworkStream(socket)).RunAsync();
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
        }
        finally
        {
            session?.End();
        }
    }

    /// <summary>One connection, octet by octet: only CRLF ends a line.</summary>
    private sealed partial class Conversation(MailSink sink, SinkSession session, NetworkStream stream)
    {
        private static readonly string Help =
            string.Concat(Enumerable.Repeat($"214-{new string('.', 500)}\r\n", 32)) + "214 2.0.0 That is all\r\n";

        private readonly byte[] _octets = GC.AllocateUninitializedArray<byte>(16384);
        private string _waiting = "";
        private int _taken; // of what waits; a line does not copy the rest
        private string _chunks = "";
        private bool _greeted;

        public async Task RunAsync()
        {
            if (sink.Greeting.Length == 0)
                return;

            await SayAsync(sink.Greeting + "\r\n");
            while (await LineAsync() is { } line)
            {
                session.Commands.Enqueue(line);
                if (Chunk().Match(line) is { Success: true } chunk && !await TakeAsync(chunk))
                    return;

                var answer = sink.Answer?.Invoke(session, line) ?? Usual(line);
                await SayAsync(answer.TrimEnd('\0'));
                var verb = line.Split(' ')[0].ToUpperInvariant();
                if (answer.EndsWith('\0') || verb == "QUIT")
                    return;

                if (verb is "MAIL" or "RSET")
                    _chunks = "";

                _greeted |= verb is "EHLO" or "HELO" && answer is ['2', ..];

                if (verb == "DATA" && answer.StartsWith("354", StringComparison.Ordinal) && !await DataAsync())
                    return;
            }
        }

        private string Usual(string line)
        {
            var verb = line.Split(' ')[0].ToUpperInvariant();
            switch (verb)
            {
                case "EHLO" or "HELO" when line.Length <= 5:
                    return "501 5.5.4 A name is missing\r\n";
                case "MAIL" when !_greeted:
                    return "503 5.5.1 EHLO or HELO first\r\n";
                case "EHLO":
                    string[] lines = ["sink.test", .. sink.Extensions];
                    return string.Concat(lines.Select((l, i) => $"250{(i < lines.Length - 1 ? '-' : ' ')}{l}\r\n"));
                case "DATA":
                    return "354 Go ahead\r\n";
                case "HELP":
                    return Help;
                case "QUIT":
                    return "221 2.0.0 Bye\r\n";
                case "RCPT" when !sink.Relays && !IsOwn(line):
                    return "550 5.7.1 Relaying denied\r\n";
                case "XCLIENT":
                    return "550 5.7.0 Not for you\r\n";
                default:
                    return verb is "HELO" or "MAIL" or "RCPT" or "RSET" or "NOOP" or "BDAT" ? "250 2.0.0 Ok\r\n" : "500 5.5.1 Unknown\r\n";
            }
        }

        // A domain under .test, and no way to another one before it.
        private static bool IsOwn(string line)
        {
            var path = line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..].Split('>')[0];
            return path.EndsWith(".test", StringComparison.OrdinalIgnoreCase) && path.Count(c => c == '@') == 1
                && path.IndexOfAny(['%', '!', ':', '"']) < 0;
        }

        private async Task<bool> DataAsync()
        {
            var message = new StringBuilder();
            while (await LineAsync() is { } line)
            {
                if (line == ".")
                {
                    sink.Messages.Enqueue(message.ToString());
                    await SayAsync(sink.Answer?.Invoke(session, ".") ?? "250 2.0.0 Kept\r\n");
                    return true;
                }

                message.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
            }

            return false;
        }

        private async Task<bool> TakeAsync(Match chunk)
        {
            int count = int.Parse(chunk.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            while (_waiting.Length - _taken < count)
            {
                if (!await FillAsync())
                    return false;
            }

            _chunks += _waiting.Substring(_taken, count);
            _taken += count;
            if (chunk.Groups[2].Success)
            {
                sink.Messages.Enqueue(_chunks);
                _chunks = "";
            }

            return true;
        }

        private async Task<string?> LineAsync()
        {
            int searched = 0;
            while (true)
            {
                int end = _waiting.IndexOf("\r\n", _taken + searched, StringComparison.Ordinal);
                if (end >= 0)
                {
                    var line = _waiting[_taken..end];
                    _taken = end + 2;
                    return line;
                }

                searched = Math.Max(_waiting.Length - _taken - 1, 0);
                if (!await FillAsync())
                    return null;
            }
        }

        private async Task<bool> FillAsync()
        {
            int count = await stream.ReadAsync(_octets);
            var text = Encoding.Latin1.GetString(_octets, 0, count);
            (_waiting, _taken) = (string.Concat(_waiting.AsSpan(_taken), text), 0);
            lock (session.Received)
            {
                session.Received.Append(text);
            }

            return count > 0;
        }

        [GeneratedRegex("^BDAT ([0-9]{1,8})( LAST)?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
        private static partial Regex Chunk();

        private async Task SayAsync(string text) => await stream.WriteAsync(Encoding.Latin1.GetBytes(text));
    }
}
