using System.Net;
using System.Net.Sockets;
using DnsClient;

namespace BlackPony.Hosting;

/// <summary>The domain does not exist, or says by a null MX (RFC 7505) that it takes no mail ([BP-10.4-14]).</summary>
public sealed class NoMailDomainException(string domain, bool hasNullMx) : Exception($"the domain {domain} does not exist or takes no mail")
{
    /// <summary>Whether the domain exists and has a null MX.</summary>
    public bool HasNullMx => hasNullMx;
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
    /// <exception cref="NoMailDomainException">The domain does not exist or takes no mail ([BP-10.4-14]).</exception>
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
        foreach (var exchanger in exchangers.Count > 0 ? exchangers : [host])
        {
            targets.AddRange(await AddressesAsync(exchanger, port, cancel).ConfigureAwait(false));
        }

        return targets.Count > 0 || exists ? targets : throw new NoMailDomainException(host, hasNullMx: false);
    }

    private async Task<(bool Exists, IReadOnlyList<string> Names)> ExchangersAsync(string domain, CancellationToken cancel)
    {
        try
        {
            var answer = await _dns.QueryAsync(domain, QueryType.MX, cancellationToken: cancel).ConfigureAwait(false);
            if (answer.HasError && answer.Header.ResponseCode != DnsHeaderResponseCode.NotExistentDomain)
            {
                throw new IOException($"DNS does not answer for {domain}.");
            }

            var records = answer.Answers.MxRecords().OrderBy(m => m.Preference).Select(m => m.Exchange.Value.TrimEnd('.')).ToList();
            return records is [""] ? throw new NoMailDomainException(domain, hasNullMx: true) : (!answer.HasError, [.. records.Where(n => n.Length > 0)]);
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
