using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Tools;

/// <summary>Reads the options' values, with errors that say what to write instead.</summary>
internal static class Parse
{
    public static IPEndPoint[] EndPoints(ArgumentResult result) =>
        [.. result.Tokens.Select(
            t => TryEndPoint(t.Value)
                ?? Fail<IPEndPoint>(result, $"'{t.Value}' is not an address and port; write 127.0.0.1:2525 or [::1]:2525.")!)];

    public static IPEndPoint? EndPoint(ArgumentResult result) =>
        TryEndPoint(result.Tokens[0].Value)
            ?? Fail<IPEndPoint>(result, $"'{result.Tokens[0].Value}' is not an address and port; write 127.0.0.1:53.");

    private static IPEndPoint? TryEndPoint(string text) =>
        text.Contains(':', StringComparison.Ordinal) && IPEndPoint.TryParse(text, out var endPoint)
            ? new IPEndPoint(Plain(endPoint.Address), endPoint.Port) : null;

    // IPv4 in IPv6 is IPv4: as a socket's address it would be of the wrong family, and as a network it would match nobody.
    private static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    public static DnsEndPoint? HostAndPort(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        int colon = text.LastIndexOf(':');
        return colon > 0
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0
            ? new DnsEndPoint(IPAddress.TryParse(text[..colon], out var address) ? Plain(address).ToString()
                : text[..colon].Trim('[', ']'), port)
            : Fail<DnsEndPoint>(result, $"'{text}' is not a host and port; write 127.0.0.1:10025.");
    }

    public static IPAddress? Address(ArgumentResult result) =>
        IPAddress.TryParse(result.Tokens[0].Value, out var address) ? Plain(address)
            : Fail<IPAddress>(result, $"'{result.Tokens[0].Value}' is not an IP address; write 127.0.0.2.");

    public static int Number(ArgumentResult result, int least, int most) =>
        int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n >= least && n <= most
            ? n
            : Fail<int>(result, $"'{result.Tokens[0].Value}' is not a number from {least} to {most}.");

    public static Suite[] Suites(ArgumentResult result) =>
        [.. result.Tokens.SelectMany(t => t.Value.Split(',')).Where(n => !n.Equals("none", StringComparison.OrdinalIgnoreCase)).Select(n =>
            SuiteRegistry.Find(n)
                ?? Fail<Suite>(result, $"'{n}' is not a suite; write {string.Join(", ", SuiteRegistry.All)}, or none.")!)];

    public static IdentKey[] Idents(ArgumentResult result) => Idents(result, "--ident", isWithdrawn: false);

    public static IdentKey[] WithdrawnIdents(ArgumentResult result) => Idents(result, "--withdraw-ident", isWithdrawn: true);

    private static IdentKey[] Idents(ArgumentResult result, string option, bool isWithdrawn)
    {
        try
        {
            return [.. result.Tokens
                .Select(t => new IdentKey(Convert.FromHexString(PrivateFile.ReadSecret(t.Value).Trim()), isWithdrawn))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Fail<IdentKey[]>(result, $"{option}: {e.Message}")!;
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            return Fail<IdentKey[]>(result,
                $"{option} needs a file with an Ed25519 private key: 64 hexadecimal digits, for example from 'openssl rand -hex 32'.")!;
        }
    }

    public static IPNetwork[] Networks(ArgumentResult result) => Networks(result, result.Tokens.Select(t => t.Value));

    /// <summary>Networks of load balancers, separated by commas too. Everybody is none: a client would choose its address.</summary>
    public static IPNetwork[] Balancers(ArgumentResult result)
    {
        var networks = Networks(result, result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.TrimEntries)));
        if (result.Errors.FirstOrDefault() is null && networks.Any(n => n.PrefixLength == 0))
            result.AddError("--accept-proxy with the prefix length 0 would let every client choose its address: name the load balancers.");

        return networks;
    }

    private static IPNetwork[] Networks(ArgumentResult result, IEnumerable<string> texts) =>
        [.. texts.Select(t => TryNetwork(t) ?? Fail<IPNetwork>(result, $"'{t}' is not a network; write 192.0.2.0/24 or 2001:db8::1."))];

    private static IPNetwork? TryNetwork(string text)
    {
        if (!text.Contains('/', StringComparison.Ordinal))
        {
            return IPAddress.TryParse(text, out var address) ? new IPNetwork(Plain(address), Plain(address).GetAddressBytes().Length * 8)
                : null;
        }

        return !IPNetwork.TryParse(text, out var network) ? null
            : network.BaseAddress.IsIPv4MappedToIPv6 && network.PrefixLength >= 96
                ? new IPNetwork(network.BaseAddress.MapToIPv4(), network.PrefixLength - 96)
            : network;
    }

    /// <summary>DOMAIN=HOST[:PORT], with HOST in square brackets for no MX lookup.</summary>
    public static KeyValuePair<string, Route>[] Routes(ArgumentResult result) =>
        [.. result.Tokens.Select(
            t => TryRoute(t.Value)
                ?? Fail<KeyValuePair<string, Route>>(result,
                    $"'{t.Value}' is not a route; write example.org=[192.0.2.1]:25, or *=smarthost.example for all domains."))];

    private static KeyValuePair<string, Route>? TryRoute(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        var (domain, host, port) = (text[..Math.Max(equals, 0)], text[(equals + 1)..], (ushort)Limits.DefaultPort);
        int colon = host.LastIndexOf(':');
        if (colon > host.LastIndexOf(']'))
        {
            if (!ushort.TryParse(host.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port == 0)
                return null;

            host = host[..colon];
        }

        return MailHost.Parse(host) is not null && (domain == "*" ? domain : MailDomain.Canonical(domain)) is { } known
            ? new(known, new Route(host, port) { IsConfigured = true })
            : null;
    }

    private static T? Fail<T>(ArgumentResult result, string message)
    {
        result.AddError(message);
        return default;
    }
}
