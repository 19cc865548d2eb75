using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;

namespace BlackPony.Conformance.Cases;

/// <summary>Versions, suites, records, renegotiation and resumption; profile tls of spec/starttls.md.</summary>
internal static class StartTlsTls
{
    private static readonly TlsSettings Tls12 = new() { Versions = [ProtocolVersion.TLSv12] };
    private static readonly TlsSettings Tls13 = new() { Versions = [ProtocolVersion.TLSv13] };

    public static IReadOnlyList<Case<StartTlsProbe>> Cases { get; } =
    [
        // [TLS-9325.3.1.1-1] A server MUST support TLS 1.2.
        new("TS-9325.3.1.1-1", "TLS 1.2 alone is accepted", Should, Profile.Tls, "TLS-9325.3.1.1-1", p => AcceptsAsync(p, Tls12)),
        // [TLS-9325.3.1.1-2] A server SHOULD support TLS 1.3.
        new("TS-9325.3.1.1-2", "TLS 1.3 alone is accepted", Should, Profile.Tls, "TLS-9325.3.1.1-2", p => AcceptsAsync(p, Tls13)),
        // [TLS-9325.3.1.1-3] A server that supports TLS 1.3 MUST prefer it to TLS 1.2.
        new("TS-9325.3.1.1-3", "TLS 1.3 is preferred", Must, Profile.Tls, "TLS-9325.3.1.1-3", async p =>
        {
            await NeedAsync(p, Tls13, "TLS 1.3");
            await p.AgainAsync();
            await p.BeginAsync();
            That(p.Connection.Client.Version!.Equals(ProtocolVersion.TLSv13), $"{p.Connection.Client.Version} is selected, not TLS 1.3.");
        }),
        // [TLS-9325.3.1.1-4] A server MUST NOT negotiate SSL 2 or SSL 3.
        new("TS-9325.3.1.1-4", "SSL 3 and SSL 2 are refused", Must, Profile.Tls, "TLS-9325.3.1.1-4", async p =>
        {
            await RefusedAsync(p, new RawHello { Version = 0x0300, RecordVersion = 0x0300 }, "SSL 3");
            await p.AgainAsync();
            // A ClientHello of SSL 2: length, type 1, version 0.2, three suites of three octets, no session, a challenge.
            var answer = await p.HelloAsync(
                [0x80, 0x22, 1, 0, 2, 0, 9, 0, 0, 0, 16, 1, 0, 0x80, 7, 0, 0xc0, 3, 0, 0x80, .. Enumerable.Range(1, 16).Select(i =>
                    (byte)i)]);
            That(answer.Length < 3 || answer[0] is 21 or 22 || answer[2] != 4,
                $"A ClientHello of SSL 2 is answered with {Show(answer, 20)}.");
            That(RawServerHello.Read(answer) is null, "A ClientHello of SSL 2 is answered with a ServerHello.");
        }),
        // [TLS-8996.4-1] A server MUST NOT negotiate TLS 1.0.
        new("TS-8996.4-1", "TLS 1.0 alone is refused", Should, Profile.Tls, "TLS-8996.4-1", p =>
            RefusedAsync(p, new RawHello { Version = 0x0301 }, "TLS 1.0")),
        // [TLS-8996.5-1] A server MUST NOT negotiate TLS 1.1.
        new("TS-8996.5-1", "TLS 1.1 alone is refused", Should, Profile.Tls, "TLS-8996.5-1", p =>
            RefusedAsync(p, new RawHello { Version = 0x0302 }, "TLS 1.1")),
        // [TLS-8996.5-3] A server MUST accept a ClientHello whose record has any version {03,XX}.
        new("TS-8996.5-2", "Any record version of a ClientHello is accepted", Must, Profile.Tls, "TLS-8996.5-3", async p =>
        {
            await NeedHelloAsync(p);
            foreach (int version in (int[])[0x0300, 0x0301, 0x0303])
            {
                await p.AgainAsync();
                That(RawServerHello.Read(await p.HelloAsync(new RawHello { RecordVersion = version }.Record())) is not null,
                    $"A ClientHello in a record of the version {version >> 8}.{version & 255} is refused.");
            }
        }),
        // [TLS-9325.4.1-1] A server MUST NOT negotiate suites with NULL encryption, RC4 or less than 112 bits of security.
        new("TS-9325.4.1-1", "NULL, RC4 and export suites are refused", Must, Profile.Tls, "TLS-9325.4.1-1", async p =>
        {
            (string Name, int[] Suites)[] families =
            [
                ("NULL", [0xc006, 0xc010, 0x003b, 0x0002, 0x0001]), ("RC4", [0xc007, 0xc011, 0x0005, 0x0004]),
                ("export", [0x0003, 0x0006, 0x0008, 0x0014, 0x0011]), ("DES", [0x0009, 0x0015]),
            ];
            for (int i = 0; i < families.Length; i++)
            {
                if (i > 0)
                    await p.AgainAsync();

                await RefusedAsync(p, new RawHello { Suites = families[i].Suites }, $"suites of the family {families[i].Name}");
            }
        }),
        // [TLS-6066.3-3] A server that does not know the server_name SHOULD either continue with a certificate of its choice or abort with
        //   a fatal unrecognized_name alert.
        new("TS-6066.3-1", "An unknown server_name gets a certificate or a fatal alert", Should, Profile.Tls, "TLS-6066.3-3", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            var end = await p.Connection.HandshakeAsync(new TlsSettings { ServerName = "nobody.example" });
            That(end.IsComplete || p.Connection.Client.Alert == AlertDescription.unrecognized_name,
                $"A handshake with an unknown server_name ends otherwise than with unrecognized_name: {end.What}.");
            p.Note(end.IsComplete ? "The handshake goes on." : "The server aborts the handshake.");
        }),
        // [TLS-7672.8.1-1] A server MUST NOT require that the client sends server_name.
        new("TS-7672.8.1-1", "A handshake without server_name is accepted", Must, Profile.Tls, "TLS-7672.8.1-1", async p =>
        {
            await p.OpenAsync();
            await p.SwitchAsync();
            var end = await p.Connection.HandshakeAsync(new TlsSettings());
            That(end.IsComplete, $"A handshake without server_name: {end.What}.");
        }),
        // [TLS-7301.3.2-1] A server that negotiates ALPN MUST refuse a client with which it has no protocol in common.
        new("TS-7301.3.2-1", "ALPN without a common protocol is refused or ignored", Must, Profile.Tls, "TLS-7301.3.2-1", async p =>
        {
            await NeedHelloAsync(p);
            await p.AgainAsync();
            byte[] alpn = [0, 9, 8, .. "http/1.1"u8];
            var hello = RawServerHello.Read(await p.HelloAsync(new RawHello { Extensions = [(RawHello.Alpn, alpn)] }.Record()));
            That(hello?.Extensions.ContainsKey(RawHello.Alpn) != true, "The server selects the protocol http/1.1.");
        }),
        // [TLS-9846.5.1-1] A server MUST accept application data records without content.
        new("TS-9846.5.1-1", "Records without content are accepted", Must, Profile.Tls, "TLS-9846.5.1-1", async p =>
        {
            await p.InsideAsync();
            await p.Connection.SendEmptyAsync(5);
            await UsableAsync(p, "records without content");
        }),
        // [TLS-9846.5.1-3] A server MUST accept commands split over records and several commands in one record.
        new("TS-9846.5.1-2", "A command octet by octet, each in a record, is accepted", Must, Profile.Tls, "TLS-9846.5.1-3", async p =>
        {
            await p.InsideAsync();
            await p.Connection.SendRecordsAsync("RSET\r\n", each: 1);
            var reply = await p.Connection.ReplyOrEndAsync();
            That(reply is { Code: 250 }, $"RSET in six records is answered with {Show(reply?.Lines[0] ?? [])}.");
            await UsableAsync(p, "RSET in six records");
        }),
        // [TLS-9846.5.1-3] A server MUST accept commands split over records and several commands in one record.
        // [TLS-2920.3.2-1] A server that offers PIPELINING MUST answer commands in the order in which it received them.
        new("TS-9846.5.1-3", "Two commands in one record get two replies", Must, Profile.Tls, "TLS-9846.5.1-3 TLS-2920.3.2-1", async p =>
        {
            if (!(await p.InsideAsync()).HasKeyword("PIPELINING"))
                throw new NotApplicableException("The server does not offer PIPELINING inside.");

            await p.Connection.SendAsync("RSET\r\nNOOP\r\n");
            await p.Connection.ExpectAsync(250);
            await p.Connection.SendLineAsync("EHLO probe.test");
            var reply = await p.Connection.ReplyAsync();
            That(reply is { Code: 250, Lines.Count: 1 }, $"The second command of a record is lost: the next reply is "
                + $"{Show(reply.Lines[0])}.");
        }),
        // [TLS-9846.5.2-1] A server MUST terminate the connection on a record that is too long.
        new("TS-9846.5.2-1", "A record that is too long ends the connection", Must, Profile.Tls, "TLS-9846.5.2-1", async p =>
        {
            const int Longest = (1 << 14) + 2048;
            await p.InsideAsync();
            await SendAndAskAsync(p, [23, 3, 3, (Longest + 1) >> 8, (Longest + 1) & 255, .. new byte[Longest + 1]]);
            await p.Connection.ExpectEndAsync("A record that is too long was passed over.");
        }),
        // [TLS-9846.5.2-2] A server MUST terminate the connection on a record that does not decrypt, without a reply to what is in it.
        new("TS-9846.5.2-2", "A tampered record ends the connection", Must, Profile.Tls, "TLS-9846.5.2-2", async p =>
        {
            await p.InsideAsync();
            await p.Connection.SendRecordsAsync("NOOP\r\n", edit: Tamper);
            await p.Connection.ExpectEndAsync("A tampered record was accepted.");
        }),
        // [TLS-9846.5-1] A server MUST terminate the connection when octets that are no TLS record come during a TLS session.
        new("TS-9846.5-2", "Plaintext among the records ends the connection", Must, Profile.Tls, "TLS-9846.5-1", async p =>
        {
            await p.InsideAsync();
            await SendAndAskAsync(p, "NOOP\r\n"u8.ToArray());
            await p.Connection.ExpectEndAsync("Plaintext among the records was accepted.");
        }),
        // [TLS-9325.3.5-1] A server with TLS 1.2 MUST implement renegotiation_info.
        new("TS-9325.3.5-1", "renegotiation_info is answered", Must, Profile.Tls, "TLS-9325.3.5-1", async p =>
        {
            var hello = new RawHello { Extensions = [(RawHello.RenegotiationInfo, [0])] };
            if (RawServerHello.Read(await p.HelloAsync(hello.Record())) is not { Version: 0x0303 } answer)
                throw new NotApplicableException("The server does not speak TLS 1.2.");

            That(answer.Extensions.ContainsKey(RawHello.RenegotiationInfo), "The ServerHello has no renegotiation_info.");
        }),
        // [TLS-9325.3.5-1] A server with TLS 1.2 MUST implement renegotiation_info.
        new("TS-9325.3.5-2", "A ClientHello inside with a wrong renegotiation_info, or with none, begins no handshake", Must, Profile.Tls,
            "TLS-9325.3.5-1", async p =>
        {
            foreach (var extensions in (byte[][])[[], [1, 0]])
            {
                await NeedAsync(p, Tls12, "TLS 1.2");
                await p.Connection.CommandAsync("EHLO probe.test", 250);
                var hello = new RawHello
                {
                    Version = 0x0303,
                    Extensions = extensions.Length == 0 ? [] : [(RawHello.RenegotiationInfo, extensions)],
                };
                await p.Connection.SendHandshakeAsync(hello.Message());
                That(!HasRecord(await p.Connection.RestAsync(StartTlsProbe.Quiet), ContentType.handshake),
                    $"A second ClientHello, inside, with {(extensions.Length == 0 ? "no" : "a wrong")} renegotiation_info is answered with "
                        + "a handshake record.");
                await p.AgainAsync();
            }
        }),
        // [TLS-9846.2.2-1] A server MUST NOT restore SMTP state of an earlier connection when a TLS session is resumed.
        // [TLS-4.2-2] A server MUST answer commands after the handshake as it answers them at the start of a session, before EHLO.
        new("TS-9846.2.2-1", "A resumed session has no SMTP state", Must, Profile.Tls, "TLS-9846.2.2-1 TLS-4.2-2", async p =>
        {
            await NeedAsync(p, Tls12, "TLS 1.2");
            await p.Connection.CommandAsync("EHLO probe.test", 250);
            var session = p.Connection.Client.Session ?? throw new NotApplicableException("The server resumes no session of TLS 1.2.");
            await p.EnvelopeAsync();
            p.Connection.EndDirection();
            foreach (var command in (string[])["DATA", $"RCPT TO:<{p.Facts.Local[0]}>"])
            {
                await p.AgainAsync();
                await p.BeginAsync(Tls12 with { Session = session });
                if (!p.Connection.Client.IsResumed)
                    throw new NotApplicableException("The server does not resume the session.");

                await p.Connection.SendLineAsync(command);
                var reply = await p.Connection.ReplyAsync();
                That(reply.Code >= 400, $"After a resumption {command.Split(' ')[0]} goes on with the transaction of another connection: "
                    + $"{Show(reply.Lines[0])}.");
            }
        })
        { Needs = Needs.Local },
        // [TLS-9846.4.7.3-1] A server MUST follow a KeyUpdate of its peer.
        new("TS-9846.4.7.3-1", "A KeyUpdate is followed", Must, Profile.Tls, "TLS-9846.4.7.3-1", async p =>
        {
            await NeedAsync(p, Tls13, "TLS 1.3");
            await p.Connection.CommandAsync("EHLO probe.test", 250);
            await p.Connection.UpdateKeysAsync();
            await UsableAsync(p, "a KeyUpdate");
        }),
        // [TLS-9846.6.1-1] A server MUST send close_notify before it ends its side of the connection.
        new("TS-9846.6.1-1", "close_notify comes before the end", Should, Profile.Tls, "TLS-9846.6.1-1", async p =>
        {
            await p.InsideAsync();
            await p.Connection.CommandAsync("QUIT", 221);
            var more = await p.Connection.ReplyOrEndAsync();
            That(p.Connection.WasClosed, "After 221 the connection ends without close_notify."
                + (more is null ? "" : " A reply came instead."));
        }),
    ];

    /// <summary>Turns a bit in the last record.</summary>
    internal static byte[] Tamper(byte[] records) => [.. records[..^1], (byte)(records[^1] ^ 1)];

    private static async Task AcceptsAsync(StartTlsProbe p, TlsSettings settings)
    {
        await p.OpenAsync();
        await p.SwitchAsync();
        var end = await p.Connection.HandshakeAsync(settings);
        That(end.IsComplete, $"A handshake with {settings.Versions[0]} alone: {end.What}.");
    }

    private static async Task NeedAsync(StartTlsProbe p, TlsSettings settings, string version)
    {
        await p.OpenAsync();
        await p.SwitchAsync();
        if (await p.Connection.HandshakeAsync(settings) is { IsComplete: false })
            throw new NotApplicableException($"The server does not speak {version}.");
    }

    private static bool HasRecord(ReadOnlySpan<byte> octets, short type)
    {
        const int Header = 5;
        while (octets.Length >= Header)
        {
            if (octets[0] == type)
                return true;

            octets = octets[Math.Min(octets.Length, Header + (octets[3] << 8) + octets[4])..];
        }

        return false;
    }

    // Whether what the suite forges is understood at all.
    private static async Task NeedHelloAsync(StartTlsProbe p)
    {
        if (RawServerHello.Read(await p.HelloAsync(new RawHello().Record())) is null)
            throw new NotApplicableException("The server does not speak TLS 1.2 with the suite's usual cipher suites.");
    }

    private static async Task RefusedAsync(StartTlsProbe p, RawHello hello, string what)
    {
        var answer = RawServerHello.Read(await p.HelloAsync(hello.Record()));
        That(answer is null || answer.Version > hello.Version,
            $"A ClientHello with {what} alone is answered with a ServerHello of the version "
            + $"{answer?.Version >> 8}.{answer?.Version & 255}.");
    }

    // Sends octets that must end the session, and then a command: a server that continues answers it.
    private static async Task SendAndAskAsync(StartTlsProbe p, byte[] octets)
    {
        await p.Connection.SendRawAsync(octets);
        await p.Connection.SendLineAsync("NOOP");
    }

    // By RSET, because some servers have no NOOP.
    private static async Task UsableAsync(StartTlsProbe p, string after)
    {
        await p.Connection.SendLineAsync("RSET");
        var reply = await p.Connection.ReplyOrEndAsync();
        That(reply is { Code: 250 }, reply is null
            ? $"After {after} the session ends{(p.Connection.Failure is { } why ? $": {why}" : "")}."
            : $"After {after} RSET is answered with {Show(reply.Lines[0])}.");
    }
}
