using System.Net;
using System.Net.Sockets;
using BlackPony.Hosting.Resolver;
using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>Clients' names by DNS: PTR, and A or AAAA of what it says. Names are absolute; no hosts file, no search list.</summary>
/// <param name="nameServer">A DNS server to ask instead of the system's.</param>
/// <param name="time">The clock of the time-out.</param>
public sealed class DnsClientNames(IPEndPoint? nameServer, TimeProvider time) : IClientNames
{
    // The mail server waits meanwhile, and its client too. Postfix's own look-up has the resolver's time-outs, which are longer.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly StubResolver _dns =
        new(() => nameServer is null ? ResolverSettings.Read() : new ResolverSettings([nameServer]), time);

    /// <inheritdoc/>
    public async Task<ClientName> FindAsync(IPAddress client, CancellationToken cancel)
    {
        var address = ClientAddress.Plain(client);
        if (address.Equals(IPAddress.Loopback) || address.Equals(IPAddress.IPv6Loopback))
        {
            // RFC 6761 6.3.
            return new ClientName("localhost", "localhost", false);
        }

        if (address.IsIPv6LinkLocal)
            return ClientName.None;

        using var patience = new LinkedTimeout(Longest, time, cancel);
        string? reverse = null;
        try
        {
            var pointers = await _dns.AskAsync(PointerName(address), DnsType.Ptr, patience.Token).ConfigureAwait(false);
            reverse = pointers.Records.Select(r => r.Name).FirstOrDefault(HostName.IsValid);
            if (reverse is null)
                return new ClientName(null, null, pointers.Outcome == DnsOutcome.Failed);

            var type = address.AddressFamily == AddressFamily.InterNetwork ? DnsType.A : DnsType.Aaaa;
            var addresses = await _dns.AskAsync(reverse, type, patience.Token).ConfigureAwait(false);
            return addresses.Records.Any(r => address.Equals(r.Address)) ? new ClientName(reverse, reverse, false)
                : new ClientName(null, reverse, addresses.Outcome == DnsOutcome.Failed);
        }
        catch (Exception) when (!cancel.IsCancellationRequested)
        {
            // Whatever the name server did, it has said nothing of the client.
            return new ClientName(null, reverse, true);
        }
    }

    private static string PointerName(IPAddress address)
    {
        var octets = address.GetAddressBytes();
        return octets.Length == 4
            ? $"{octets[3]}.{octets[2]}.{octets[1]}.{octets[0]}.in-addr.arpa"
            : string.Concat(octets.Reverse().Select(o => $"{o & 15:x}.{o >> 4:x}.")) + "ip6.arpa";
    }
}
