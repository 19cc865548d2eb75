using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Replay;

/// <summary>Plays the server of captured sessions for a client under test: each connection is the next session.</summary>
public sealed class ReplayServer : IDisposable
{
    private const int MaxLine = 65536;
    private const int MaxContent = 256 << 20;

    private readonly TcpListener _listener;
    private readonly ReplayOptions _options;
    private readonly SemaphoreSlim _turn = new(1);
    private int _playing;
    private bool _isOver;

    /// <summary>Begins to listen.</summary>
    /// <exception cref="SocketException">The address cannot be had.</exception>
    public ReplayServer(IPEndPoint address, ReplayOptions options)
    {
        (_listener, _options) = (new TcpListener(address), options);
        _listener.Start();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Takes one connection and plays a session in it. Whoever called first has the first connection.</summary>
    public async Task<ReplayResult> PlayAsync(Script script, CancellationToken cancel)
    {
        using var socket = await AcceptAsync(cancel);
        if (socket is null)
        {
            var none = new Difference(0, "connection", "a client", $"none for {_options.Wait.TotalSeconds:0.###} seconds");
            return new ReplayResult(Name(script), 0, [none], null) { Session = script.Session.Number };
        }

        try
        {
            return await PlayAsync(socket, script, cancel);
        }
        finally
        {
            Interlocked.Decrement(ref _playing);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _turn.Dispose();
    }

    private static string Name(Script script) => $"{script.Session.Client} > {script.Session.Server}";

    // Null if no client came for so long, while no session was played.
    private async Task<Socket?> AcceptAsync(CancellationToken cancel)
    {
        await _turn.WaitAsync(cancel);
        try
        {
            while (!_isOver)
            {
                using var wait = new CancellationTokenSource(_options.Wait, _options.Clock);
                using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, wait.Token);
                try
                {
                    var socket = await _listener.AcceptSocketAsync(limit.Token);
                    Interlocked.Increment(ref _playing);
                    return socket;
                }
                catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
                {
                    _isOver = Volatile.Read(ref _playing) == 0;
                }
            }

            return null;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<ReplayResult> PlayAsync(Socket socket, Script script, CancellationToken cancel)
    {
        var differences = new List<Difference>();
        socket.NoDelay = true;
        using var connection = new LiveConnection(socket, _options.Timeout);
        await SayAsync(connection, script.Greeting.Length > 0 ? script.Greeting : "220 replay.invalid ESMTP\r\n", cancel);
        int at = 0;
        int played = 0;
        var exchanges = script.Exchanges.Where(e => e.Verb is not (Verb.XBlackPony or Verb.Continuation)).ToList();
        while (await connection.UntilAsync([(byte)'\n'], MaxLine, cancel) is { } line)
        {
            var verb = at < exchanges.Count && exchanges[at].Verb == Verb.AuthLine ? Verb.AuthLine
                : Verbs.Find(line.AsSpan().TrimEnd("\r\n"u8), out _);
            int found = exchanges.FindIndex(at, e => e.Verb == verb && (verb != Verb.Other || e.Octets.AsSpan().SequenceEqual(line)));
            if (found != at)
            {
                differences.Add(new Difference(
                    at + 1, at < exchanges.Count ? exchanges[at].Name : "the end",
                    at < exchanges.Count ? exchanges[at].Name : "nothing more", Escape.Octets(line.AsSpan().TrimEnd("\r\n"u8), 200)));
            }

            if (found < 0)
            {
                await SayAsync(connection, verb == Verb.Quit ? "221 Bye\r\n" : "502 This was not captured\r\n", cancel);
                if (verb == Verb.Quit)
                    break;

                continue;
            }

            at = found + 1;
            played++;
            if (verb == Verb.Bdat && !await TakeChunkAsync(connection, line, cancel))
                break;

            await SayAsync(connection, Reply(exchanges[found], "250 Ok\r\n"), cancel);
            if (verb == Verb.Data && exchanges[found].Code is null or 354 && at < exchanges.Count && exchanges[at].Verb == Verb.DataEnd)
            {
                if (!await TakeContentAsync(connection, cancel))
                    break;

                await SayAsync(connection, Reply(exchanges[at++], "250 Ok\r\n"), cancel);
                played++;
            }

            if (verb == Verb.Quit || connection.IsOver)
                break;
        }

        if (at < exchanges.Count)
            differences.Add(new Difference(at + 1, exchanges[at].Name, exchanges[at].Name, "the end of the connection"));

        return new ReplayResult(Name(script), played, differences, null) { Session = script.Session.Number };
    }

    private static string Reply(Exchange exchange, string otherwise) => exchange.Reply.Length > 0 ? exchange.Reply
        : exchange.Verb == Verb.Data ? "354 Go on\r\n" : otherwise;

    private static async Task<bool> TakeChunkAsync(LiveConnection connection, byte[] line, CancellationToken cancel)
    {
        var fields = Encoding.Latin1.GetString(line).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return fields.Length < 2 || !long.TryParse(fields[1], System.Globalization.NumberStyles.None, null, out long size)
            || size > MaxContent || await connection.CountAsync(size, cancel) is not null;
    }

    private static async Task<bool> TakeContentAsync(LiveConnection connection, CancellationToken cancel)
    {
        // DATA's own CRLF counts as the first of CRLF "." CRLF. Where every line ends in LF alone, so does the last.
        bool allBare = true;
        bool ended = true;
        while (await connection.UntilAsync([(byte)'\n'], MaxContent, cancel) is { } line)
        {
            bool bare = !line.AsSpan().EndsWith("\r\n"u8);
            allBare &= bare;
            if ((line.AsSpan().SequenceEqual(".\r\n"u8) && ended) || (allBare && line.AsSpan().SequenceEqual(".\n"u8)))
                return true;

            ended = !bare;
        }

        return false;
    }

    private static Task SayAsync(LiveConnection connection, string text, CancellationToken cancel) =>
        connection.SendAsync(Encoding.Latin1.GetBytes(text), cancel);
}
