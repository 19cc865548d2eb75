using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace BlackPony.Tools.Setup;

/// <summary>The files of the services in /etc/blackpony.</summary>
internal static partial class ServiceFiles
{
    private const string Listen = "/etc/blackpony/listen.conf";
    private const string Relay = "/etc/blackpony/relay.conf";

    /// <summary>Plans listen.conf: the addresses that the mail server had, and the mail server behind it.</summary>
    /// <param name="context">The plan.</param>
    /// <param name="addresses">The addresses on which the mail server listened.</param>
    /// <param name="xclient">Whether the client's address is passed on by XCLIENT.</param>
    public static void Plan(PlanContext context, IReadOnlyList<string> addresses, bool xclient)
    {
        var lines = Lines(PlanContext.TryRead(Listen)
            ?? "# blackpony listen: see blackpony-listen(1). After a change, run 'systemctl reload blackpony-listen'.\n");
        if (lines.Find(l => Unknown().IsMatch(l)) is { } odd)
            throw new RefusedException($"{Listen} has the line '{odd}', which 'setup' does not know how to keep.");

        // Mail servers ignore an address family that the machine does not have; 'listen' would not start.
        addresses = [.. addresses.Where(IsHere)];

        // Each line where the file has it, or has it as a comment; else at the end.
        var wanted = new Dictionary<string, string[]>
        {
            ["listen"] = [.. addresses.Select(a => $"listen {a}:25")],
            ["backend"] = [$"backend 127.0.0.1:{context.Port}"],
            ["xclient"] = xclient ? ["xclient"] : [],
            ["proxy-protocol"] = [],
        };
        var written = new List<string>();
        var left = wanted.Where(w => w.Value.Length > 0).ToDictionary();
        if (xclient && !lines.Exists(l => l.Trim() == "xclient") && lines.FindIndex(l => l.Trim() == "#xclient") is >= 0 and var comment)
            lines[comment] = "xclient";

        foreach (var line in lines)
        {
            if (Ours().Match(line) is not { Success: true } ours)
                written.Add(line);
            else if (left.Remove(ours.Groups[1].Value, out var now))
                written.AddRange(now);
        }

        written.AddRange(left.Values.SelectMany(l => l));
        context.Change(Listen, string.Join('\n', written) + "\n");
        if (context.IncomingOnly)
            return;

        // A relay that listens elsewhere would not be found by the mail server.
        var relay = PlanContext.TryRead(Relay);
        if (relay is null)
            context.Change(Relay, "# blackpony relay: see blackpony-relay(1). After a change, run 'systemctl reload blackpony-relay'.\n"
                + "listen 127.0.0.1:2526\n");
        else if (!Lines(relay).Contains("listen 127.0.0.1:2526"))
            throw new RefusedException($"{Relay} does not have the line 'listen 127.0.0.1:2526'.");
    }

    /// <summary>Refuses a port for the mail server that <c>listen</c> or <c>relay</c> has.</summary>
    public static void RequireOwnPort(PlanContext context)
    {
        var taken = new List<(string Port, string By)> { ("25", "'listen'"), ("2526", "'relay'") };
        foreach (var file in (string[])[Listen, Relay])
        {
            foreach (Match line in Opened().Matches(PlanContext.TryRead(file) ?? ""))
                taken.Add((line.Groups[2].Value, $"'{line.Groups[1].Value}' in {file}"));
        }

        if (taken.Find(t => t.Port == $"{context.Port}") is { By: { } by })
        {
            var free = Enumerable.Range(10025, 10).First(p => !taken.Exists(t => t.Port == $"{p}"));
            throw new RefusedException($"Port {context.Port} is that of {by}. Choose another for the mail server: --port {free}.");
        }
    }

    private static bool IsHere(string address)
    {
        var ip = IPAddress.Parse(address.Trim('[', ']'));
        try
        {
            using var socket = new Socket(ip.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(ip, 0));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static List<string> Lines(string text) => [.. text.TrimEnd('\n').Split('\n')];

    [GeneratedRegex(@"^\s*(listen|backend|xclient|proxy-protocol)(\s|$)")]
    private static partial Regex Ours();

    [GeneratedRegex(@"^[ \t]*(listen|metrics)[ \t=]+\S*:(\d+)", RegexOptions.Multiline)]
    private static partial Regex Opened();

    [GeneratedRegex(@"^\s*(allow-open-backend|backend-source)(\s|$)")]
    private static partial Regex Unknown();
}
