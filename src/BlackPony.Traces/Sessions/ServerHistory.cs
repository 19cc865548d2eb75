namespace BlackPony.Traces.Sessions;

/// <summary>What servers offered in other sessions, so that stripping is noticed, and which upgrades broke, so that downgrades
/// are.</summary>
internal sealed class ServerHistory
{
    private const int MaxServers = 10_000;
    private const long Soon = 600_000_000_000;

    private readonly Dictionary<string, (bool StartTls, bool BlackPony)> _offers = [];
    private readonly Dictionary<(string Client, string Server), long> _broken = [];

    /// <summary>Looks at a session that is over, in the order of their ends.</summary>
    public void Close(ObservedSession report)
    {
        var known = _offers.GetValueOrDefault(report.Server);
        bool asked = report.HasKeywords && report.Gaps == 0 && !report.IsDecrypted;
        if (asked && known.BlackPony && report.Offer is null)
        {
            report.Add(FindingKind.OfferStripped, 0,
                "The same server offered XBLACKPONY in another session and does not here: it may have been stripped in transit.");
        }

        if (asked && known.StartTls && !report.OffersStartTls)
        {
            report.Add(FindingKind.OfferStripped, 0,
                "The same server offered STARTTLS in another session and does not here: it may have been stripped in transit.");
        }

        if (known.StartTls || known.BlackPony || _offers.Count < MaxServers)
            _offers[report.Server] = (known.StartTls || report.OffersStartTls, known.BlackPony || report.Offer is not null);

        var pair = (Host(report.Client), report.Server);
        if (report.UpgradeBroke)
        {
            if (_broken.Count < MaxServers)
                _broken[pair] = report.End;
        }
        else if (_broken.Count > 0 && report.Upgrade == UpgradeKind.None && report.Commands.Contains("MAIL")
            && _broken.TryGetValue(pair, out long when) && report.Start - when is >= 0 and < Soon)
        {
            report.Add(FindingKind.Downgrade, 0,
                "Plain SMTP in a fresh connection after an upgrade broke: an attacker who broke it can read this mail.");
            _broken.Remove(pair);
        }
    }

    private static string Host(string endPoint)
    {
        int colon = endPoint.LastIndexOf(':');
        return colon < 0 ? endPoint : endPoint[..colon];
    }
}
