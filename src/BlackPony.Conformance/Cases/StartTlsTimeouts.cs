using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Protocol;

namespace BlackPony.Conformance.Cases;

/// <summary>Clients that are silent in the handshake; profile timeouts of spec/starttls.md.</summary>
internal static class StartTlsTimeouts
{
    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-5321.4.5.3.2.7-1] A server SHOULD end a connection on which the handshake makes no progress after a time-out of its own.
        new("TS-5321.4.5.3.2.7-1", "Silence after 220 ends in the declared time", Should, Profile.Timeouts, "TLS-5321.4.5.3.2.7-1",
            async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.WithinAsync(HandshakeTimeout, p.Connection.DrainAsync(), "The server waits on for a ClientHello.");
        })
        { Needs = Needs.Timeouts },
        // [TLS-5321.4.5.3.2.7-1] A server SHOULD end a connection on which the handshake makes no progress after a time-out of its own.
        new("TS-5321.4.5.3.2.7-2", "Octets do not prolong the time of a handshake", Should, Profile.Timeouts, "TLS-5321.4.5.3.2.7-1",
            async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.WithinDrippingAsync(HandshakeTimeout, new RawHello().Record(), p.Connection.DrainAsync(),
                "The server waits on while the octets of a ClientHello come one by one.");
        })
        { Needs = Needs.Timeouts },
        // [TLS-5321.4.5.3.2.7-1] A server SHOULD end a connection on which the handshake makes no progress after a time-out of its own.
        new("TS-5321.4.5.3.2.7-3", "A handshake without Finished ends in the declared time", Should, Profile.Timeouts,
            "TLS-5321.4.5.3.2.7-1", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            await p.Connection.SendRawAsync(new RawHello().Record());
            if (await p.Connection.SomeAsync() is not [(byte)ContentType.handshake, ..])
                throw new NotApplicableException("The server does not speak TLS 1.2.");

            await p.WithinAsync(HandshakeTimeout, p.Connection.DrainAsync(), "The server waits on for the client's Finished.");
        })
        { Needs = Needs.Timeouts },
    ];
}
