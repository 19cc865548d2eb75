using System.Net;
using System.Net.Sockets;
using DnsClient;
using DnsClient.Protocol;

namespace BlackPony.Hosting;

/// <summary>Clients' names by DNS: PTR, and A or AAAA of what it says. Names are absolute; no hosts file, no search list.</summary>
/// <param name="nameServer">A DNS server to ask instead of the system's.</param>
/// <param name="time">The clock of the time-out.</param>
public sealed class DnsClientNames(IPEndPoint? nameServer, TimeProvider time) : IClientNames
{
    // The mail server waits meanwhile, and its client too. Postfix's own look-up has the resolver's time-outs, which are longer.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private LookupClient? _dns;

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
        {
            return ClientName.None;
        }

        using var patience = new Patience(Longest, time, cancel);
        string? reverse = null;
        try
        {
            var (names, sure) = await AskAsync(PointerName(address), QueryType.PTR, patience.Token).ConfigureAwait(false);
            reverse = names.OfType<PtrRecord>().Select(r => r.PtrDomainName.Value.TrimEnd('.')).FirstOrDefault(ClientName.IsHostName);
            if (reverse is null)
            {
                return new ClientName(null, null, !sure);
            }

            var type = address.AddressFamily == AddressFamily.InterNetwork ? QueryType.A : QueryType.AAAA;
            (var addresses, sure) = await AskAsync(reverse + ".", type, patience.Token).ConfigureAwait(false);
            return addresses.OfType<AddressRecord>().Any(r => r.Address.Equals(address)) ? new ClientName(reverse, reverse, false)
                : new ClientName(null, reverse, !sure);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return new ClientName(null, reverse, true);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever the name server did, it has said nothing of the client.
            return new ClientName(null, reverse, true);
        }
    }

    private static string PointerName(IPAddress address)
    {
        var octets = address.GetAddressBytes();
        return octets.Length == 4
            ? $"{octets[3]}.{octets[2]}.{octets[1]}.{octets[0]}.in-addr.arpa."
            : string.Concat(octets.Reverse().Select(o => $"{o & 15:x}.{o >> 4:x}.")) + "ip6.arpa.";
    }

    private async Task<(IReadOnlyList<DnsResourceRecord> Records, bool Sure)> AskAsync(string name, QueryType type,
        CancellationToken cancel)
    {
        // Not before it is needed: it fails where the system names no server.
        _dns ??= new LookupClient(nameServer is null ? new LookupClientOptions() : new LookupClientOptions(nameServer));
        var answer = await _dns.QueryAsync(name, type, cancellationToken: cancel).ConfigureAwait(false);
        return (answer.Answers, !answer.HasError || answer.Header.ResponseCode == DnsHeaderResponseCode.NotExistentDomain);
    }
}
