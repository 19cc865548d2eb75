namespace BlackPony.Reference.Smtp;

/// <summary>Where mail goes next (spec 10.5).</summary>
/// <param name="Host">A domain; in square brackets a host or an address, to which no MX lookup is made ([BP-10.4-11]).</param>
/// <param name="Port">The TCP port.</param>
public sealed record Route(string Host, int Port);
