namespace BlackPony.Smtp.Outbound;

/// <summary>How the outbound relay names itself, routes and protects (spec 10.5).</summary>
/// <param name="Name">Its name in greeting and EHLO reply: never the mail server's own, which would take that for a loop.</param>
/// <param name="Route">Where a recipient's domain goes; the same route for the same domain.</param>
public sealed record OutboundOptions(string Name, Func<string, Route> Route)
{
    /// <summary>Whether STARTTLS is used with a server that has no BlackPony ([BP-10.5-13]).</summary>
    public bool StartTls { get; init; } = true;
}
