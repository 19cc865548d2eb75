using BlackPony.Reference;

namespace BlackPony.Hosting;

/// <summary>The mail exchangers of a domain and their addresses, no more than a mailer tries.</summary>
/// <param name="Exchangers">The exchangers, by preference.</param>
/// <param name="MoreExchangers">How many others the domain has.</param>
/// <param name="MoreAddresses">How many other addresses the exchangers have.</param>
public sealed record MailSurvey(IReadOnlyList<MailExchanger> Exchangers, int MoreExchangers, int MoreAddresses)
{
    internal static MailSurvey Of((IReadOnlyList<MailExchanger> Exchangers, int More) found)
    {
        int room = Limits.MaxExchangers, more = 0;
        var exchangers = new List<MailExchanger>();
        foreach (var exchanger in found.Exchangers)
        {
            int count = Math.Min(room, exchanger.Targets.Count);
            room -= count;
            more += exchanger.Targets.Count - count;
            exchangers.Add(exchanger with { Targets = [.. exchanger.Targets.Take(count)] });
        }

        return new MailSurvey(exchangers, found.More, more);
    }
}
