using BlackPony.Smtp.Outbound;

namespace BlackPony.Hosting;

/// <summary>Finds routes, and keeps for which domain it found the last one: several domains may have the same.</summary>
internal sealed class LastRoute(RouteTable routes)
{
    private Route? _route;
    private string _domain = "";

    /// <summary>The route of a domain.</summary>
    public Route Find(string domain)
    {
        _domain = domain;
        return _route = routes.Find(domain);
    }

    /// <summary>The domain for which it found this route last; else the route's host.</summary>
    public string DomainOf(Route route) => route == _route ? _domain : route.Host;
}
