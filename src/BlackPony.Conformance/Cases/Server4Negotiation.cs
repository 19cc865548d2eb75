using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Negotiation, spec 4.</summary>
internal static class Server4Negotiation
{
    private const string Core = "X25519-CHACHA20POLY1305";

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        new("S-4.1-1", "The EHLO reply has one XBLACKPONY line: V1, then suites, within 512 octets", Must, Profile.Core, "BP-4.1-1 BP-4.1-2 BP-4.1-3 BP-4.1-4 BP-5.1-1", async p =>
        {
            var reply = await p.EhloAsync();
            Check(p.OfferLine.Length > 0, "There is no XBLACKPONY line in the EHLO reply.");
            var tokens = p.OfferLine.Split(' ');
            Check(tokens.Length >= 3 && tokens[1] == "V1" && tokens.All(t => t.Length > 0), $"The offer is \"{p.OfferLine}\".");
            Check(p.OfferLine.Length + 6 <= Limits.MaxReplyLine, "The line is longer than 512 octets.");
            Check(tokens.Contains(Core), $"{Core} is not offered.");
            Check(Enumerable.Range(0, reply.Lines.Count).Count(i => Encoding.Latin1.GetString(reply.Text(i)).StartsWith("XBLACKPONY", StringComparison.OrdinalIgnoreCase)) == 1, "There are several XBLACKPONY lines.");
        }),
        new("S-4.1-2", "A reply to HELO has no XBLACKPONY line", Must, Profile.Core, "BP-4.1-6", async p =>
        {
            var reply = await p.Wire.CommandAsync("HELO probe.test", 250);
            Check(!reply.Lines.Any(l => Encoding.Latin1.GetString(l).Contains("XBLACKPONY", StringComparison.OrdinalIgnoreCase)), "HELO is answered with the keyword.");
        }),
        new("S-4.1-3", "The offer ends with a grease token, drawn anew", Should, Profile.Core, "BP-4.1-7", async p =>
        {
            await p.EhloAsync();
            var first = p.OfferLine;
            await p.EhloAsync();
            Check(first.Split(' ')[^1].StartsWith("G-", StringComparison.Ordinal), "There is no grease token at the end.");
            Check(first != p.OfferLine, "Two offers in a row have the same grease.");
        }),
        new("S-4.1-4", "The last of several EHLOs is the one that counts", Must, Profile.Core, "BP-4.1-15 BP-6.1-1", async p =>
        {
            await p.EhloAsync();
            await p.UpgradeAsync(Core);
            await p.DeliverInsideAsync();
        }),
        new("S-4.2-1", "Verb, version and suite are taken in any case", Must, Profile.Core, "BP-4.2-5 BP-6.1-2 BP-6.2-1", async p =>
        {
            await p.UpgradeAsync(Core, c => c.Replace("XBLACKPONY V1 X25519-CHACHA", "xBlackPony v1 x25519-ChaCha", StringComparison.Ordinal));
            await p.DeliverInsideAsync();
        }),
        new("S-4.2-2", "Unknown parameters and grease in the command are ignored", Must, Profile.Core, "BP-4.2-6", async p =>
        {
            await p.UpgradeAsync(Core, c => c + " G-0A1B future=yes");
            await p.DeliverInsideAsync();
        }),
        new("S-4.2-3", "A command line of exactly 4096 octets is accepted", Must, Profile.Core, "BP-4.2-4", async p =>
        {
            await p.UpgradeAsync(Core, c => (c + " " + new string('x', Limits.MaxCommandLine))[..(Limits.MaxCommandLine - 2)]);
            await p.DeliverInsideAsync();
        }),
        new("S-4.2-4", "Malformed commands get 501, and the session stays usable", Must, Profile.Core, "BP-4.2-8 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            var share = ServerProbe.Share(Core);
            foreach (var line in (string[])["XBLACKPONY", "XBLACKPONY V1", $"XBLACKPONY V1 {Core}", $"XBLACKPONY  V1 {Core} {share}", $"XBLACKPONY V1 {Core} {share} ", $"XBLACKPONY V1 {Core} {share} \xE9"])
            {
                await p.Wire.CommandAsync(line, 501);
            }

            await p.ExpectUsableAsync();
        }),
        new("S-4.3-1", "The 220 reply carries canonical base64 in K= lines and no enhanced status code", Must, Profile.Core, "BP-4.3-1 BP-4.3-2 BP-4.3-3 BP-5.1-6", p => p.UpgradeAsync(Core)),
        new("S-4.4-1", "An over-long command gets 500, and the session stays usable", Must, Profile.Core, "BP-4.4-1 BP-4.4-3", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} {new string('A', 5000)}", 500);
            await p.ExpectUsableAsync();
        }),
        new("S-4.4-2", "Octets behind the command in one segment get 503 and the connection is closed", Must, Profile.Core, "BP-4.4-4 BP-4.6-1", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} {ServerProbe.Share(Core)}\r\nMAIL FROM:<evil@probe.test>", 503);
            Check(await p.Wire.LineAsync() is null, "The connection stays open, or the injected command was answered.");
        }),
        new("S-4.4-3", "503 in a mail transaction, and the transaction goes on", Must, Profile.Core, "BP-4.4-5", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} {ServerProbe.Share(Core)}", 503);
            await p.Wire.CommandAsync("RCPT TO:<b@sink.test>", 250);
            await p.Wire.CommandAsync("RSET", 250);
            await p.UpgradeAsync(Core);
        }),
        new("S-4.4-4", "503 before EHLO and after HELO", Must, Profile.Core, "BP-4.4-6", async p =>
        {
            await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} {ServerProbe.Share(Core)}", 503);
            await p.EhloAsync();
            await p.Wire.CommandAsync("HELO probe.test", 250);
            await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} {ServerProbe.Share(Core)}", 503);
            await p.ExpectUsableAsync();
        }),
        new("S-4.4-5", "504 for another version, also one that is V1 as a number", Must, Profile.Core, "BP-4.4-1", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync($"XBLACKPONY V2 {Core} {ServerProbe.Share(Core)}", 504);
            await p.Wire.CommandAsync($"XBLACKPONY V01 {Core} {ServerProbe.Share(Core)}", 504);
            await p.ExpectUsableAsync();
        }),
        new("S-4.4-6", "504 for an unknown suite", Must, Profile.Core, "BP-4.4-1", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync("XBLACKPONY V1 NO-SUCH-SUITE AAAA", 504);
            await p.UpgradeAsync(Core);
        }),
        new("S-4.4-7", "After eight attempts every further one gets 454", Must, Profile.Core, "BP-4.4-7", async p =>
        {
            await p.EhloAsync();
            for (int i = 0; i < Limits.MaxUpgradeAttempts; i++)
            {
                await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501);
            }

            await p.Wire.CommandAsync($"XBLACKPONY V1 {Core} {ServerProbe.Share(Core)}", 454);
            await p.ExpectUsableAsync();
        }),
        new("S-4.5-1", "Inside there is no greeting, no XBLACKPONY and no STARTTLS", Must, Profile.Core, "BP-4.5-3 BP-4.5-4", async p =>
        {
            await p.UpgradeAsync(Core);
            var reply = await p.Wire.CommandInsideAsync("EHLO probe.test", 250);
            var text = string.Join(' ', reply.Lines.Select(Encoding.Latin1.GetString)).ToUpperInvariant();
            Check(!text.Contains("XBLACKPONY", StringComparison.Ordinal) && !text.Contains("STARTTLS", StringComparison.Ordinal), "XBLACKPONY or STARTTLS is offered inside.");
        }),
        new("S-4.5-2", "Inside, XBLACKPONY and STARTTLS get 503", Must, Profile.Core, "BP-4.5-5", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.CommandInsideAsync("EHLO probe.test", 250);
            await p.Wire.CommandInsideAsync($"XBLACKPONY V1 {Core} {ServerProbe.Share(Core)}", 503);
            await p.Wire.CommandInsideAsync("STARTTLS", 503);
            await p.Wire.CommandInsideAsync("NOOP", 250);
        }),
        new("S-4.5-3", "HELO works inside", Must, Profile.Core, "BP-4.5-2", async p =>
        {
            await p.UpgradeAsync(Core);
            await p.Wire.CommandInsideAsync("HELO probe.test", 250);
        }),
    ];

    internal static void Check(bool good, string finding)
    {
        if (!good)
        {
            throw new CaseFailedException(finding);
        }
    }
}
