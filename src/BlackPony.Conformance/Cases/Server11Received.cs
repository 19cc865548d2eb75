using System.Text.RegularExpressions;
using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The Received field, spec 11.2.</summary>
internal static class Server11Received
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        // [BP-11.2-2] A server MUST NOT use `with ESMTPS` for BlackPony, which is STARTTLS's.
        new("S-11.2-1", "The Received field of mail that came in records does not say ESMTPS", Must, Profile.Core, "BP-11.2-2", async p =>
        {
            var marker = p.Marker();
            await p.InsideAsync();
            await p.DeliverInsideAsync($"Subject: {marker}\r\n\r\nreceived\r\n");
            foreach (var field in Received(await p.MailAsync(marker), marker))
                That(!Regex.IsMatch(field, @"\bwith\s+ESMTPSA?\b", RegexOptions.IgnoreCase), $"The field is {Show(field)}.");
        })
        { Needs = Needs.Mailbox },
    ];

    // Those of this hop, which name the client by its EHLO, in the header section that the marker stands in.
    private static IEnumerable<string> Received(string mail, string marker)
    {
        var text = mail.ReplaceLineEndings("\n");
        int at = text.IndexOf(marker, StringComparison.Ordinal);
        int from = text.LastIndexOf("\n\n", at, StringComparison.Ordinal);
        return Regex.Replace(text[(from < 0 ? 0 : from)..at], @"\n[ \t]+", " ").Split('\n')
            .Where(l => Regex.IsMatch(l, @"^Received:.*\bprobe\.test\b", RegexOptions.IgnoreCase));
    }
}
