using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using static BlackPony.Conformance.Peers.Names;

namespace BlackPony.Tests.Conformance.Transcripts;

/// <summary>The golden transcripts: what spec/transcripts holds.</summary>
internal static class Scenarios
{
    // The base point, whose private key is nobody's concern: a good X25519 share for commands that never come to the exchange.
    private const string Share = "CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    public static IReadOnlyList<Scenario> All { get; } =
    [
        // ---------------------------------------------------------------- each suite
        new("suite-x25519-chacha20poly1305", "The suite that every port has: one message.", s => s.Deliver()),
        new("suite-x25519mlkem768-chacha20poly1305", "The preferred suite: one message.", s => s.Deliver())
        {
            ServerSuites = [Core, Hybrid],
        },
        new("suite-x25519mlkem768-aes256gcm", "The preferred key exchange with AES: one message.", s => s.Deliver())
        {
            ServerSuites = [HybridAes],
        },
        new("suite-rsa-blowfish", "The suite of 1997: one message.", s => s.Deliver()) { ServerSuites = [Classic] },
        new("rot-by-hand", "ROT13, typed by a person with telnet (Appendix E).", s =>
        {
            s.OpenServer();
            s.Say("EHLO me.a.test");
            s.Say("XBLACKPONY V1 ROT 13");
            foreach (var line in (string[])["RUYB zr.n.grfg", "ZNVY SEBZ:<zr@n.grfg>", "EPCG GB:<lbh@o.grfg>", "QNGN",
                "Fhowrpg: uryyb\r\n\r\nOl unaq.\r\n..qbg\r\n.", "DHVG"])
            {
                s.Say(line);
            }
        }) { ServerSuites = [Core, "ROT"] },
        new("rot-25-eight-bit", "ROT25 by a client that was told so; octets above 127 pass unchanged.",
            s => s.Deliver("MAIL FROM:<alice@a.test> BODY=8BITMIME\r\n", "RCPT TO:<bob@b.test>\r\n", "DATA\r\n",
                "Subject: \xE9t\xE9\r\n\r\nAz za Zz.\r\n.\r\n"))
        { ServerSuites = ["ROT"], ClientSuites = ["ROT"], Shift = 25 },

        // ---------------------------------------------------------------- ordinary servers and fall-back
        new("fallback-not-offered", "A server without BlackPony: plain SMTP at once.", s => s.Deliver()) { ServerSuites = [] },
        new("fallback-no-common-suite", "No suite in common: the command is not sent.", s => s.Deliver())
        {
            ServerSuites = [Core],
            ClientSuites = [Hybrid],
        },
        new("fallback-ehlo-refused", "A server that knows no EHLO: HELO and plain SMTP.", s =>
        {
            s.Queue("EHLO mail.a.test\r\n", "HELO mail.a.test\r\n", "MAIL FROM:<alice@a.test>\r\n");
            s.Answer("220 old.b.test");
            s.Answer("500 What?");
            s.Answer("250 old.b.test");
            s.Answer("250 Ok");
        }),
        Answered("fallback-refused-454", "A refusal for now: plain SMTP in the same connection.", "454 4.7.0 Not now"),
        Answered("fallback-refused-504", "A refusal of the suite: the next one, then plain SMTP in the same connection.",
            "504 5.5.4 Not that suite", "504 5.5.4 Not that either"),
        Answered("broken-421", "A 421 is the end: one fresh connection, in plain SMTP.", "421 4.3.2 Shutting down"),
        Answered("broken-malformed-reply", "A 220 without a share: one fresh connection, in plain SMTP.", "220 2.0.0 Ready to start"),
        Answered("broken-invalid-share",
            "A share of the wrong length: the client closes at once, and tries again in plain SMTP.", "220 K=AAAA"),
        new("broken-connection-lost", "The connection ends in the place of a reply: one fresh connection, in plain SMTP.", s =>
        {
            Offer(s);
            s.EndServer();
            PlainServer(s);
        }),
        new("broken-offer-edited",
            "Somebody in the path takes a suite out of the offer: both Finished fail, and the fall-back is reported.", s =>
        {
            s.InPath = (who, octets) => who == Role.Server ? Replace(octets, $"{Hybrid} ", "") : octets;
            s.Deliver();
        }) { ServerSuites = [Hybrid, Core] },
        new("broken-share-replaced", "Somebody in the path changes a letter of the server's share.", s =>
        {
            s.InPath = (who, octets) => who == Role.Server && Text(octets).StartsWith("220 K=", StringComparison.Ordinal)
                ? [.. octets[..10], octets[10] == 'A' ? (byte)'B' : (byte)'A', .. octets[11..]]
                : octets;
            s.Deliver();
        }),
        new("broken-offer-reshaped",
            "Somebody in the path writes the offer with other spaces, tokens and case: the client takes it, and both Finished fail, since "
                + "octets are hashed.", s =>
        {
            s.InPath = (who, octets) =>
                who == Role.Server ? Replace(octets, "XBLACKPONY V1", "xblackpony  G-0000 V7 v1 X-UNKNOWN") : octets;
            s.Deliver();
        }),

        // ---------------------------------------------------------------- refusals by the server
        Refused("refusal-500-too-long", "A command line longer than MaxCommandLine.",
            s => s.Say($"XBLACKPONY V1 {Core} {new string('A', 4096)}")),
        Refused("refusal-501-syntax", "Commands that are malformed.", s =>
        {
            s.Say($"XBLACKPONY V1 {Core}");
            s.Say($"XBLACKPONY  V1 {Core} {Share}");
            s.Say($"XBLACKPONY V1 {Core} {Share} ");
        }),
        Refused("refusal-501-share", "Shares that are invalid: not canonical, too short, and all zero.", s =>
        {
            s.Say($"XBLACKPONY V1 {Core} {Share[..^1]}");
            s.Say($"XBLACKPONY V1 {Core} {Share[..^2]}B=");
            s.Say($"XBLACKPONY V1 {Core} AAAA");
            s.Say($"XBLACKPONY V1 {Core} {new string('A', 43)}=");
        }),
        new("refusal-501-bare-lf", "A bare LF in the command: 501 and the end.", s =>
        {
            s.OpenServer();
            s.Client.Ehlo();
            s.Say($"XBLACKPONY V1 {Core}\n{Share}");
        }),
        Refused("refusal-501-modulus", "An even modulus, and one without its highest bit.", s =>
        {
            s.Say($"XBLACKPONY V1 {Classic} {Convert.ToBase64String([.. Enumerable.Repeat((byte)0xFE, 384), .. new byte[32]])}");
            s.Say($"XBLACKPONY V1 {Classic} {Convert.ToBase64String([.. Enumerable.Repeat((byte)0x7F, 384), .. new byte[32]])}");
        }, Classic),
        Refused("refusal-501-ml-kem-key", "An ML-KEM key that fails the check of FIPS 203 Section 7.2.",
            s => s.Say($"XBLACKPONY V1 {Hybrid} {Convert.ToBase64String([.. Enumerable.Repeat((byte)0xFF, 1184), 9, .. new byte[31]])}"),
            Hybrid),
        Refused("refusal-501-cancelled", "The client cancels: the session goes on.", s =>
        {
            s.Say(s.Client.Command(Classic));
            s.Say("*");
        }, Classic),
        Refused("refusal-501-continuation", "A continuation that is no share.", s =>
        {
            s.Say(s.Client.Command(Classic));
            s.Say("AAAA");
        }, Classic),
        new("refusal-503-sequence", "Before EHLO, after HELO, and in a transaction, which goes on.", s =>
        {
            s.OpenServer();
            s.Say($"XBLACKPONY V1 {Core} {Share}");
            s.Say("HELO mail.a.test");
            s.Say($"XBLACKPONY V1 {Core} {Share}");
            s.Client.Ehlo();
            s.Say("MAIL FROM:<alice@a.test>");
            s.Say($"XBLACKPONY V1 {Core} {Share}");
            s.Say("RCPT TO:<bob@b.test>");
        }),
        new("refusal-503-behind", "A command behind XBLACKPONY in one group: 503 and the end; it is not executed.", s =>
        {
            s.OpenServer();
            s.Client.Ehlo();
            s.Send(Encoding.ASCII.GetBytes($"XBLACKPONY V1 {Core} {Share}\r\nMAIL FROM:<evil@a.test>\r\n"));
        }),
        Refused("refusal-504-version-and-suite", "Unknown versions and suites.", s =>
        {
            s.Say($"XBLACKPONY V2 {Core} {Share}");
            s.Say($"XBLACKPONY V01 {Core} {Share}");
            s.Say($"XBLACKPONY V1 X-NOTHING {Share}");
            s.Say("XBLACKPONY V1 ROT 13");
        }),
        Refused("refusal-454-attempts", "The ninth attempt in a connection.", s =>
        {
            for (int i = 0; i < 9; i++)
            {
                s.Say($"XBLACKPONY V1 {Core} AAAA");
            }
        }),
        new("refusal-inside", "XBLACKPONY and STARTTLS inside get 503.", s =>
        {
            Inside(s);
            s.Client.Data($"XBLACKPONY V1 {Core} {Share}\r\n");
            s.Client.Data("STARTTLS\r\n");
            s.Client.Data("QUIT\r\n");
            s.Client.Record(RecordType.Close);
        }),

        // ---------------------------------------------------------------- records
        new("rekey", "The client rekeys in the middle of a line, twice.", s =>
        {
            Inside(s);
            s.Client.Data("NO");
            s.Client.Record(RecordType.Rekey);
            s.Client.Data("OP");
            s.Client.Record(RecordType.Rekey);
            s.Client.Data("\r\nQUIT\r\n");
            s.Client.Record(RecordType.Close);
        }),
        new("rekey-blowfish", "The client rekeys under RSA-BLOWFISH.", s =>
        {
            Inside(s, Classic);
            s.Client.Record(RecordType.Rekey);
            s.Client.Data("QUIT\r\n");
            s.Client.Record(RecordType.Close);
        }) { ServerSuites = [Classic] },
        new("padding", "No padding, one octet of it, and a record of ignored type.", s =>
        {
            Inside(s);
            s.Client.Data("NOOP\r\n", 7);
            s.Client.Data("NOOP\r\n", 8);
            s.Client.Record((RecordType)200, "extension"u8.ToArray());
            s.Client.Data("");
            s.Client.Data("QUIT\r\n");
            s.Client.Record(RecordType.Close);
        }),
        new("records-split", "Records in single octets, and two in one segment.", s =>
        {
            Inside(s);
            foreach (byte octet in s.Client.Seal(RecordType.Data, "NOOP\r\n"u8.ToArray()))
            {
                s.Send([octet]);
            }

            s.Send(s.Client.Seal(RecordType.Data, "NO"u8.ToArray()), s.Client.Seal(RecordType.Data, "OP\r\nQUIT\r\n"u8.ToArray()));
            s.Client.Record(RecordType.Close);
        }),
        new("ident", "A server that proves its IDENT to a client that remembers it.", s => s.Deliver())
        {
            Policy = ClientPolicy.Remembered,
            Remembered = true,
            KnownIdent = true,
            Ident = true,
        },

        // ---------------------------------------------------------------- closing and failures
        new("close-by-client", "The client closes between transactions: the server answers with its own close.", s =>
        {
            Inside(s);
            s.Client.Record(RecordType.Close);
        }),
        new("truncation", "The connection ends before the last dot: nothing is delivered.", s =>
        {
            Inside(s);
            s.Client.Data("MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\n");
            s.Client.Data("Subject: half\r\n\r\nhalf\r\n");
            s.EndClient();
        }),
        new("failure-bit-flipped", "A flipped bit: the one alert, and nothing that follows is read.", s =>
        {
            Inside(s);
            var record = s.Client.Seal(RecordType.Data, "NOOP\r\n"u8.ToArray());
            record[20] ^= 1;
            s.Note("one bit of this record was flipped");
            s.Send(record, s.Client.Seal(RecordType.Data, "NOOP\r\n"u8.ToArray()));
        }),
        new("failure-replayed", "A record sent twice.", s =>
        {
            Inside(s);
            var record = s.Client.Seal(RecordType.Data, "NOOP\r\n"u8.ToArray());
            s.Send(record);
            s.Note("the same record again");
            s.Send(record);
        }),
        new("failure-length", "A length out of bounds: the alert comes at its two octets.", s =>
        {
            Inside(s);
            s.Send([0xFF, 0xFF]);
        }),
        new("failure-type", "A record of an unassigned type.", s =>
        {
            Inside(s);
            s.Client.Record((RecordType)100);
        }),
        new("failure-client-finished", "A client's Finished with a wrong value.", s =>
        {
            s.OpenServer();
            s.Client.Ehlo();
            s.Client.Upgrade(Core);
            s.Client.Record(RecordType.Finished, new byte[32]);
        }),
        new("failure-data-first", "Data before the client's Finished.", s =>
        {
            s.OpenServer();
            s.Client.Ehlo();
            s.Client.Upgrade(Core);
            s.Client.Data("EHLO mail.a.test\r\n");
        }),
        new("failure-oaep", "A continuation that does not decrypt is answered as a good one, and fails at Finished.", s =>
        {
            s.OpenServer();
            s.Client.Ehlo();
            s.Client.Upgrade(Classic, octets => [0, .. octets[1..]]);
            s.Client.Record(RecordType.Finished, s.Client.Keys.Finished(Role.Client));
        }) { ServerSuites = [Classic] },
        new("failure-plaintext-injected", "Plaintext behind the 220, injected towards the client, is read as records, and fails.", s =>
        {
            s.InPath = (who, octets) => who == Role.Server && Text(octets).StartsWith("220 K=", StringComparison.Ordinal)
                ? [.. octets[..(Text(octets).IndexOf("\r\n", StringComparison.Ordinal) + 2)],
                    .. Encoding.ASCII.GetBytes("250 2.0.0 Ok\r\n" + new string(' ', 20000))]
                : octets;
            s.Deliver();
        }) { Policy = ClientPolicy.Required },
        new("failure-finished-timeout", "A client that does not send its Finished.", s =>
        {
            s.OpenServer();
            s.Client.Ehlo();
            s.Client.Upgrade(Core);
            s.TimeOut("FinishedTimeout");
        }),

        // ---------------------------------------------------------------- policies
        new("policy-required", "Encryption is required, and there is none: deferred.", s => s.Deliver())
        {
            ServerSuites = [],
            Policy = ClientPolicy.Required,
        },
        new("policy-required-rot", "Encryption is required, and ROT is none: deferred.", s => s.Deliver())
        {
            ServerSuites = ["ROT"],
            ClientSuites = ["ROT"],
            Policy = ClientPolicy.Required,
        },
        new("policy-remembered", "A remembered server that offers nothing any more: deferred.", s => s.Deliver())
        {
            ServerSuites = [],
            Policy = ClientPolicy.Remembered,
            Remembered = true,
        },
        new("policy-remembered-ident-missing", "A remembered server that shows its IDENT no more: deferred, inside.", s => s.Deliver())
        {
            Policy = ClientPolicy.Remembered,
            Remembered = true,
            KnownIdent = true,
        },

        // ---------------------------------------------------------------- the relay
        new("relay-starttls", "An ordinary client's STARTTLS passes through: after its 220 the relay is a plain pipe.", s =>
        {
            s.OpenServer();
            s.Say("EHLO mail.a.test");
            s.Say("STARTTLS");
            s.Send([0x16, 0x03, 0x01, 0x00, 0x01, 0x01, 0x0D, 0x0A]);
        }) { Extensions = ["PIPELINING", "STARTTLS"] },
        new("relay-strangers", "XCLIENT, XFORWARD and PROXY are refused, and not offered.", s =>
        {
            s.OpenServer();
            s.Say("PROXY TCP4 127.0.0.1 127.0.0.1 25 25");
            s.Say("EHLO mail.a.test");
            s.Say("XCLIENT ADDR=127.0.0.1");
            s.Say("MAIL FROM:<alice@a.test>");
            s.Say("XFORWARD NAME=localhost");
            s.Say("QUIT");
        }) { Extensions = ["PIPELINING", "XCLIENT NAME ADDR", "XFORWARD NAME ADDR"] },
        new("relay-smuggling", "LF \".\" LF ends no message: it is passed on as it is, and the message goes on.", s =>
        {
            Inside(s);
            s.Client.Data("MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nDATA\r\n");
            s.Client.Data("Subject: two?\r\n\r\nfirst\n.\nMAIL FROM:<evil@a.test>\r\n.\r\n");
            s.Client.Data("QUIT\r\n");
            s.Client.Record(RecordType.Close);
        }),
        new("pipelining", "RFC 2920: a whole transaction in one group.",
            s => s.Deliver("MAIL FROM:<alice@a.test>\r\nRCPT TO:<bob@b.test>\r\nRCPT TO:<carol@b.test>\r\nDATA\r\n",
                "Subject: group\r\n\r\nAll at once.\r\n.\r\n")),
        new("bdat", "RFC 3030: chunks with bare LF, NUL and a dot of their own.",
            s => s.Deliver("MAIL FROM:<alice@a.test>\r\n", "RCPT TO:<bob@b.test>\r\n", "BDAT 19\r\nSubject: bdat\n\0\r\n.\r",
                "BDAT 5 LAST\r\n\n.\r\nx"))
        { Extensions = ["PIPELINING", "8BITMIME", "CHUNKING"] },
    ];

    private static string Text(byte[] octets) => Encoding.Latin1.GetString(octets);

    private static byte[] Replace(byte[] octets, string old, string with) =>
        Encoding.Latin1.GetBytes(Text(octets).Replace(old, with, StringComparison.Ordinal));

    // A server that the scenario plays: greets, offers, and gets the command.
    private static void Offer(Stage s)
    {
        s.Queue("EHLO mail.a.test\r\n", "MAIL FROM:<alice@a.test>\r\n", "QUIT\r\n");
        s.Answer("220 mx.b.test ESMTP");
        s.Answer("250-mx.b.test", $"250 XBLACKPONY V1 {Core} {Classic}");
    }

    // The plain session that follows.
    private static void PlainServer(Stage s)
    {
        s.Answer("220 mx.b.test ESMTP");
        s.Answer("250-mx.b.test", $"250 XBLACKPONY V1 {Core} {Classic}");
        s.Answer("250 2.1.0 Ok");
        s.Answer("221 2.0.0 Bye");
        s.EndServer();
    }

    private static Scenario Answered(string name, string title, params string[] replies) => new(name, title, s =>
    {
        Offer(s);
        foreach (var reply in replies)
        {
            s.Answer(reply);
        }

        if (name.StartsWith("broken", StringComparison.Ordinal))
        {
            PlainServer(s);
            return;
        }

        s.Answer("250 2.1.0 Ok");
        s.Answer("221 2.0.0 Bye");
        s.EndServer();
    });

    // The session stays usable behind each refusal.
    private static Scenario Refused(string name, string title, Action<Stage> play, string suite = Core) => new(name, title, s =>
    {
        s.OpenServer();
        s.Client.Ehlo();
        play(s);
        s.Say("NOOP");
        s.Say("QUIT");
    }) { ServerSuites = [suite] };

    private static void Inside(Stage s, string suite = Core)
    {
        s.OpenServer();
        s.Client.Ehlo();
        s.Client.Finish(suite);
        s.Client.Data("EHLO mail.a.test\r\n");
    }
}
