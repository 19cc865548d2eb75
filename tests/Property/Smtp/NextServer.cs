using System.Text;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>What becomes of TLS with a next server.</summary>
internal enum NextTls
{
    /// <summary>It is not offered.</summary>
    None,

    /// <summary>It is offered, and the handshake ends well.</summary>
    Works,

    /// <summary>It is offered, and the handshake fails.</summary>
    Fails,

    /// <summary>It is offered, and STARTTLS is refused.</summary>
    Refused,

    /// <summary>It is offered, and the outbound relay was told not to use it.</summary>
    Off,
}

/// <summary>
/// The mail server that the outbound relay delivers to, one connection of it. What it refuses is in the addresses: a sender or recipient
/// whose local part is a stage of the transaction (MAIL, RCPT, DATA or ".") and a code is refused there.
/// </summary>
internal sealed class NextHop(string host, bool pipelining, NextTls tls)
{
    private string _waiting = "";
    private string? _sender;
    private List<string> _recipients = [];
    private bool _data;
    private bool _secured;

    /// <summary>Each message that it took: over TLS or not, for whom, and its octets as they came.</summary>
    public List<string> Messages { get; } = [];

    /// <summary>The reply that refuses an address at a stage; null if it is taken there.</summary>
    public static string? Refusal(string host, string address, string stage) =>
        address.Split('@')[0].Split('-') is [var where, var code] && where == stage
            ? $"{code} {code[0]}.0.0 {host} refuses {stage}\r\n"
            : null;

    /// <summary>The handshake ended well: what was said before is forgotten.</summary>
    public void Secured() => (_secured, _sender, _recipients) = (true, null, []);

    /// <summary>Takes octets; gives the replies to what is whole.</summary>
    public byte[] Take(byte[] octets)
    {
        _waiting += Encoding.Latin1.GetString(octets);
        var replies = new StringBuilder();
        while (true)
        {
            var end = !_data ? "\r\n" : _waiting.StartsWith(".\r\n", StringComparison.Ordinal) ? ".\r\n" : "\r\n.\r\n";
            int at = _waiting.IndexOf(end, StringComparison.Ordinal);
            if (at < 0)
            {
                return Encoding.Latin1.GetBytes(replies.ToString());
            }

            var text = _waiting[..(at + end.Length)];
            _waiting = _waiting[text.Length..];
            replies.Append(_data ? OnMessage(text) : OnCommand(text.TrimEnd()));
        }
    }

    private string OnMessage(string message)
    {
        _data = false;
        var refusal = Refusal(host, _sender!, ".");
        if (refusal is null)
        {
            Messages.Add($"{(_secured ? "TLS" : "plain")} {string.Join(' ', _recipients)} {message}");
        }

        (_sender, _recipients) = (null, []);
        return refusal ?? "250 2.0.0 Ok: queued\r\n";
    }

    private string OnCommand(string line)
    {
        var address = line.Split('<', '>') is [_, var path, ..] ? path : "";
        switch (line.Split(' ', ':')[0])
        {
            case "EHLO":
                bool offersTls = tls != NextTls.None && !_secured;
                string?[] keywords = [pipelining ? "PIPELINING" : null, offersTls ? "STARTTLS" : null, "8BITMIME"];
                var extensions = keywords.OfType<string>().ToList();
                return $"250-next\r\n{string.Concat(extensions.Select((e, i) => $"250{(i < extensions.Count - 1 ? '-' : ' ')}{e}\r\n"))}";
            case "STARTTLS" when !_secured:
                return tls == NextTls.Refused ? "454 4.7.0 not now\r\n" : "220 2.0.0 go\r\n";
            case "MAIL" when _sender is null:
                var refusal = Refusal(host, address, "MAIL");
                _sender = refusal is null ? address : null;
                return refusal ?? "250 2.1.0 Ok\r\n";
            case "RCPT" when _sender is not null:
                refusal = Refusal(host, address, "RCPT");
                if (refusal is null)
                {
                    _recipients.Add(address);
                }

                return refusal ?? "250 2.1.5 Ok\r\n";
            case "DATA" when _recipients.Count > 0:
                refusal = Refusal(host, _sender!, "DATA");
                _data = refusal is null;
                return refusal ?? "354 go\r\n";
            case "RSET":
                (_sender, _recipients) = (null, []);
                return "250 2.0.0 Ok\r\n";
            case "QUIT":
                return "221 2.0.0 Bye\r\n";
            default:
                return "503 5.5.1 order\r\n";
        }
    }
}
