using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Expect;
using static BlackPony.Conformance.Level;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Conformance.Cases;

/// <content>Refusals, spec 4.4.</content>
internal static partial class Server4Negotiation
{
    private static IReadOnlyList<Case<ServerProbe>> Refusals =>
    [
        // ---------------------------------------------------------------- 4.4 refusals
        // [BP-4.4-3] A server MUST discard an over-long command line up to its CRLF without keeping it in memory.
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-1", "An over-long command gets 500, and the session goes on after its CRLF",
            Must, Profile.Core, "BP-4.4-3 BP-4.4-1 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            foreach (int length in (int[])[Limits.MaxCommandLine - 1, 5000, 1_000_000])
                await p.ProbeConnection.RefusedAsync($"XBLACKPONY V1 {Core} ".PadRight(length, 'A'), 500, "BP-4.4-1", "BP-4.4-1");

            await p.ExpectUsableAsync("BP-4.4-3");
        }),
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-4.4-2", "Octets after the command in one segment get 503 and the end, and are not processed",
            Must, Profile.Core, "BP-4.4-4", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"{p.Command(Core)}\r\nMAIL FROM:<evil@probe.test>", 503);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open, or the injected command was answered.");
        }),
        // [BP-4.4-5] A server MUST refuse XBLACKPONY with 503 while a mail transaction is open.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-3", "503 in a mail transaction, and the transaction goes on", Must, Profile.Core, "BP-4.4-5 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandAsync("RCPT TO:<b@sink.test>", 250, "BP-4.4-2");
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandAsync("RSET", 250);
            await p.UpgradeAsync();
        }),
        // [BP-4.4-6] A server MUST refuse XBLACKPONY with 503 if the last greeting command that succeeded was not EHLO.
        new("S-4.4-4", "503 before EHLO and after HELO", Must, Profile.Core, "BP-4.4-6", async p =>
        {
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.ProbeConnection.CommandAsync("HELO probe.test", 250);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("HELO probe.test", 250);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 503);
            await p.UpgradeAsync();
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-5", "504 for another version, also one that is V1 as a number", Must, Profile.Core, "BP-4.4-1 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            foreach (var version in (string[])["V2", "V01", "V1.0", "1", "TLS1.3"])
                await p.ProbeConnection.CommandAsync($"XBLACKPONY {version} {Core} {p.Share(Core)}", 504);

            await p.ExpectUsableAsync();
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-6", "504 for an unknown suite, and another may follow", Must, Profile.Core, "BP-4.4-1 BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.RefuseAsync("XBLACKPONY V1 NO-SUCH-SUITE AAAA");
            await p.SwitchAsync(Core, ehlo: false, refused: "BP-4.4-2");
            await p.FinishAsync();
        }),
        // [BP-4.4-7] A server MUST refuse with 454, without any public-key operation, every XBLACKPONY command that reaches row 11 after
        //   the first `MaxUpgradeAttempts` in the same connection that did, those for ROT included.
        new("S-4.4-7", "After eight attempts every further one gets 454", Must, Profile.Core, "BP-4.4-7", async p =>
        {
            await p.EhloAsync();
            for (int i = 0; i < Limits.MaxUpgradeAttempts; i++)
            {
                // A malformed command does not reach row 11; one is enough, since a server may end a session that has many errors.
                if (i == 0)
                    await p.ProbeConnection.CommandAsync("XBLACKPONY V1", 501);

                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501);
            }

            await p.ProbeConnection.CommandAsync(p.Command(Core), 454);
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 454);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync(p.Command(Core), 454);
            await p.ExpectUsableAsync();
        }),
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-8", "After a refusal mail is delivered in plaintext as if nothing had been asked",
            Must, Profile.Core, "BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 NO-SUCH-SUITE AAAA", 504);
            await p.DeliverPlainAsync();
            await p.ProbeConnection.CommandAsync("QUIT", 221);
        }),
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-9", "After a refusal for its share the client may upgrade with a good one", Must, Profile.Core, "BP-4.4-2", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} AAAA", 501);
            await p.SwitchAsync(Core, ehlo: false);
            await p.FinishAsync();
        }),
        // [BP-4.4-8] A continuation line of one "*" MUST be answered with 501, and the plaintext session continues.
        new("S-4.4-10", "A continuation of \"*\" gets 501, and the session goes on", Must, Profile.Classic, "BP-4.4-8", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync("*", 501);
            await p.ExpectUsableAsync("BP-4.4-8");
            await p.SwitchAsync(Core, ehlo: false);
            await p.FinishAsync();
        }),
        // [BP-4.4-9] A continuation line longer than `MaxCommandLine` MUST be answered with 500, and the plaintext session continues after
        //   its CRLF.
        new("S-4.4-11", "A continuation longer than 4096 octets gets 500, and the session goes on after its CRLF",
            Must, Profile.Classic, "BP-4.4-9", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync(new string('A', 5000), 500);
            await p.ExpectUsableAsync("BP-4.4-9");
            await p.SwitchAsync(Core, ehlo: false);
            await p.FinishAsync();
        }),
        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-4.4-12", "Octets after the continuation get 503 and the end", Must, Profile.Classic, "BP-4.4-4", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
            await p.ProbeConnection.CommandAsync("*\r\nMAIL FROM:<evil@probe.test>", 503);
            await p.ProbeConnection.ExpectClosedAsync("The connection stays open, or the injected command was answered.");
        }),
        // [BP-4.4-13] A server MUST NOT use code 538 for a refusal.
        new("S-4.4-13", "No refusal has the code 538", Must, Profile.Core, "BP-4.4-13", async p =>
        {
            await p.ProbeConnection.SendLineAsync(p.Command(Core));
            await NotAsync();
            await p.EhloAsync();
            foreach (var line in (string[])["XBLACKPONY", $"XBLACKPONY V1 {Core} AAAA", "XBLACKPONY V9 A B",
                "XBLACKPONY V1 NO-SUCH-SUITE B"])
            {
                await p.ProbeConnection.SendLineAsync(line);
                await NotAsync();
            }

            async Task NotAsync() => That((await p.ProbeConnection.ReplyAsync()).Code != 538, "The refusal has the code 538.");
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-14", "A bare LF, bare CR or NUL in the command gets 501 and the end", Must, Profile.Core, "BP-4.4-1", async p =>
        {
            foreach (var stray in (string[])["\nAAAA", "\rxAAAA", "\0AAAA", $" {p.Share(Core)}\r"])
            {
                await p.EhloAsync();
                await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core}{stray}", 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
            }
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-15", "A command with several errors gets the code of the first row that fits", Must, Profile.Core, "BP-4.4-1", async p =>
        {
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9", 503);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9 NO-SUCH-SUITE", 501);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9 NO-SUCH-SUITE ****", 504);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 NO-SUCH-SUITE ****", 504);
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync("XBLACKPONY V9 NO-SUCH-SUITE", 503);
        }),

        // [BP-4.4-14] Of a line that is too long and one that has a bare LF, a bare CR or a NUL, a server MUST report the error whose octet
        //   comes first, however the octets were segmented.
        new("S-4.4-16", "A bare LF after the longest command is part of what is discarded, however it came",
            Must, Profile.Core, "BP-4.4-14", async p =>
        {
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync($"XBLACKPONY V1 {Core} ".PadRight(5000, 'A') + "\nMAIL FROM:<evil@probe.test>", 500);
            await p.ExpectUsableAsync("BP-4.4-14");
        }),

        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-17", "A bare LF, bare CR or NUL in the command is found before anything else: before EHLO, in a transaction and inside",
            Must, Profile.Core, "BP-4.4-1", async p =>
        {
            foreach (var stray in (string[])["\n", "\rx", "\0"])
            {
                // The verb ends there, if not at its space (spec 4.2).
                var line = $"XBLACKPONY{stray}V1 {Core} AAAA";
                await p.ProbeConnection.CommandAsync(line, 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
                await p.EhloAsync();
                await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
                await p.ProbeConnection.CommandAsync(line, 501);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open.");
                await p.ConnectAsync();
                await p.InsideAsync();
                await p.ProbeConnection.CommandInsideAsync(line.Insert(10, " "), 501);
                var record = await p.ProbeConnection.NextAsync();
                That(record?.Type == RecordType.Close, "No close record comes after the 501 inside.");
                await p.ConnectAsync();
            }
        }),
        // [BP-4.4-14] Of a line that is too long and one that has a bare LF, a bare CR or a NUL, a server MUST report the error whose octet
        //   comes first, however the octets were segmented.
        Limit("S-4.4-18", "command", Profile.Core, $"XBLACKPONY V1 {Core} ", p => p.NeedAsync(Core)),
        // [BP-4.4-14] Of a line that is too long and one that has a bare LF, a bare CR or a NUL, a server MUST report the error whose octet
        //   comes first, however the octets were segmented.
        Limit("S-4.4-19", "continuation", Profile.Classic, "", async p =>
        {
            await p.NeedAsync(Classic);
            await p.ProbeConnection.CommandAsync(p.Command(Classic), 334);
        }),

        // [BP-4.4-15] A server MUST apply rows 2 and 3 to an XBLACKPONY line inside too.
        new("S-4.4-20", "Inside too, a bare LF, bare CR or NUL in the command gets 501 and the end, and too long a line 500",
            Must, Profile.Core, "BP-4.4-15", async p =>
        {
            foreach (var stray in (string[])["\n", "\rx", "\0"])
            {
                await p.InsideAsync();
                await p.ProbeConnection.CommandInsideAsync($"XBLACKPONY V1{stray} {Core} AAAA", 501);
                var record = await p.ProbeConnection.NextAsync();
                That(record?.Type == RecordType.Close, "No close record comes after the 501 inside.");
                await p.ConnectAsync();
            }

            await p.InsideAsync();
            await p.ProbeConnection.CommandInsideAsync($"XBLACKPONY V1 {Core} {new string('A', Limits.MaxCommandLine)}", 500);
            await p.ProbeConnection.CommandInsideAsync("NOOP", 250);
        }),

        // [BP-4.4-4] A server that finds octets after the command's CRLF, or after the continuation's, in its buffer MUST reply 503 and
        //   close the connection, without processing those octets.
        new("S-4.4-21", "Octets after the command get 503 and the end before EHLO and in a transaction too", Must, Profile.Core, "BP-4.4-4",
            async p =>
        {
            await AloneAsync();
            await p.ConnectAsync();
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await AloneAsync();

            async Task AloneAsync()
            {
                await p.ProbeConnection.CommandAsync($"{p.Command(Core)}\r\nNOOP", 503);
                await p.ProbeConnection.ExpectClosedAsync("The connection stays open, or the command after XBLACKPONY was answered.");
            }
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        new("S-4.4-22", "Inside, what stands after the command is answered: row 4 comes before row 5", Must, Profile.Core, "BP-4.4-1",
            async p =>
        {
            await p.InsideAsync();
            await p.ProbeConnection.SendInsideAsync($"{p.Command(Core)}\r\nNOOP\r\nQUIT\r\n");
            var (lines, _) = await p.ProbeConnection.ToTheEndAsync();
            That(lines.Select(l => l[..3]) is var codes && codes.SequenceEqual(["503", "250", "221"]),
                $"Expected 503, 250 and 221, got {Show(string.Join("\r\n", lines))}.");
        }),
        // [BP-4.4-1] A server MUST reply to an XBLACKPONY command that it does not accept with the code of the first row that fits, and
        //   continue or close as that row says.
        // [BP-4.4-2] After a refusal that does not close, the server MUST continue the plaintext session as if the command had not been
        //   sent.
        new("S-4.4-23", "An over-long command gets 500 before EHLO and in a transaction too, which goes on", Must, Profile.Core,
            "BP-4.4-1 BP-4.4-2", async p =>
        {
            var command = $"XBLACKPONY V1 {Core} ".PadRight(Limits.MaxCommandLine, 'A');
            await p.ProbeConnection.CommandAsync(command, 500);
            await p.EhloAsync();
            await p.ProbeConnection.CommandAsync("MAIL FROM:<a@probe.test>", 250);
            await p.ProbeConnection.CommandAsync(command, 500);
            await p.ProbeConnection.CommandAsync("RCPT TO:<b@sink.test>", 250, "BP-4.4-2");
        }),
        // [BP-4.4-7] A server MUST refuse with 454, without any public-key operation, every XBLACKPONY command that reaches row 11 after
        //   the first `MaxUpgradeAttempts` in the same connection that did, those for ROT included.
        new("S-4.4-24", "Attempts with ROT and with other suites are counted together", Must, Profile.Manual, "BP-4.4-7", async p =>
        {
            await p.NeedAsync(Rot);
            for (int i = 0; i < Limits.MaxUpgradeAttempts; i++)
                await p.ProbeConnection.CommandAsync(i % 2 == 0 ? "XBLACKPONY V1 ROT 26" : $"XBLACKPONY V1 {Core} AAAA", 501);

            await p.ProbeConnection.CommandAsync("XBLACKPONY V1 ROT 13", 454);
            await p.ProbeConnection.CommandAsync(p.Command(Core), 454);
        }),
    ];
}
