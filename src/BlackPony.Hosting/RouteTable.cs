using BlackPony.Smtp.Outbound;


namespace BlackPony.Hosting;

/// <summary>Routes that are set by hand.</summary>
/// <param name="routes">By domain in lower case, as A-labels and without a final dot; <c>*</c> is every domain that has none.</param>
/// <param name="port">The port of mail exchangers.</param>
public sealed class RouteTable(IReadOnlyDictionary<string, Route> routes, int port)
{
    /// <summary>The route of a domain: its own, else that of all, else its mail exchangers.</summary>
    public Route Find(string domain) => routes.GetValueOrDefault(domain) ?? routes.GetValueOrDefault("*") ?? new Route(domain, port);
}
