namespace BlackPony.Hosting;

/// <summary>
/// No mail can ever go to the domain: it does not exist or says by a null MX (RFC 7505) that it takes none ([BP-10.4-14]), it leads back
/// here ([BP-10.4-16]),
/// or none of its mail exchangers can be used ([BP-10.4-18]).
/// </summary>
/// <param name="domain">The domain.</param>
/// <param name="reply">The reply for its recipients, 5yz.</param>
public sealed class NoMailDomainException(string domain, string reply) : Exception($"{domain}: {reply[4..]}")
{
    /// <summary>The reply for the domain's recipients, without CRLF.</summary>
    public string Reply => reply;
}
