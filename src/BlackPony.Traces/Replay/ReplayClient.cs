using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Replay;

/// <summary>Plays the client of captured sessions to a live server, and nowhere else.</summary>
/// <param name="host">The server.</param>
/// <param name="port">Its port.</param>
/// <param name="options">How.</param>
public sealed class ReplayClient(string host, int port, ReplayOptions options)
{
    private const int RotShiftByHand = 13;

    private static readonly RsaKeys Keys = new(TimeProvider.System);

    /// <summary>Plays a session.</summary>
    public async Task<ReplayResult> PlayAsync(Script script, CancellationToken cancel) =>
        await PlayOnceAsync(script, cancel) with { Session = script.Session.Number };

    private async Task<ReplayResult> PlayOnceAsync(Script script, CancellationToken cancel)
    {
        var differences = new List<Difference>();
        // LMTP answers a message as often as it took recipients.
        if (script.Exchanges.Any(e => e.Verb == Verb.Lhlo))
            return new ReplayResult(Name(script), 0, differences, "LMTP cannot be played.");

        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        if (await ConnectAsync(socket, cancel) is { } why)
            return new ReplayResult(Name(script), 0, [new Difference(0, "connection", "a server", why)], null) { IsUnreached = true };

        using var connection = new LiveConnection(socket, options.Timeout);
        Compare(differences, 0, "greeting", script.Greeting, await connection.ReplyAsync(cancel), connection);
        var exchanges = script.Exchanges.Where(e => e.Verb is not (Verb.XBlackPony or Verb.Continuation)).ToList();
        if (options.StartTls && !await StartTlsAsync(connection, script.Session.Helo ?? "replay.invalid", differences, cancel))
            return new ReplayResult(Name(script), 0, differences, null);

        if (options.StartTls)
        {
            // What was captured of TLS went before what is played in it.
            exchanges = [.. exchanges.Where(e => e.Verb != Verb.StartTls)];
        }

        if (options.Upgrade is { } suite
            && !await UpgradeAsync(connection, suite, script.Session.Helo ?? "replay.invalid", differences, cancel))
        {
            return new ReplayResult(Name(script), 0, differences, null);
        }

        int played = await PlayAsync(connection, exchanges, differences, cancel);
        await connection.CloseAsync(cancel);
        var note = exchanges.Any(IsTls) ? "What was inside TLS cannot be played."
            : script.Session.Gaps > 0 ? "The capture has gaps: commands in them were not sent, and messages were padded."
                : null;
        return new ReplayResult(Name(script), played, differences, note);
    }

    // A STARTTLS that was refused is a command as any other.
    private static bool IsTls(Exchange exchange) => exchange.Verb == Verb.StartTls && exchange.Code is null or 220;

    // The connection ended in it.
    private static bool IsCut(Exchange exchange) => exchange is { Verb: Verb.DataEnd, Code: null }
        && !exchange.Octets.AsSpan().EndsWith(".\r\n"u8);

    // Why the server is not reached; null if it is.
    private async Task<string?> ConnectAsync(Socket socket, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(options.Timeout);
        try
        {
            await socket.ConnectAsync(host, port, limit.Token);
            return null;
        }
        catch (SocketException e)
        {
            return e.Message;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"none for {options.Timeout.TotalSeconds:0.###} seconds";
        }
    }

    private static string Name(Script script) => $"{script.Session.Client} > {script.Session.Server}";

    private async Task<int> PlayAsync(
        LiveConnection connection, List<Exchange> exchanges, List<Difference> differences, CancellationToken cancel)
    {
        bool pipelining = false;
        int last = 0;
        long before = exchanges.Count > 0 ? exchanges[0].Time : 0;
        for (int i = 0; i < exchanges.Count; i++)
        {
            // What was captured together goes together, if this server takes it so.
            int until = i + 1;
            while (pipelining && until < exchanges.Count && exchanges[until].IsPipelined)
                until++;

            if (IsTls(exchanges[i]) || IsCut(exchanges[i]))
                return i;

            // Content and lines of AUTH wait for a 3yz.
            if (exchanges[i].Verb is Verb.DataEnd or Verb.AuthLine && last / 100 != 3)
                continue;

            if (exchanges[i].Verb == Verb.Auth && options.Credentials is { } credentials)
            {
                int end = i + 1;
                while (end < exchanges.Count && exchanges[end].Verb == Verb.AuthLine)
                    end++;

                var answer = await Login.PlayAsync(connection, credentials.User, credentials.Password, cancel);
                Compare(differences, i + 1, "AUTH", exchanges[end - 1].Reply, answer, connection);
                if (answer is null)
                    return i;

                (last, i) = (answer.Code, end - 1);
                continue;
            }

            if (options.OriginalRate && exchanges[i].Time > before)
                await Task.Delay(TimeSpan.FromMilliseconds(Math.Min((exchanges[i].Time - before) / 1_000_000, 600_000)), cancel);

            before = exchanges[i].Time;
            await connection.SendAsync([.. exchanges[i..until].SelectMany(Octets)], cancel);
            for (; i < until; i++)
            {
                var reply = await connection.ReplyAsync(cancel);
                Compare(differences, i + 1, exchanges[i].Name, exchanges[i].Reply, reply, connection);
                if (reply is null)
                    return i;

                last = reply.Code;
                // A server that takes what was refused waits for what nobody captured.
                if ((exchanges[i].Verb == Verb.StartTls && last == 220)
                    || (last / 100 == 3 && (i + 1 == exchanges.Count || exchanges[i + 1].Verb is not (Verb.DataEnd or Verb.AuthLine))))
                {
                    return i + 1;
                }

                if (exchanges[i].Verb is Verb.Ehlo)
                    pipelining = Enumerable.Range(1, reply.Lines.Count - 1).Any(n => Ascii.EqualsIgnoreCase(reply.Text(n), "PIPELINING"u8));
            }

            i--;
        }

        return exchanges.Count;
    }

    private async Task<bool> StartTlsAsync(LiveConnection connection, string helo, List<Difference> differences, CancellationToken cancel)
    {
        await connection.SendAsync(Encoding.Latin1.GetBytes($"EHLO {helo}\r\n"), cancel);
        var ehlo = await connection.ReplyAsync(cancel);
        if (ehlo is not null)
        {
            await connection.SendAsync("STARTTLS\r\n"u8.ToArray(), cancel);
            ehlo = await connection.ReplyAsync(cancel);
        }

        if (ehlo?.Code == 220)
        {
            if (await connection.TlsAsync(host, cancel))
                return true;

            // The difference shows why there is no TLS, not the 220.
            ehlo = null;
        }

        differences.Add(new Difference(0, "STARTTLS", "220 and TLS", connection.Show(ehlo)));
        return false;
    }

    private static async Task<bool> UpgradeAsync(
        LiveConnection connection, Suite suite, string helo, List<Difference> differences, CancellationToken cancel)
    {
        await connection.SendAsync(Encoding.Latin1.GetBytes($"EHLO {helo}\r\n"), cancel);
        var ehlo = await connection.ReplyAsync(cancel);
        var offer = ehlo is null ? null
            : Enumerable.Range(1, ehlo.Lines.Count - 1).Where(i => Offer.IsKeyword(ehlo.Text(i))).Select(i => Offer.Parse(ehlo.Text(i)))
            .FirstOrDefault();
        if (offer is null || !offer.Suites.Contains(suite))
        {
            differences.Add(new Difference(0, "EHLO", $"an offer of {suite.Name}", connection.Show(ehlo)));
            return false;
        }

        using var upgrade = new ClientUpgrade(offer, suite, RotShiftByHand, new SystemRandom(), Keys, null);
        var step = new ClientStep(ClientStepKind.Send, upgrade.Command);
        Reply? reply = null;
        while (step.Kind == ClientStepKind.Send)
        {
            await connection.SendAsync(step.Octets!, cancel);
            reply = await connection.ReplyAsync(cancel);
            step = reply is null ? new ClientStep(ClientStepKind.Broken) : upgrade.OnReply(reply);
        }

        if (step.Kind != ClientStepKind.Agreed)
        {
            differences.Add(new Difference(0, "XBLACKPONY", "220", connection.Show(reply)));
            return false;
        }

        if (step.Channel is not { } channel)
        {
            connection.Shift(upgrade.Shift);
            return true;
        }

        if (!await connection.SecureAsync(channel, cancel))
        {
            differences.Add(new Difference(0, "XBLACKPONY", "the server's Finished", "none that verifies"));
            return false;
        }

        return true;
    }

    private byte[] Octets(Exchange exchange)
    {
        if (options.Rewrite.Count == 0 || exchange.Verb is not (Verb.Mail or Verb.Rcpt))
            return exchange.Octets;

        return Rewriting.Line(exchange.Octets, options.Rewrite);
    }

    private void Compare(List<Difference> differences, int number, string what, string captured, Reply? live, LiveConnection connection)
    {
        if (captured.Length == 0 && live is not null)
            return;

        bool same = live is not null && captured.StartsWith($"{live.Code}", StringComparison.Ordinal);
        if (same && options.Strict)
            same = Normaliser.Text(captured) == Normaliser.Text(LiveConnection.Text(live!));

        if (!same)
        {
            differences.Add(new Difference(
                number, what, Escape.Octets(Encoding.Latin1.GetBytes(captured.TrimEnd().Replace("\r\n", " / ", StringComparison.Ordinal)),
                400), connection.Show(live)));
        }
    }
}
