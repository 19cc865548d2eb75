using System.Text.RegularExpressions;

namespace BlackPony.Traces.Replay;

/// <summary>Takes out of a reply's text what differs from run to run: dates, addresses, host names, queue ids.</summary>
internal static partial class Normaliser
{
    public static string Text(string reply)
    {
        reply = DateAndTime().Replace(reply, "(date)");
        reply = Mailbox().Replace(reply, "(address)");
        reply = Address().Replace(reply, "(ip)");
        // An enhanced status code (RFC 2034) is no host.
        reply = Host().Replace(reply, m => char.IsAsciiDigit(m.Value[0]) && !m.Value.Any(char.IsAsciiLetter) ? m.Value : "(host)");
        return Id().Replace(reply, m => m.Value.Any(char.IsAsciiDigit) ? "(id)" : m.Value);
    }

    [GeneratedRegex(
        @"((Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
            + @"( \d{2}:\d{2}(:\d{2})?)?( [+-]\d{4})?( \([A-Z]+\))?"
            + @"|\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}\S*)?|\d{2}:\d{2}:\d{2}")]
    private static partial Regex DateAndTime();

    [GeneratedRegex(@"<?[^\s<>@]+@[^\s<>@]+>?")]
    private static partial Regex Mailbox();

    [GeneratedRegex(@"\[?(\d{1,3}(\.\d{1,3}){3}|([0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4})\]?(:\d+)?")]
    private static partial Regex Address();

    [GeneratedRegex(@"\b[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\b|\blocalhost\b")]
    private static partial Regex Host();

    [GeneratedRegex(@"(?<=\s|=)[A-Za-z0-9_-]{6,}\b")]
    private static partial Regex Id();
}
