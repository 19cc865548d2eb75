using BlackPony.Conformance.Peers;
using BlackPony.Traces.Conversion;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Captures made by hand, each with what is right (shared/traces/made/README.md).</summary>
[Trait("Needs", "shared/traces")]
public sealed class MadeCaptureTests
{
    private static readonly InspectOptions Full = new() { Dialogue = true, Exchanges = true };

    [Fact]
    public void Replies_to_a_client_that_does_not_wait_belong_to_their_commands()
    {
        var rejected = Of("nc-reject").Only;
        Assert.Empty(rejected.Messages);
        Assert.Equal("220 HELO:250 MAIL:250 RCPT:554 DATA:554 SUBJECT::502 FROM::502 :502 BODY:502 .:502 QUIT:221", Exchanges(rejected));
        var message = Assert.Single(Of("nc-accept-msgreject").Only.Messages);
        Assert.Equal((554, true, "c@d.example"), (message.Reply, message.IsRefused, Assert.Single(message.To)));
        var script = Assert.Single(Script.Read(SharedCaptures.Made("nc-accept-msgreject.pcap"), new InspectOptions(), out _));
        Assert.Equal(1, script.Exchanges.Count(e => e.Name == "DATA"));
        Assert.Equal("HELO MAIL RCPT DATA the message's end QUIT", string.Join(' ', script.Exchanges.Select(e => e.Name)));
    }

    [Fact]
    public void Commands_and_messages_to_a_silent_server_are_listed_and_their_replies_are_unknown()
    {
        var session = Of("server-silent").Only;
        Assert.Equal("EHLO AUTH MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
        Assert.Equal((null, null), (Assert.Single(session.Messages).Reply, session.Messages[0].IsRefused));
        AssertHidden(session, "dXNlcg", "cGFzcw");
        session = Of("server-silent-noauth").Only;
        Assert.Equal("EHLO MAIL RCPT DATA MAIL RCPT DATA QUIT", string.Join(' ', session.Commands));
        Assert.Equal(["a@b.example", "a2@b.example"], session.Messages.Select(m => m.From));
        Assert.All(session.Messages, m => Assert.Null(m.Recipients[0].IsRefused));
    }

    [Fact]
    public void What_a_decrypting_mirror_shows_is_read_on()
    {
        var session = Of("starttls-then-plain").Only;
        Assert.Equal((UpgradeKind.StartTls, true, "EHLO STARTTLS EHLO MAIL RCPT DATA QUIT"),
            (session.Upgrade, session.IsDecrypted, string.Join(' ', session.Commands)));
        Assert.Equal(250, Assert.Single(session.Messages).Reply);
        Assert.DoesNotContain(session.Findings, f => f.Level > FindingLevel.Note);
    }

    [Fact]
    public void Behind_a_gap_each_reply_belongs_to_its_command()
    {
        var session = Of("gap-then-pipelined-ok").Only;
        Assert.Equal("220 EHLO:? MAIL:250 RCPT:250 RCPT:550 DATA:354 the message's end:250 QUIT:221", Exchanges(session));
        Assert.Equal(["c@d.example"], Assert.Single(session.Messages).To);
    }

    [Fact]
    public void Exchanges_own_commands_are_known_and_its_tokens_are_not_shown()
    {
        var tls = Of("xanontls").Only;
        Assert.Equal((UpgradeKind.StartTls, "EHLO X-ANONYMOUSTLS"), (tls.Upgrade, string.Join(' ', tls.Commands)));
        Assert.Empty(tls.Findings);
        var exps = Of("xexps").Only;
        Assert.Equal("EHLO X-EXPS X-LINK2STATE MAIL QUIT", string.Join(' ', exps.Commands));
        AssertHidden(exps, "YIIF5wYGKwYBBQUCoIIF2zCCBde", "YIGhMIGeoAMKAQE", "dGVzdA");
    }

    [Fact]
    public void A_session_through_SOCKS_begins_behind_the_handshake()
    {
        var session = Of("socks5").Only;
        Assert.Equal(("EHLO MAIL QUIT", "mx ESMTP", "10.0.0.2:25"), (string.Join(' ', session.Commands), session.Greeting, session.Via));
        Assert.Equal(["T-TUNNEL"], session.Findings.Select(f => f.Id));
    }

    [Fact]
    public void Other_layers_are_what_they_are()
    {
        var counted = Of("isn-not-counted").Only;
        Assert.Equal(("mx", "EHLO MAIL QUIT", 0), (counted.Greeting, string.Join(' ', counted.Commands), counted.Findings.Count));
        var lmtp = Of("lmtp").Only;
        Assert.Equal("c@d.example 250, e@d.example 550",
            string.Join(", ", lmtp.Messages[0].Recipients.Select(r => $"{r.Address} {r.Reply}")));
        Assert.Equal(["c@d.example"], lmtp.Messages[0].To);
        Assert.Empty(Of("http-put-helo").Sessions);
        var smtps = Of("smtps465").Only;
        Assert.Equal((UpgradeKind.Tls, 0), (smtps.Upgrade, smtps.Commands.Count));
    }

    [Fact]
    public void An_unfinished_line_without_a_FIN_is_converted()
    {
        using var folder = new Folder();
        var path = SharedCaptures.Made("no-fin-partial.pcap");
        var transcript = new MemoryStream();
        new Converter(new InspectOptions()).ToTranscript(path, transcript, out _);
        var again = Inspection.Of(folder.Write("again.txt", transcript.ToArray())).Only;
        Assert.Equal((Inspection.Of(path).Only.ClientOctets, 28),
            (again.ClientOctets, int.Parse(
            again.Findings.Single(f => f.Id == "T-MESSAGE-CUT").Text.Split(' ')[4], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData("blank-line-in-ehlo.pcap")]
    [InlineData("fuzz-anonymize-crash.txt")]
    public void An_empty_line_behind_EHLO_does_not_end_the_anonymizer(string name)
    {
        var converter = new Converter(new InspectOptions(), new SeededRandom("tests", "pseudonyms"));
        converter.ToTranscript(SharedCaptures.Made(name), new MemoryStream(), out int sessions);
        Assert.Equal((1, 0), (sessions, converter.Leaks.Count));
    }

    [Fact]
    public void Anonymized_no_name_is_left()
    {
        foreach (bool pcap in (bool[])[true, false])
        {
            var output = new MemoryStream();
            var converter = new Converter(new InspectOptions(), new SeededRandom("tests", "pseudonyms"));
            var path = SharedCaptures.Made("anon.pcap");
            _ = pcap ? converter.ToPcap(path, output, out _) : converter.ToTranscript(path, output, out _);
            var text = System.Text.Encoding.Latin1.GetString(output.ToArray());
            foreach (var name in (string[])
            [
                "Musterfirma", "Hannelore", "annelore", "Schmidt", "Grossmann", "Beate", "Zacharias", "Kundenfirma", "Geheim", "Kundenname",
                    "Kundennummer", "laptop", "porcupine", "Juergen", "sekretariat",
                "kleinesnetz", "Secretserver", "mailgate", "qwertzuiop", "Kuendigung", "Krankheit", "secretheader", "intern", "Grenze",
                    "Gehalt", "Vertraulich", "Innenliegend", "dritte", "Verschachtelter",
                "Liebe", "Passwort", "Konto", "Wor=", "knoten", "Anna", "Bruno", "team", "SGFubmVsb3Jl", "AGhhbm5lbG9yZQ", "4711", "0815",
                    "192.168.77", "0170", "4XyzABCDEF", "zweite", "Zeil",
            ])
            {
                Assert.False(text.Contains(name, StringComparison.OrdinalIgnoreCase), name);
            }

            Assert.Empty(converter.Leaks);
            foreach (var form in (string[])["AUTH PLAIN LOGIN", "SIZE 1000", "Return-Path: <",
                "Content-Transfer-Encoding: quoted-printable", "queued as ", " RET=HDRS ENVID=", "VRFY ",
                "Date: Mon, 5 Jan 2026 10:00:00 +0100"])
            {
                Assert.Contains(form, text, StringComparison.Ordinal);
            }
        }
    }

    private static Inspection Of(string name) => Inspection.Of(SharedCaptures.Made(name + ".pcap"), Full);

    private static string Exchanges(ObservedSession session) =>
        string.Join(' ', session.Exchanges!.Select(
        (e, i) => i == 0 ? $"{e.Reply}" : $"{e.Command}:{e.Reply?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"}"));

    private static void AssertHidden(ObservedSession session, params string[] secrets)
    {
        var shown = string.Join('\n', session.Dialogue!.Select(l => l.Text).Concat(session.Commands)
            .Concat(session.Findings.Select(f => f.Text)).Concat(session.Exchanges!.Select(e => e.Command + e.Text)));
        Assert.All(secrets, s => Assert.DoesNotContain(s, shown, StringComparison.Ordinal));
    }
}
