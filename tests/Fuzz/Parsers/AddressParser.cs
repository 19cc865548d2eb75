using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Fuzz.Parsers;

/// <summary>The path of RCPT and the domain in it, as the outbound relay reads them (RFC 5321 4.1.2, spec 10.5).</summary>
internal static partial class AddressParser
{
    public static void Run(ReadOnlySpan<byte> input)
    {
        if (input.IndexOfAny((byte)'\r', (byte)'\n', (byte)0) >= 0 || input.Length > 4000)
        {
            return;
        }

        string? domain = null;
        var relay = new OutboundSession(new OutboundOptions("fuzz", d => new Route(domain = d, 25)));
        relay.FromClient("EHLO a\r\nMAIL FROM:<> SMTPUTF8\r\n"u8);
        relay.FromClient([.. "RCPT TO:"u8, .. input, .. "\r\n"u8]);
        if (domain is null)
        {
            Invariant.That(relay.TakeRequest() == SessionRequest.None, "without a domain nobody is asked");
            return;
        }

        bool isLiteral = domain.StartsWith('[');
        Invariant.That(isLiteral
            ? IPAddress.TryParse(domain[1..^1], out _) && domain.EndsWith(']')
            : IsName().IsMatch(domain) && domain.Length <= 253 && !IPAddress.TryParse(domain, out _),
            "what is looked up is a name or an address");
        if (relay.TakeRequest() != SessionRequest.Connect)
        {
            return;
        }

        relay.FromServer("220 b\r\n250-b\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n"u8);
        var said = relay.ToServer.WrittenSpan;
        int at = said.IndexOf("RCPT TO:"u8);
        Invariant.That(at >= 0, "the recipient is passed on");
        var path = said[(at + 8)..^2];
        Invariant.That(input.TrimStart((byte)' ').StartsWith(path) && path[0] == '<' && path[^1] == '>',
            "the path is passed on as it came");
        Invariant.That(isLiteral || Encoding.Latin1.GetString(path).Contains('@', StringComparison.Ordinal),
            "a path with a domain has an @");
    }

    [GeneratedRegex(@"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$")]
    private static partial Regex IsName();
}
