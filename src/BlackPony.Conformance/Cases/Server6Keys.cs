using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <summary>Key schedule, spec 6.</summary>
internal static class Server6Keys
{
    public static IReadOnlyList<Case<ServerProbe>> Cases { get; } =
    [
        // ---------------------------------------------------------------- 6.1 transcript hash
        // [BP-6.1-1] *offer* MUST be the octets of the XBLACKPONY line of the last positive EHLO reply before the command, from the first
        //   octet of the keyword up to and not including the CRLF, in the case and with the spaces that they had on the wire.
        Edited("S-6.1-1", "An offer that was edited in transit makes the upgrade fail",
            Core, Profile.Core, "BP-6.1-1", l => l + " X25519-ROT13", 0),
        // [BP-6.1-2] *command* MUST be the octets of the whole XBLACKPONY command line as on the wire, from the verb's first octet up to
        //   and not including the CRLF.
        Edited("S-6.1-2", "A command that was edited in transit makes the upgrade fail",
            Core, Profile.Core, "BP-6.1-2", l => l + " G-0000", 1),
        // [BP-6.1-4] Each *line* of a 334 or 220 reply MUST be hashed whole, with its code, its separator and "K=", up to and not including
        //   the CRLF.
        Edited("S-6.1-3", "A 220 line that was edited in transit makes the upgrade fail",
            Core, Profile.Core, "BP-6.1-4", l => l.Replace("220 ", "220-", StringComparison.Ordinal), 2),
        // [BP-6.1-4] Each *line* of a 334 or 220 reply MUST be hashed whole, with its code, its separator and "K=", up to and not including
        //   the CRLF.
        Edited("S-6.1-4", "A 334 line that was edited in transit makes the upgrade fail",
            Classic, Profile.Classic, "BP-6.1-4", l => l.Replace("334-", "334 ", StringComparison.Ordinal), 2),
        // [BP-6.1-3] *continuation* MUST be the octets of the continuation line up to and not including the CRLF.
        Edited("S-6.1-5", "A continuation that was edited in transit makes the upgrade fail",
            Classic, Profile.Classic, "BP-6.1-3", l => (l[0] == 'A' ? "B" : "A") + l[1..], 4),
        // [BP-6.1-5] Octets MUST be hashed as they were sent or received, never in a normalised form.
        Edited("S-6.1-6", "An offer whose case was changed in transit makes the upgrade fail",
            Core, Profile.Core, "BP-6.1-5", l => l.ToLowerInvariant() is var lower && lower != l ? lower : l.ToUpperInvariant(), 0),
        // [BP-6.1-6] *refused* MUST be, in the order on the wire, every XBLACKPONY command since the offer that was answered with 504, and
        //   every line of each of those replies, each up to and not including the CRLF.
        new("S-6.1-7", "A command that was answered with 504, and the reply, are part of the transcript",
            Must, Profile.Core, "BP-6.1-6", async p =>
        {
            await p.EhloAsync();
            await p.RefuseAsync($"XBLACKPONY V1 X-NONE {p.Share(Core)}");
            await InsideAsync(p);

            // In their order, and of an unknown version too; a 501 between them changes nothing.
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.RefuseAsync($"XBLACKPONY V999 {Core} {p.Share(Core)}");
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1", 501);
            await p.RefuseAsync($"XBLACKPONY V1 X-NONE {p.Share(Core)} G-0A1B");
            await InsideAsync(p);
        }),
        // [BP-6.1-6] *refused* MUST be, in the order on the wire, every XBLACKPONY command since the offer that was answered with 504, and
        //   every line of each of those replies, each up to and not including the CRLF.
        new("S-6.1-8", "What was refused before the last EHLO, or with another code, is no part of the transcript",
            Must, Profile.Core, "BP-6.1-6", async p =>
        {
            await p.EhloAsync();
            await p.RefuseAsync($"XBLACKPONY V1 X-NONE {p.Share(Core)}");
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501);
            await InsideAsync(p);
        }),

        // ---------------------------------------------------------------- 6.2 keys
        // [BP-6.2-1] *suite* in the salt MUST be the suite's name in upper case, as in the table of Section 5, whatever its case on the
        //   wire.
        new("S-6.2-1", "The same shared secret under another suite's name gives other keys", Must, Profile.Hybrid, "BP-6.2-1", async p =>
        {
            await p.NeedAsync(Hybrid);
            foreach (var suite in ((string[])[Hybrid, HybridAes])
                .Where(s => p.Suites.Contains(s, StringComparer.OrdinalIgnoreCase)).ToList())
            {
                await p.InsideAsync(suite);
                await p.ConnectAsync();
            }
        }),
        // [BP-6.2-2] The client MUST protect its records with the keys from client_traffic, and the server with those from server_traffic.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-6.2-2", "The server protects its records with the server's keys: a record sent back to it fails",
            Must, Profile.Core, "BP-6.2-2 BP-8.3-1", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            await p.ExpectFailureAtAsync(p.ProbeConnection.LastRecord);
        }),

        // ---------------------------------------------------------------- 6.3 Finished
        // [BP-6.3-1] The first record in each direction MUST be a finished record whose data is the sender's verify_data, or an alert if
        //   the sender failed before.
        // [BP-6.3-2] The server MUST send its Finished directly after the 220 reply, without waiting for the client.
        new("S-6.3-1", "The server's Finished comes directly after the 220 reply, without the client's",
            Must, Profile.Core, "BP-6.3-1 BP-6.3-2", async p =>
        {
            // The client has ended: a server that waits for its Finished ends without its own.
            await p.EachSuiteAsync(async suite =>
            {
                await p.SwitchAsync(suite);
                p.ProbeConnection.EndDirection();
                await p.TakeFinishedAsync("BP-6.3-2");
            });
        }),
        // [BP-6.3-7] A side MUST treat as a failure verify_data of another length than 32 octets or another value than its own computation
        //   gives, compared in constant time.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-6.3-2", "A wrong client's Finished gets an alert, and no data", Must, Profile.Core, "BP-6.3-7 BP-8.3-1", async p =>
        {
            foreach (int altered in (int[])[-1, 0, 31])
            {
                await p.SwitchAsync(Core);
                await p.TakeFinishedAsync();
                var verify = altered < 0 ? new byte[32] : p.ProbeConnection.Keys.Finished(Role.Client);
                if (altered >= 0)
                    verify[altered] ^= 1;

                await p.ProbeConnection.SendRecordsAsync(p.ProbeConnection.Seal(RecordType.Finished, verify),
                    p.ProbeConnection.Seal(RecordType.Data, "EHLO probe.test\r\n"u8));
                await p.ProbeConnection.ExpectAlertAsync();
                await p.ConnectAsync();
            }
        }),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-6.3-3", "Data before the client's Finished gets an alert and no reply", Must, Profile.Core, "BP-6.3-6 BP-8.3-1", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            await p.ProbeConnection.SendInsideAsync("EHLO probe.test\r\n");
            await p.ProbeConnection.ExpectAlertAsync();
        }),
        // [BP-6.3-8] A side MUST treat a second finished record as a failure.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-6.3-4", "A second Finished gets an alert", Must, Profile.Core, "BP-6.3-8 BP-8.3-1", async p =>
        {
            await p.InsideAsync();
            await p.ExpectFailureAtAsync(p.ProbeConnection.Seal(RecordType.Finished, p.ProbeConnection.Keys.Finished(Role.Client)));
        }),
        // [BP-6.3-7] A side MUST treat as a failure verify_data of another length than 32 octets or another value than its own computation
        //   gives, compared in constant time.
        new("S-6.3-5", "A client's Finished of a wrong length gets an alert", Must, Profile.Core, "BP-6.3-7", async p =>
        {
            foreach (int length in (int[])[0, 31, 33])
            {
                await p.SwitchAsync(Core);
                await p.TakeFinishedAsync();
                await p.ExpectFailureAtAsync(
                    p.ProbeConnection.Seal(RecordType.Finished,
                        p.ProbeConnection.Keys.Finished(Role.Client).Append((byte)0).Take(length).ToArray()));
                await p.ConnectAsync();
            }
        }),
        // [BP-6.3-7] A side MUST treat as a failure verify_data of another length than 32 octets or another value than its own computation
        //   gives, compared in constant time.
        new("S-6.3-6", "The server's own verify_data sent back gets an alert", Must, Profile.Core, "BP-6.3-7", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            await p.ExpectFailureAtAsync(p.ProbeConnection.Seal(RecordType.Finished, p.ProbeConnection.Keys.Finished(Role.Server)));
        }),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        First("S-6.3-7", RecordType.Close),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        First("S-6.3-8", RecordType.Rekey),
        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        First("S-6.3-9", (RecordType)200),
        // [BP-6.3-9] A server MUST treat it as a failure if the client's Finished has not come within `FinishedTimeout` after the 220
        //   reply.
        new("S-6.3-10", "A client that does not send its Finished gets an alert after FinishedTimeout",
            Must, Profile.Timeouts, "BP-6.3-9", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            await p.WithinAsync(nameof(Limits.FinishedTimeout), p.ProbeConnection.ExpectAlertAsync(), "No alert comes.");
        })
        { Needs = Needs.Timeouts },

        // [BP-6.3-9] A server MUST treat it as a failure if the client's Finished has not come within `FinishedTimeout` after the 220
        //   reply.
        new("S-6.3-11", "The single octets of a client's Finished do not prolong FinishedTimeout",
            Must, Profile.Timeouts, "BP-6.3-9", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            await p.WithinDrippingAsync(nameof(Limits.FinishedTimeout),
                p.ProbeConnection.Seal(RecordType.Finished, p.ProbeConnection.Keys.Finished(Role.Client)),
                p.ProbeConnection.ExpectAlertAsync(), "No alert comes while the client sends octet by octet.");
        })
        { Needs = Needs.Timeouts },

        // [BP-6.3-5] The server MUST NOT send a data record before it verified the client's Finished.
        new("S-6.3-12", "No data comes before the client's Finished", Must, Profile.Core, "BP-6.3-5", async p =>
        {
            await p.EachSuiteAsync(async suite =>
            {
                await p.SwitchAsync(suite);
                await p.TakeFinishedAsync();
                p.ProbeConnection.EndDirection();
                while (await p.ProbeConnection.RecordAsync() is { } record)
                    That(record.Type != RecordType.Data, $"Before the client's Finished the server sends {Show(record.Data)}.");
            });
        }),

        // [BP-6.3-6] A side MUST treat as a failure (Section 8.3) a first record of another type than finished or alert.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-6.3-13", "No other record stands for the client's Finished: data after it gets an alert and no reply",
            Must, Profile.Core, "BP-6.3-6 BP-8.3-1", async p =>
        {
            foreach (var type in (RecordType[])[RecordType.Data, RecordType.Ident, RecordType.Rekey, (RecordType)128, (RecordType)200,
                (RecordType)255])
            {
                await p.SwitchAsync(Core);
                await p.TakeFinishedAsync();
                var first = p.ProbeConnection.Seal(type, type == RecordType.Ident ? new byte[96] : []);
                if (type == RecordType.Rekey)
                    p.ProbeConnection.NextKeys();

                await p.ProbeConnection.SendRecordsAsync(first, p.ProbeConnection.Seal(RecordType.Data, "EHLO probe.test\r\n"u8));
                await p.ProbeConnection.ExpectAlertAsync();
                await p.ConnectAsync();
            }
        }),

        // ---------------------------------------------------------------- 6.5 IDENT
        // [BP-6.5-4] A side MUST treat as a failure an ident record from a client, or one that is not the server's second record.
        // [BP-8.3-1] On a failure a side that has keys and has not sent its close MUST send one alert record and then close the connection.
        new("S-6.5-1", "An ident record from a client gets an alert", Must, Profile.Core, "BP-6.5-4 BP-8.3-1", async p =>
        {
            await p.InsideAsync();
            await p.ExpectFailureAtAsync(p.ProbeConnection.Seal(RecordType.Ident, new byte[96]));
        }),
        // [BP-6.5-2] The ident record MUST be the server's second record, sent directly after its Finished.
        // [BP-6.5-1] A server MAY send one ident record.
        new("S-6.5-2", "An ident record is the server's second record, and verifies", Must, Profile.Core, "BP-6.5-2 BP-6.5-1", async p =>
        {
            await p.InsideAsync();
            await p.DeliverInsideAsync();
            int at = p.ProbeConnection.Records.FindIndex(r => r.Type == RecordType.Ident);
            if (at < 0)
                throw new NotApplicableException("The server sends no ident record.");

            That(p.ProbeConnection.Records.Count(r => r.Type == RecordType.Ident) == 1,
                "The server sends more than one ident record.", "BP-6.5-1");
            That(at == 1, $"The ident record is the server's record {at + 1}.");
            That(Reference.Keys.Ident.Verify(p.ProbeConnection.Records[1].Data, p.ProbeConnection.Keys.TranscriptHash) is not null,
                "The ident record's length or a signature in it is wrong.");
        }),
        // [BP-6.5-2] The ident record MUST be the server's second record, sent directly after its Finished.
        new("S-6.5-3", "A server sends its ident record without waiting for the client's Finished", Must, Profile.Core, "BP-6.5-2",
            async p =>
        {
            await p.InsideAsync();
            if (!p.ProbeConnection.Records.Exists(r => r.Type == RecordType.Ident))
                throw new NotApplicableException("The server sends no ident record.");

            await p.ConnectAsync();
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();

            // No Finished will come: a server that waits for it sees the end.
            p.ProbeConnection.EndDirection();
            await p.ProbeConnection.RecordAsync(RecordType.Ident, "BP-6.5-2", "BP-6.5-2");
        }),
    ];

    // What an attacker in the path changed is hashed by one side only: the two sides' keys differ.
    // The upgrade without another EHLO.
    private static async Task InsideAsync(ServerProbe p)
    {
        await p.SwitchAsync(Core, ehlo: false);
        await p.FinishAsync();
        await p.ProbeConnection.CommandInsideAsync("EHLO probe.test", 250);
    }

    private static Case<ServerProbe> Edited(string id, string title, string suite, Profile profile, string requirements,
        Func<string, string> edit, int line) => new(id, title, Must, profile, requirements, async p =>
    {
        // The offer of a second EHLO reply.
        int at = 0;
        await p.EhloAsync();
        await p.SwitchAsync(suite, hashed: l => at++ == line ? edit(l) : l);
        That(!await p.ProbeConnection.NextVerifiesAsync(), "The server's keys are those of a client that saw another line.");
        await p.ProbeConnection.SendRecordAsync(RecordType.Finished, p.ProbeConnection.Keys.Finished(Role.Client));
        await p.ProbeConnection.DrainAsync();

        // A server that hashes neither line has other keys than every client.
        foreach (var other in suite == Core ? (string[])[Core, HybridAes] : [suite])
        {
            await p.ConnectAsync();
            await p.EhloAsync();
            if (other == suite || p.Suites.Contains(other, StringComparer.OrdinalIgnoreCase))
                await p.InsideAsync(other);
        }
    });

    private static Case<ServerProbe> First(string id, RecordType type) =>
        new(id, $"A first record of type {(int)type} gets an alert", Must, Profile.Core, "BP-6.3-6", async p =>
        {
            await p.SwitchAsync(Core);
            await p.TakeFinishedAsync();
            var first = p.ProbeConnection.Seal(type, []);
            if (type == RecordType.Rekey)
                p.ProbeConnection.NextKeys();

            await p.ExpectFailureAtAsync(first, p.ProbeConnection.Seal(RecordType.Finished, p.ProbeConnection.Keys.Finished(Role.Client)));
        });
}
