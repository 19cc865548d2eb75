using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using DnsClient;

namespace BlackPony.Hosting;

/// <summary>The domain does not exist, says by a null MX (RFC 7505) that it takes no mail ([BP-10.4-14]), or leads back here ([BP-10.4-16]).</summary>
/// <param name="domain">The domain.</param>
/// <param name="reply">The reply for its recipients, 5yz.</param>
public sealed class NoMailDomainException(string domain, string reply) : Exception($"{domain}: {reply[4..]}")
{
    /// <summary>The reply for the domain's recipients, without CRLF.</summary>
    public string Reply => reply;
}

/// <summary>Where mail for a host or domain goes (RFC 5321 5.1, [BP-10.4-11]).</summary>
public sealed class MailRouter
{
    private readonly LookupClient _dns;

    /// <summary>Makes a router.</summary>
    /// <param name="nameServer">A DNS server to ask in the place of the system's.</param>
    public MailRouter(IPEndPoint? nameServer = null)
    {
        var options = nameServer is null ? new LookupClientOptions() : new LookupClientOptions(nameServer);
        options.UseCache = false;
        _dns = new LookupClient(options);
    }

    /// <summary>Resolves a domain to its mail exchangers' addresses, or <c>[host]</c> to that host's, without MX lookup.</summary>
    /// <returns>The targets in order; none if the host does not exist.</returns>
    /// <exception cref="IOException">DNS fails temporarily ([BP-10.4-12]).</exception>
    /// <exception cref="NoMailDomainException">The domain does not exist, takes no mail ([BP-10.4-14]), or leads back here ([BP-10.4-16]).</exception>
    public async Task<IReadOnlyList<MailTarget>> ResolveAsync(string host, int port, CancellationToken cancel)
    {
        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            var inner = host[1..^1];
            return await AddressesAsync(inner.StartsWith("IPv6:", StringComparison.OrdinalIgnoreCase) ? inner[5..] : inner, port, cancel).ConfigureAwait(false);
        }

        if (IPAddress.TryParse(host, out _))
        {
            return await AddressesAsync(host, port, cancel).ConfigureAwait(false);
        }

        var (exists, exchangers) = await ExchangersAsync(host, cancel).ConfigureAwait(false);
        var targets = new List<MailTarget>();
        foreach (var equals in exchangers.DefaultIfEmpty((Preference: 0, Name: host)).GroupBy(e => e.Preference, e => e.Name))
        {
            var further = new List<MailTarget>();
            foreach (var exchanger in equals)
            {
                further.AddRange(await AddressesAsync(exchanger, port, cancel).ConfigureAwait(false));
            }

            if (port == Limits.DefaultPort && further.Exists(t => IsOwn(t.Address)))
            {
                // The mail server here is one of the exchangers: only better ones help ([BP-10.4-16]).
                return targets.Count > 0 ? targets : throw new NoMailDomainException(host, "554 5.4.6 The mail would come back to this machine");
            }

            targets.AddRange(further);
        }

        return targets.Count > 0 || exists ? targets : throw new NoMailDomainException(host, "550 5.1.2 The domain does not exist");
    }

    private static bool IsOwn(IPAddress address) =>
        IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)
        || address.Equals(SourceTowards(address));

    // To an own address a machine goes from that address. Nothing is sent, and no list of interfaces is read, which a service may be denied.
    private static IPAddress? SourceTowards(IPAddress address)
    {
        try
        {
            using var probe = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            probe.Connect(address, Limits.DefaultPort);
            return ((IPEndPoint)probe.LocalEndPoint!).Address;
        }
        catch (SocketException)
        {
            // No way there.
            return null;
        }
    }

    private async Task<(bool Exists, IReadOnlyList<(int Preference, string Name)> Exchangers)> ExchangersAsync(string domain, CancellationToken cancel)
    {
        try
        {
            var answer = await _dns.QueryAsync(domain, QueryType.MX, cancellationToken: cancel).ConfigureAwait(false);
            if (answer.HasError && answer.Header.ResponseCode != DnsHeaderResponseCode.NotExistentDomain)
            {
                throw new IOException($"DNS does not answer for {domain}.");
            }

            var records = answer.Answers.MxRecords().OrderBy(m => m.Preference).Select(m => ((int)m.Preference, Name: m.Exchange.Value.TrimEnd('.'))).ToList();
            return records is [{ Name: "" }] ? throw new NoMailDomainException(domain, "556 5.1.10 The domain takes no mail") : (!answer.HasError, [.. records.Where(n => n.Name.Length > 0)]);
        }
        catch (DnsResponseException e)
        {
            throw new IOException($"DNS does not answer for {domain}.", e);
        }
    }

    private static async Task<IReadOnlyList<MailTarget>> AddressesAsync(string host, int port, CancellationToken cancel)
    {
        try
        {
            var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(host, cancel).ConfigureAwait(false);
            return [.. addresses.Select(a => new MailTarget(host, a, port))];
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData)
        {
            return [];
        }
        catch (SocketException e)
        {
            throw new IOException($"DNS does not answer for {host}.", e);
        }
    }
}
