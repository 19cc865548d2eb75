namespace BlackPony.Smtp.Outbound;

/// <summary>Where mail goes next (spec 10.5).</summary>
/// <param name="Host">A domain; in square brackets a host or an address, to which no MX lookup is made ([BP-10.4-11]).</param>
/// <param name="Port">The TCP port.</param>
public sealed record Route(string Host, int Port)
{
    /// <summary>
    /// Whether the administrator set it. Only such a host may stand in the hosts file, and be on this machine's own
    /// <see cref="BlackPony.Reference.Limits.DefaultPort"/>;
    /// the domain of a mail address may not ([BP-10.4-16], [BP-10.4-17]).
    /// </summary>
    public bool IsConfigured { get; init; }
}
