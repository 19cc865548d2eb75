using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Traces.Replay;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is reported of captured sessions that are played to a server that answers one thing otherwise, and to a client that sends one thing
/// otherwise. <c>tests/Traces/Reports/inputs</c> has the tables; <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class ReplayTableTests
{
    private static readonly ReplayOptions Options = new() { Timeout = TimeSpan.FromSeconds(60), Wait = TimeSpan.FromSeconds(60) };

    private static readonly (string Name, (char Who, string Text)[] Lines)[] Captured =
    [
        ("plain", Frames.Lines),
        ("pipelined", [.. Frames.Lines[..3], ('C', "MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\n"),
            ('S', "250 Ok\r\n250 Ok\r\n354 Go on\r\n"), ('C', "One\r\n.\r\nQUIT\r\n"),
            ('S', "250 Queued\r\n221 Bye\r\n")]),
        ("chunks and a login", [.. Frames.Lines[..3], ('C', "AUTH LOGIN\r\n"), ('S', "334 VXNl\r\n"), ('C', "Ym9i\r\n"),
            ('S', "235 Ok\r\n"), .. Frames.Lines[3..7], ('C', "BDAT 3\r\nabc"), ('S', "250 Ok\r\n"),
            ('C', "BDAT 2 LAST\r\n\r\n"), ('S', "250 Ok\r\n"), .. Frames.Lines[^2..]]),
        ("refused and unfinished", [.. Frames.Lines[..5], ('C', "RCPT TO:<bob@b.test>\r\n"), ('S', "550 No\r\n"),
            ('C', "STARTTLS\r\n"), ('S', "454 No\r\n"), ('C', "DATA\r\n"), ('S', "354 Go\r\n"), ('C', "Subject: x\r\n")]),
        ("into TLS", [.. Frames.Lines[..3], ('C', "STARTTLS\r\n"), ('S', "220 Go\r\n")]),
    ];

    // "" is the end of the connection.
    private static readonly string[] Answers =
        ["250 Ok", "250-Ok\r\n250 PIPELINING", "354 Go", "334 a", "220 Go", "421 Down", "550 No", "no reply", ""];

    [Fact]
    public async Task What_is_reported_of_a_server_that_answers_otherwise_stays_the_same()
    {
        using var folder = new Folder();
        var lines = new List<string>();
        foreach (var (name, captured) in Captured)
        {
            var script = Assert.Single(Script.Read(folder.Write("captured.pcap", Inspection.Connection(captured)), new(), out _));
            foreach (bool strict in name == "plain" ? (bool[])[false, true] : [false])
            {
                for (int at = -1; at <= script.Exchanges.Count; at++)
                {
                    foreach (var answer in at < 0 ? ["as captured"] : Answers)
                    {
                        var (result, heard) = await ToServer(script, Options with { Strict = strict }, at, answer);
                        lines.Add($"{name}{(strict ? ", strict" : "")}, {at}: {answer.ReplaceLineEndings(" / ")}: "
                            + $"{Shown(result)} | {heard}");
                    }
                }
            }
        }

        InputTables.Compare("replayed-to-servers", lines);
    }

    [Fact]
    public async Task What_is_reported_of_a_client_that_sends_otherwise_stays_the_same()
    {
        using var folder = new Folder();
        var lines = new List<string>();
        foreach (var (name, captured) in Captured)
        {
            var script = Assert.Single(Script.Read(folder.Write("captured.pcap", Inspection.Connection(captured)), new(), out _));
            string[] sent = [.. script.Exchanges.Select(e => Encoding.Latin1.GetString(e.Octets))];
            for (int at = -1; at < sent.Length; at++)
            {
                (string What, string[] Sent)[] others = at < 0 ? [("as captured", sent)] :
                [
                    ("left out", [.. sent[..at], .. sent[(at + 1)..]]), ("ended", sent[..at]),
                    ("NOOP before", [.. sent[..at], "NOOP\r\n", .. sent[at..]]),
                    ("another command", [.. sent[..at], "FROB x\r\n", .. sent[at..]]),
                    ("in lower case", [.. sent[..at], sent[at].ToLowerInvariant(), .. sent[(at + 1)..]]),
                    ("with bare LF", [.. sent[..at], sent[at].Replace("\r", "", StringComparison.Ordinal), .. sent[(at + 1)..]]),
                    ("without its end", [.. sent[..at], sent[at][..^1]]), ("QUIT instead", [.. sent[..at], "QUIT\r\n"]),
                ];
                foreach (var (what, other) in others)
                {
                    var (result, heard) = await FromClient(script, string.Concat(other));
                    lines.Add($"{name}, {at}: {what}: {Shown(result)} | {heard}");
                }
            }
        }

        InputTables.Compare("replayed-to-clients", lines);
    }

    private static string Shown(ReplayResult result) =>
        $"{result.Exchanges} {result.Note} {string.Join("; ", result.Differences.Select(d => d.ToString()))}";

    private static string Shown(StringBuilder heard) => heard.ToString().Replace("\r\n", "/", StringComparison.Ordinal)
        .Replace("\n", "\\", StringComparison.Ordinal);

    // Each line is answered as captured but one, counted from the greeting; a message is answered at its end.
    private static async Task<(ReplayResult Result, string Heard)> ToServer(Script script, ReplayOptions options, int at, string answer)
    {
        var cancel = TestContext.Current.CancellationToken;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var playing = new ReplayClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port, options).PlayAsync(script, cancel);
        using var socket = await listener.AcceptSocketAsync(cancel);
        using var reader = new StreamReader(new NetworkStream(socket), Encoding.Latin1);
        var heard = new StringBuilder();
        string[] captured = [script.Greeting, .. script.Exchanges.Select(e => e.Reply)];
        for (int next = 0; ; next++)
        {
            var reply = next == at ? answer + "\r\n" : next < captured.Length && captured[next].Length > 0 ? captured[next] : "250 Ok\r\n";
            if (reply == "\r\n")
            {
                break;
            }

            var line = await AskAsync(reply);
            heard.Append(line).Append("\r\n");
            bool isContent = next < script.Exchanges.Count && script.Exchanges[next].Name == "the message's end";
            while (isContent && line is not (null or "." or "QUIT"))
            {
                line = await AskAsync("");
                heard.Append(line).Append("\r\n");
            }

            if (line is null)
            {
                break;
            }

            // The octets of a chunk are a line or none.
            if (line.StartsWith("BDAT 3", StringComparison.Ordinal))
            {
                var chunk = new char[3];
                await reader.ReadBlockAsync(chunk, cancel);
                heard.Append(chunk);
            }
            else if (line.StartsWith("BDAT", StringComparison.Ordinal))
            {
                heard.Append(await reader.ReadLineAsync(cancel)).Append("\r\n");
            }
        }

        try
        {
            // Closed with octets unread it would be a reset, in which what was said may be lost.
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
        }

        return (await playing, Shown(heard));

        // Null where the client has gone; what it sent before is still read.
        async Task<string?> AskAsync(string reply)
        {
            try
            {
                await socket.SendAsync(Encoding.Latin1.GetBytes(reply), cancel);
            }
            catch (SocketException)
            {
            }

            try
            {
                return await reader.ReadLineAsync(cancel);
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    private static async Task<(ReplayResult Result, string Heard)> FromClient(Script script, string sent)
    {
        var cancel = TestContext.Current.CancellationToken;
        using var server = new ReplayServer(new IPEndPoint(IPAddress.Loopback, 0), Options);
        var serving = server.PlayAsync(script, cancel);
        using var client = new TcpClient();
        await client.ConnectAsync(server.Address, cancel);
        using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
        await client.Client.SendAsync(Encoding.Latin1.GetBytes(sent), cancel);
        client.Client.Shutdown(SocketShutdown.Send);
        var result = await serving;
        return (result, Shown(new StringBuilder(await reader.ReadToEndAsync(cancel))));
    }
}
