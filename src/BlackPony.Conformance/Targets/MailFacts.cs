using System.Net;

namespace BlackPony.Conformance.Targets;

/// <summary>What its user declares about a mail server, so that more cases apply.</summary>
public sealed record MailFacts
{
    /// <summary>Addresses to which it accepts mail.</summary>
    public IReadOnlyList<string> Local { get; init; } = [];

    /// <summary>An address for which it would have to relay.</summary>
    public string? Foreign { get; init; }

    /// <summary>A user that it knows, and the password.</summary>
    public (string User, string Password)? Credentials { get; init; }

    /// <summary>Whether it requires TLS.</summary>
    public bool RequiresTls { get; init; }

    /// <summary>Whether it is publicly referenced (RFC 3207 4).</summary>
    public bool IsPublic { get; init; }

    /// <summary>Whether it refuses mail of a client without a certificate.</summary>
    public bool WantsCertificate { get; init; }

    /// <summary>The same server without a certificate.</summary>
    public DnsEndPoint? WithoutCertificate { get; init; }

    /// <summary>Refuses a case whose needs are not met.</summary>
    /// <exception cref="NotApplicableException">They are not.</exception>
    public void Check(Needs needs)
    {
        Need(Needs.Local, Local.Count > 0, "The suite knows no address to which the server accepts mail: give --local.");
        Need(Needs.TwoLocal, Local.Count > 1, "The suite knows no two addresses to which the server accepts mail: give --local twice.");
        Need(Needs.Foreign, Foreign is not null, "The suite knows no address for which the server would have to relay: give --foreign.");
        Need(Needs.Credentials, Credentials is not null, "The suite knows no user of the server: give --auth.");
        Need(Needs.TlsRequired, RequiresTls, "Only for a server that requires TLS: say so with --requires-tls.");
        Need(Needs.Public, IsPublic, "Only for a server that MX records name: say so with --public.");
        Need(Needs.WantsCertificate, WantsCertificate,
            "Only for a server that takes no mail of a client without a certificate: say so with --wants-certificate.");
        Need(Needs.NoCertificate, WithoutCertificate is not null,
            "Only with a second server that has no certificate: give --without-certificate.");

        void Need(Needs need, bool isMet, string otherwise)
        {
            if (needs.HasFlag(need) && !isMet)
                throw new NotApplicableException(otherwise);
        }
    }
}
