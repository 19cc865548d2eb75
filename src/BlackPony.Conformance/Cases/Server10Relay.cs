using System.Net;
using BlackPony.Conformance.Peers;
using BlackPony.Reference.Negotiation;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>The relay, spec 10.1 to 10.3: at its door, and with the suite as the mail server behind it.</summary>
internal static partial class Server10Relay
{
    // Octets that a careless relay would mend: bare CR, bare LF, NUL, 8 bits, "LF . LF", dots.
    private const string Payload = "Subject: octets\r\n\r\nbare\nLF, bare\rCR, NUL \0, 8 bits \x80\xFF\n.\nMAIL "
        + "FROM:<smuggled@probe.test>\n.\r\n..\r\n.dot\r\n\r.\r\n";

    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } = [.. Clients, .. PassingOn, .. Backend];

    private static IReadOnlyList<Case<ServerProbe>> Clients =>
    [
        // ---------------------------------------------------------------- 10.1 the relay is a door
        // [BP-10.1-4] A relay MUST refuse the commands XCLIENT, XFORWARD, PROXY and VERB from clients with 550, at any point of the
        //   session, and not pass them on.
        new("S-10.1-1", "A client's XCLIENT, XFORWARD, PROXY and VERB get 550, at any point", Must, Profile.Core, "BP-10.1-4", async p =>
        {
            await p.ConnectAsync();
            await p.ProbeConnection.CommandAsync("XCLIENT ADDR=127.0.0.1", 550);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("XFORWARD ADDR=127.0.0.1", 550);
            await p.ProbeConnection.CommandAsync("PROXY TCP4 127.0.0.1 127.0.0.1 1 2", 550);
            await p.ProbeConnection.CommandAsync("VERB", 550);
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync("xclient addr=127.0.0.1", 550);
            await p.ProbeConnection.CommandAsync("RSET", 250);
            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("XCLIENT ADDR=127.0.0.1", 550);
            That(!p.Backend.Sessions.Any(s => s.Received.ToString().Contains("127.0.0.1", StringComparison.Ordinal)
                || s.Commands.Contains("VERB")), "The command reached the mail server.");
        })
        { Needs = Needs.Backend },
        // [BP-10.1-1] A relay MUST NOT come to its backend from an address that the backend trusts, unless it tells the backend the
        //   client's true address by XCLIENT or the PROXY protocol and the backend accepted it.
        // [BP-10.1-2] A relay to a loopback backend that is not configured otherwise MUST connect from `BackendSource`.
        new("S-10.1-2", "The relay does not connect to its backend from 127.0.0.1, which the backend trusts",
            Must, Profile.Core, "BP-10.1-1 BP-10.1-2", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            var session = (await p.BackendSessionsAsync(1))[0];
            bool told = session.Received.ToString() is var text
                && (text.StartsWith("PROXY ", StringComparison.Ordinal) || text.StartsWith("\r\n\r\n\0\r\nQUIT\n", StringComparison.Ordinal)
                    || session.Commands.Any(c => c.StartsWith("XCLIENT ", StringComparison.Ordinal)));
            That(told || !session.Peer.Address.Equals(IPAddress.Loopback),
                "The relay comes from 127.0.0.1 and does not tell its client's address.");
            That(told || session.Peer.Address.ToString() == "127.0.0.2", $"The relay comes from {session.Peer.Address}.", "BP-10.1-2");
        })
        { Needs = Needs.Backend },
        // [BP-10.1-5] A relay MUST remove the keywords XCLIENT, XFORWARD and VERB from every EHLO reply that it passes on.
        new("S-10.1-3", "XCLIENT, XFORWARD and VERB are not offered, although the mail server offers them",
            Must, Profile.Core, "BP-10.1-5", async p =>
        {
            p.Backend.Extensions = ["XCLIENT NAME ADDR", "XFORWARD NAME ADDR", "VERB", "8BITMIME"];
            await p.ConnectAsync();
            Check(await p.EhloAsync());
            Check(await p.InsideAsync());

            static void Check(Reply reply) =>
                That(!reply.HasKeyword("XCLIENT") && !reply.HasKeyword("XFORWARD") && !reply.HasKeyword("VERB"),
                    "XCLIENT, XFORWARD or VERB is offered.");
        })
        { Needs = Needs.Backend },
        // [BP-10.1-8] A relay SHOULD end a session with 421 whose first command is a request line of another protocol (GET, POST, PUT,
        //   HEAD, OPTIONS, CONNECT and the like).
        new("S-10.1-4", "Clients of other protocols get 421", Should, Profile.Core, "BP-10.1-8", async p =>
        {
            await p.ConnectAsync();
            foreach (var line in (string[])["GET / HTTP/1.1", "POST / HTTP/1.1", "CONNECT mx.test:25 HTTP/1.1"])
            {
                await p.ProbeConnection.CommandAsync(line + "\r\nHost: x\r\n", 421);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
            }
        })
        { Needs = Needs.Backend },
        // [BP-10.1-10] A relay MUST answer a command line that does not begin with letters or digits, and then a space or its end, with
        //   500, and not pass it on.
        new("S-10.1-5", "A command after white space, or with a tab after it, gets 500 and does not reach the mail server",
            Must, Profile.Core, "BP-10.1-10", async p =>
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            foreach (var line in (string[])[" NOOP 10.1", "\tNOOP 10.1", "NOOP\t10.1", "NOOP\v10.1", " XCLIENT ADDR=10.1",
                "XCLIENT\tADDR=10.1", ""])
            {
                await p.ProbeConnection.CommandAsync(line, 500);
            }

            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync("\tXCLIENT ADDR=10.1", 500);
            That(!p.Backend.Sessions.Any(s => s.Received.ToString().Contains("10.1", StringComparison.Ordinal)),
                "The line reached the mail server.");
        })
        { Needs = Needs.Backend },

        // [BP-10.1-6] A relay MUST bound the number of sessions (`MaxSessions` if nothing else is set), and answer connections above the
        //   bound with a 421 greeting.
        new("S-10.1-6", "A connection above the bound of sessions is greeted with 421", Must, Profile.Core, "BP-10.1-6", async p =>
        {
            for (int i = 0; i <= p.MaxSessions; i++)
            {
                var greeting = await p.GreetedAsync(i, "BP-10.1-6");
                if (greeting.Code == 421)
                {
                    await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                    return;
                }

                That(greeting.Code == 220, $"Connection {i + 1} is greeted with {Show(greeting.Lines[0])}.");
            }

            That(false, $"{p.MaxSessions + 1} connections are open, and each was greeted with 220.");
        })
        { Needs = Needs.Backend | Needs.Sessions },
    ];

    private static void Arrived(ServerProbe p, int session)
    {
        var received = p.Backend.Sessions.ElementAt(session).Received.ToString();
        That(received.EndsWith("DATA\r\n" + Payload + ".\r\n", StringComparison.Ordinal),
            $"The mail server got other octets: {Show(received[(received.IndexOf("DATA\r\n", StringComparison.Ordinal) + 6)..])}.");
    }
}
