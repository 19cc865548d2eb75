using System.Globalization;
using System.Text;

namespace BlackPony.Conformance.Targets;

/// <summary>The mail server's side of a mailer's standard input and output.</summary>
public sealed class LocalSide(Stream toMailer, Stream fromMailer, string message, CancellationToken cancel)
{
    private const int MostAtOnce = 32768;

    private readonly byte[] _octets = GC.AllocateUninitializedArray<byte>(4096);
    private readonly StringBuilder _replies = new();
    private string _waiting = "";

    /// <summary>Everything that the mailer wrote.</summary>
    public string Replies => _replies.ToString();

    /// <summary>The usual delivery.</summary>
    public async Task<bool> DeliverAsync()
    {
        int hello = await ReplyAsync() == 220 ? await SayAsync("EHLO client.test\r\n") : 0;
        hello = hello is >= 500 and <= 599 ? await SayAsync("HELO client.test\r\n") : hello;
        bool delivered = hello is 250 && await MailAsync();
        await SayAsync("QUIT\r\n");
        return delivered;
    }

    /// <summary>The transaction.</summary>
    public async Task<bool> MailAsync() =>
        await SayAsync("MAIL FROM:<a@client.test>\r\n") is 250
        && await SayAsync("RCPT TO:<b@sink.test>\r\n") is 250
        && await SayAsync("DATA\r\n") is 354
        && await SendMessageAsync() is 250;

    /// <summary>Sends, and receives the reply's code; 0 if none comes.</summary>
    public async Task<int> SayAsync(string text)
    {
        await SendAsync(text);
        return await ReplyAsync();
    }

    /// <summary>Sends.</summary>
    public async Task SendAsync(string text)
    {
        try
        {
            var octets = new byte[Math.Min(text.Length, MostAtOnce)];
            for (int at = 0; at < text.Length; at += octets.Length)
            {
                int count = Encoding.Latin1.GetBytes(text.AsSpan(at, Math.Min(text.Length - at, octets.Length)), octets);
                await toMailer.WriteAsync(octets.AsMemory(0, count), cancel);
            }

            await toMailer.FlushAsync(cancel);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It went away; what it said last can still be read.
        }
    }

    /// <summary>Receives a reply's code; 0 if none comes.</summary>
    public async Task<int> ReplyAsync()
    {
        while (await LineAsync() is { } line)
        {
            if (line.Length == 3 || (line.Length > 3 && line[3] == ' '))
                return int.TryParse(line.AsSpan(0, 3), NumberStyles.None, CultureInfo.InvariantCulture, out int code) ? code : 0;
        }

        return 0;
    }

    /// <summary>Reads to the end of what the mailer writes.</summary>
    public async Task DrainAsync()
    {
        while (await LineAsync() is not null)
        {
        }
    }

    private async Task<int> SendMessageAsync()
    {
        await SendAsync(message.Replace("\r\n.", "\r\n..", StringComparison.Ordinal));
        return await SayAsync(".\r\n");
    }

    private async Task<string?> LineAsync()
    {
        while (true)
        {
            int end = _waiting.IndexOf("\r\n", StringComparison.Ordinal);
            if (end >= 0)
            {
                var line = _waiting[..end];
                _waiting = _waiting[(end + 2)..];
                return line;
            }

            int count = await fromMailer.ReadAsync(_octets, cancel);
            if (count == 0)
                return null;

            var text = Encoding.Latin1.GetString(_octets, 0, count);
            _replies.Append(text);
            _waiting += text;
        }
    }
}
