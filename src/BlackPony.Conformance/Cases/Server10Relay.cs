using BlackPony.Conformance.Peers;
using BlackPony.Reference.Suites;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The relay, spec 10, as far as it shows at the server's door.</summary>
internal static class Server10Relay
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        new("S-10.1-1", "A stranger's XCLIENT, XFORWARD and PROXY get 550", Must, Profile.Core, "BP-10.1-4", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync("XCLIENT ADDR=127.0.0.1", 550);
            await p.Wire.CommandAsync("XFORWARD ADDR=127.0.0.1", 550);
            await p.Wire.CommandAsync("PROXY TCP4 127.0.0.1 127.0.0.1 1 2", 550);
            await p.Wire.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.Wire.CommandAsync("xclient addr=127.0.0.1", 550);
        }),
        new("S-10.2-1", "A bare LF in a command gets 501 and the end of the connection", Must, Profile.Core, "BP-10.2-1 BP-10.2-2", async p =>
        {
            await p.EhloAsync();
            await p.Wire.CommandAsync("NOOP\nMAIL FROM:<a@probe.test>", 501);
            Server4Negotiation.Check(await p.Wire.LineAsync() is null, "The connection stays open.");
        }),
    ];
}
