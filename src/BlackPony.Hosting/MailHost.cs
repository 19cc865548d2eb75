using System.Net;
using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>What stands where a domain or host is asked for: on <c>mailer</c>'s command line, in a route, or after the <c>@</c> of an
/// address.</summary>
/// <param name="Name">The domain or host as A-labels, or the address's text ([BP-9.4-1]).</param>
/// <param name="Address">The address, if it is one.</param>
/// <param name="IsBracketed">Whether it stands in square brackets, for no MX lookup ([BP-10.4-11]).</param>
public sealed record MailHost(string Name, IPAddress? Address, bool IsBracketed)
{
    /// <summary>Reads <c>domain</c>, <c>[host]</c>, <c>[192.0.2.1]</c>, <c>[IPv6:2001:db8::1]</c> or <c>[2001:db8::1]</c>, or such an
    /// address without brackets.</summary>
    /// <returns>Null if it is none of them.</returns>
    public static MailHost? Parse(string text)
    {
        bool isBracketed = text.StartsWith('[') && text.EndsWith(']');
        var inner = isBracketed ? text[1..^1] : text;
        var literal = isBracketed && inner.StartsWith("IPv6:", StringComparison.OrdinalIgnoreCase) && inner.Count(c => c == ':') > 1
            ? inner[5..] : inner;
        if (HostName.Address(literal) is { } address)
        {
            var plain = Resolver.AddressOrder.Plain(address);
            return new MailHost(plain.ToString(), plain, isBracketed);
        }

        return MailDomain.Canonical(inner) is { } name && !name.StartsWith('[') && (!isBracketed || HostName.IsValid(name))
            ? new MailHost(name, null, isBracketed) : null;
    }
}
