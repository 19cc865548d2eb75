using System.Net;
using System.Net.Sockets;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Hosting;

/// <summary>How the relay tells its backend who the client is (spec 10.1).</summary>
public enum ClientAddressing
{
    /// <summary>It does not: the backend sees the relay's own source address.</summary>
    None,

    /// <summary>The XCLIENT command (Postfix).</summary>
    XClient,

    /// <summary>The PROXY protocol, version 1: a line of text.</summary>
    ProxyV1,

    /// <summary>The PROXY protocol, version 2: binary.</summary>
    ProxyV2,
}

/// <summary>What <see cref="InboundServer"/> does.</summary>
/// <param name="Listen">The addresses to listen on.</param>
/// <param name="BackendHost">The mail server's host name or address.</param>
/// <param name="BackendPort">The mail server's port.</param>
/// <param name="Options">What the relay offers.</param>
public sealed record InboundSettings(IReadOnlyList<IPEndPoint> Listen, string BackendHost, int BackendPort, ServerOptions Options)
    : ServerSettings(Listen)
{
    /// <summary>The mail server's host and port, for messages.</summary>
    public string Backend =>
        BackendHost.Contains(':', StringComparison.Ordinal) ? $"[{BackendHost}]:{BackendPort}" : $"{BackendHost}:{BackendPort}";

    /// <summary>The source address towards the backend; null for the system's choice.</summary>
    public IPAddress? BackendSource { get; init; }

    /// <summary>How the backend learns the client's address.</summary>
    public ClientAddressing Addressing { get; init; }

    /// <summary>Asks the mail server whether it would relay for strangers ([BP-10.1-9]); null where nobody asks.</summary>
    public OpenRelayProbe? Probe { get; init; }

    /// <summary>The client address that the probe sends where the relay passes on the client's address; null for one that is reserved for
    /// documentation (192.0.2.1, RFC 5737; 2001:db8::1, RFC 3849), which no mail server trusts.</summary>
    public IPAddress? Stranger { get; init; }

    /// <summary>Looks up the clients' names for XCLIENT; null tells the mail server that they have none.</summary>
    public IClientNames? ClientNames { get; init; }

    /// <summary>The client address and port that the probe sends, of a family: those of a client that no mail server trusts.</summary>
    internal IPEndPoint StrangerOf(AddressFamily family) => new(Stranger is { } told && told.AddressFamily == family ? told
        : IPAddress.Parse(family == AddressFamily.InterNetwork ? "192.0.2.1" : "2001:db8::1"), 2525);

    /// <inheritdoc/>
    internal override bool TellsClientAddress => Addressing != ClientAddressing.None;
}
