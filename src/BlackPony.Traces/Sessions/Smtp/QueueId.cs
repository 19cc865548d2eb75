using System.Text.RegularExpressions;

namespace BlackPony.Traces.Sessions.Smtp;

/// <summary>Finds a message's name in the reply to its end, as Postfix, Exim, sendmail, Exchange, qmail and others say it.</summary>
internal static partial class QueueId
{
    public static string? Of(string text)
    {
        var match = Form().Match(text);
        return match.Success ? match.Groups["id"].Value : null;
    }

    [GeneratedRegex(
        """queued as (?<id>[A-Za-z0-9._-]+)|\bid=(?<id>[A-Za-z0-9._-]+)"""
            + """|^250[ -](2\.0\.0 )?(?<id>[A-Za-z0-9]{8,}) Message accepted|^250[ -]ok \d+ qp (?<id>\d+)"""
            + """|\bqp (?<id>\d+)|InternalId=(?<id>\d+)"""
            + """|^250[ -](2\.\d\.\d )?OK:? +(?<id>[A-Za-z0-9-]*\d[A-Za-z0-9.-]{7,})"""
            + """|^250[ -](2\.0\.0:? )?(?<id>[0-9a-f]{8}) Message accepted""",
        RegexOptions.IgnoreCase)]
    private static partial Regex Form();
}
