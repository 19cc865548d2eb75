using BlackPony.Conformance.Peers;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Protocol;

namespace BlackPony.Conformance.Cases;

/// <summary>A server that is silent in the handshake; profile timeouts of spec/starttls.md.</summary>
internal static class StartTlsClientTimeouts
{
    public static IReadOnlyList<Case<StartTlsClientProbe>> Cases { get; } =
    [
        // [TLS-5321.4.5.3.2-1] A client MUST end a session in which the server is silent, in the handshake too, after a time-out of its
        //   own.
        new("TC-5321.4.5.3.2-1", "A server that is silent after 220 is left in the declared time", Must, Profile.Timeouts,
            "TLS-5321.4.5.3.2-1", async p =>
        {
            var asked = new TaskCompletionSource();
            var delivering = p.DeliverAsync(new ServerScript
            {
                Does = async (s, line) =>
                {
                    if (s.IsInside || StartTlsClientProbe.Verb(line) != "STARTTLS")
                        return false;

                    await s.SayAsync("220 2.0.0 Ready\r\n");
                    asked.TrySetResult();
                    await s.Wire.DrainAsync();
                    return true;
                },
            });
            await Task.WhenAny(asked.Task, delivering);
            await p.WithinAsync(HandshakeTimeout, delivering, "The client waits on for a ServerHello.");
            p.NeedStartTls();
        })
        { Needs = Needs.Timeouts },
    ];
}
