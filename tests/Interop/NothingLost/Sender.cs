using System.Text;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>A client that sends messages in one session and knows of each what became of it.</summary>
/// <param name="stream">The session.</param>
/// <param name="ledger">Where it writes what it knows.</param>
/// <param name="domain">The recipients' domain.</param>
/// <param name="refusal">What the mail server's own refusal of a message has in it; null if it cannot be told.</param>
internal sealed class Sender(LineStream stream, AttemptLog ledger, string domain, string? refusal)
{
    private string _text = "";

    /// <summary>Sends until the messages or the session end.</summary>
    /// <param name="next">The next message; null if there is none.</param>
    /// <param name="done">Told of each message that was acknowledged.</param>
    /// <param name="again">Takes what has to be tried again.</param>
    /// <exception cref="TimeoutException">The session hung.</exception>
    public async Task RunAsync(Func<Message?> next, Action done, Action<Message> again)
    {
        Message? message = null;
        try
        {
            if (await ReplyAsync() is not 220 || await SayAsync("EHLO load.test") is not 250)
            {
                return;
            }

            while ((message = next()) is not null)
            {
                if (await SendAsync(message))
                {
                    done();
                }
                else
                {
                    again(message);
                    message = null;
                    await Task.Delay(10);
                    if (await SayAsync("RSET") is not 250)
                    {
                        return;
                    }
                }

                message = null;
            }

            await SayAsync("QUIT");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The connection is gone; the message that was on its way has to be tried again.
        }
        finally
        {
            if (message is not null)
            {
                again(message);
            }
        }
    }

    private async Task<bool> SendAsync(Message message)
    {
        var (name, octets) = message.Attempt();
        ledger.Sent(name, octets);
        var outcome = Outcome.NotSent;
        try
        {
            // As a client does that knows PIPELINING.
            await WriteAsync(Encoding.ASCII.GetBytes($"MAIL FROM:<s@load.test> BODY=8BITMIME\r\nRCPT TO:<r@{domain}>\r\nDATA\r\n"));
            await ReplyAsync();
            await ReplyAsync();
            if (await ReplyAsync() != 354)
            {
                return false;
            }

            // Cut before the dot, nothing may arrive.
            await WriteAsync(Stuff(octets));
            outcome = Outcome.Unknown;
            await WriteAsync(".\r\n"u8.ToArray());
            // Who lost the server on the way puts off too, and can't know; only the server's own refusal is one.
            outcome = await ReplyAsync() is >= 200 and <= 299
                ? Outcome.Acknowledged
                : refusal is not null && _text.Contains(refusal, StringComparison.Ordinal) ? Outcome.NotSent : Outcome.Unknown;
            return outcome == Outcome.Acknowledged;
        }
        finally
        {
            ledger.Ended(name, outcome);
        }
    }

    private async Task<int> SayAsync(string line)
    {
        await WriteAsync(Encoding.ASCII.GetBytes(line + "\r\n"));
        return await ReplyAsync();
    }

    private async Task<int> ReplyAsync()
    {
        using var patience = new CancellationTokenSource(Servers.Wait.HangGuard);
        try
        {
            while (true)
            {
                var line = await stream.LineAsync(patience.Token) ?? throw new IOException("The session ended.");
                if (line is not [_, _, _, (byte)'-', ..])
                {
                    _text = Encoding.Latin1.GetString(line);
                    return int.Parse(line.AsSpan(0, 3), System.Globalization.CultureInfo.InvariantCulture);
                }
            }
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"No answer within {Servers.Wait.HangGuard}.", e);
        }
    }

    private async Task WriteAsync(byte[] octets)
    {
        using var patience = new CancellationTokenSource(Servers.Wait.HangGuard);
        try
        {
            await stream.SayAsync(octets, patience.Token);
        }
        catch (OperationCanceledException e)
        {
            throw new TimeoutException($"Nothing was read within {Servers.Wait.HangGuard}.", e);
        }
    }

    private static byte[] Stuff(byte[] octets)
    {
        var stuffed = new List<byte>(octets.Length + 100);
        for (int i = 0; i < octets.Length; i++)
        {
            if (octets[i] == '.' && (i == 0 || (octets[i - 1] == '\n' && octets[i - 2] == '\r')))
            {
                stuffed.Add((byte)'.');
            }

            stuffed.Add(octets[i]);
        }

        return [.. stuffed];
    }
}
