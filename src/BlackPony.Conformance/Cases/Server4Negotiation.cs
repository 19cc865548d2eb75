using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Negotiation, spec 4.</summary>
internal static partial class Server4Negotiation
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } = [.. Offer, .. Refusals, .. Inside];

    // The offer of a first EHLO reply, and of a second.
    private static Case<ServerProbe> Offers(string id, string title, string requirements, Action<ServerProbe, Reply> check) =>
        new(id, title, Must, Profile.Core, requirements, async p =>
        {
            for (int i = 0; i < 2; i++)
            {
                var reply = await p.EhloAsync();
                if (p.Offer.Length == 0 && id != "S-4.1-1")
                    throw new NotApplicableException("The server does not offer XBLACKPONY.");

                check(p, reply);
            }
        });

    private static Case<ServerProbe> Malformed(string id, string title, Func<string, string[]> lines) =>
        new(id, title, Must, Profile.Core, "BP-4.2-8 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            foreach (var line in lines(p.Share(Core)))
                await p.ProbeConnection.RefusedAsync(line, 501, null, null);

            await p.ExpectUsableAsync();
        });

    // At octet 4096 the line is too long already, whatever the octet is; one octet before it is not yet.
    private static Case<ServerProbe> Limit(string id, string what, Profile profile, string begins,
        Func<ServerProbe, Task> before) => new(id,
            $"A bare LF, bare CR or NUL in the {what} counts up to octet 4095; at octet 4096 the line is too long", Must, profile,
            "BP-4.4-14", async p =>
    {
        foreach (var stray in (string[])["\0", "\n", "\rx"])
        {
            foreach (int at in (int[])[Limits.MaxCommandLine - 1, Limits.MaxCommandLine])
            {
                foreach (bool split in (bool[])[false, true])
                {
                    await before(p);
                    var line = begins.PadRight(at - 1, 'A') + stray + "AAAA\r\n";
                    if (split)
                        await p.ProbeConnection.SendAsync(line[..at]);

                    await p.ProbeConnection.SendAsync(split ? line[at..] : line);
                    var reply = await p.ProbeConnection.ReplyAsync();
                    int expected = at < Limits.MaxCommandLine ? 501 : 500;
                    That(reply.Code == expected,
                        $"{Show(stray[..1])} as octet {at} is answered with {Show(reply.Lines[0])}, not with {expected}.");
                    if (expected == 501)
                        await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                    else
                        await p.ExpectUsableAsync();

                    await p.ConnectAsync();
                }
            }
        }
    });

    // Every line but the last has 400 characters.
    private static Case<ServerProbe> Fragments(string id, Profile profile, int octets, params string[] suites) =>
        new(id, $"The share of {suites[0]} is split into lines of 400 characters", Must, profile, "BP-4.3-4 BP-4.3-2 BP-4.3-3", async p =>
        {
            await p.NeedAsync(suites[0]);
            foreach (var suite in suites.Where(s => p.Suites.Contains(s, StringComparer.OrdinalIgnoreCase)).ToList())
            {
                var reply = await p.ProbeConnection.CommandAsync(p.Command(suite), suite == Classic ? 334 : 220);
                var lengths = reply.Texts().Select(t => t.Length - 2).ToList();
                int whole = (octets + 2) / 3 * 4;
                That(!reply.Texts().Any(t => t.Length > 4 && t[1] == '.' && t[3] == '.'),
                    $"A line has an enhanced status code: {Show(reply.Lines[0])}.", "BP-4.3-3");
                That(reply.Texts().All(t => t.StartsWith("K=", StringComparison.Ordinal)),
                    "A line does not begin with \"K=\".", "BP-4.3-2");
                That(lengths[..^1].All(l => l == Limits.ShareFragment)
                    && lengths[^1] == whole - ((lengths.Count - 1) * Limits.ShareFragment) && lengths[^1] <= Limits.ShareFragment,
                    $"The lines have {string.Join(", ", lengths)} characters.");
                await p.ConnectAsync();
                await p.NeedAsync(suites[0]);
            }
        });
}
