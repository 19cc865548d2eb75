using System.Net;
using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>What a <see cref="SessionServer{TSettings}"/> does.</summary>
/// <param name="Listen">The addresses to listen on.</param>
public abstract record ServerSettings(IReadOnlyList<IPEndPoint> Listen)
{
    /// <summary>Sessions at one time; more are greeted with 421 ([BP-10.1-6]).</summary>
    public int MaxSessions { get; init; } = Limits.MaxSessions;

    /// <summary>Sessions at one time from one IPv4 address or one IPv6 /64 ([BP-10.1-16]); null for as many as there are.</summary>
    public int? MaxSessionsPerClient { get; init; }

    /// <summary>The load balancers that name their clients by the PROXY protocol ([BP-10.1-21]).</summary>
    public IReadOnlyList<IPNetwork> AcceptProxy { get; init; } = [];

    /// <summary>How long sessions in flight may go on after a stop ([BP-10.3-9]).</summary>
    public TimeSpan Drain { get; init; } = Limits.DrainTimeout;

    /// <summary>The clock of the time-outs.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The source of every draw.</summary>
    public IRandomSource Random { get; init; } = new SystemRandom();

    /// <summary>Whether somebody else is told the client's address.</summary>
    internal virtual bool TellsClientAddress => false;

    /// <summary>Whether a connection from this address must begin with a header of the PROXY protocol.</summary>
    internal bool AcceptsProxyFrom(IPAddress address) => AcceptProxy.Any(n => n.Contains(ClientAddress.Plain(address)));
}
