using System.Text;
using BlackPony.Traces.Replay;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Captures of TLS (Captures/README.md): what it shows, and what a key log opens.</summary>
public sealed class TlsCaptureTests
{
    private const string Inside = "EHLO AUTH MAIL RCPT RCPT DATA QUIT";
    private const string Secret = "AGFsaWNl";

    private static readonly string[] Certificate = ["mx.b.test", "mail.b.test"];

    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Captures, "*.pcap").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    private static string Captures => Repository.At("tests", "Traces", "Captures", "tls");

    [Theory]
    [MemberData(nameof(Names))]
    public void Version_SNI_and_certificate_are_shown_without_a_key(string name)
    {
        var sessions = Inspection.Of(Capture(name)).Sessions;
        Assert.Equal(name.EndsWith("resumed", StringComparison.Ordinal) ? 2 : 1, sessions.Count);
        bool is13 = name.Contains("tls13", StringComparison.Ordinal);
        foreach (var session in sessions)
        {
            bool startTls = name.StartsWith("starttls", StringComparison.Ordinal);
            Assert.Equal(startTls ? (UpgradeKind.StartTls, "EHLO STARTTLS") : (UpgradeKind.Tls, ""),
                (session.Upgrade, string.Join(' ', session.Commands)));
            Assert.Equal((is13 ? "TLS 1.3" : "TLS 1.2", "mx.b.test"), (session.Tls!.Version, session.Tls.ServerName));
            // TLS 1.3 encrypts it, and a resumed session has none.
            bool shown = !is13 && session == sessions[0] && !name.Contains("anonymous", StringComparison.Ordinal);
            Assert.Equal(shown ? Certificate : [], session.Tls.CertificateNames);
            Assert.Equal((false, 0), (session.IsDecrypted, session.Messages.Count));
            Assert.DoesNotContain(session.Findings, f => f.Level > FindingLevel.Note);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_key_log_opens_it(string name)
    {
        var options = new InspectOptions { Keys = Keys(name), Dialogue = true, Exchanges = true };
        var sessions = Inspection.Of(Capture(name), options).Sessions;
        foreach (var session in sessions)
        {
            Opened(session);
            Assert.Empty(session.Findings);
            bool shown = session == sessions[0] && !name.Contains("anonymous", StringComparison.Ordinal);
            Assert.Equal(shown ? Certificate : [], session.Tls!.CertificateNames);
            Assert.Equal("mx.b.test ESMTP", session.Greeting);
            Assert.Contains(session.Dialogue!, l => l is { Protected: true, Text: "AUTH PLAIN (hidden)" });
            Assert.DoesNotContain(session.Dialogue!, l => l.Text.Contains(Secret, StringComparison.Ordinal));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    [Trait("Needs", "tshark")]
    public void Tshark_reads_the_same_inside(string name)
    {
        var path = Capture(name);
        var commands = Tshark.Run(path, ["-o", $"tls.keylog_file:{Path.Combine(Captures, name + ".keys.log")}", "-Y",
            "tls && smtp.req.command", "-T", "fields", "-e", "smtp.req.command"]);
        var ours = Inspection.Of(path, new InspectOptions { Keys = Keys(name) }).Sessions
            .SelectMany(s => s.Commands.Skip(s.Upgrade == UpgradeKind.StartTls ? 2 : 0));
        Assert.Equal(commands.Select(c => c.ToUpperInvariant()), ours);
    }

    [Fact]
    public void Secrets_in_the_capture_itself_open_it()
    {
        var path = Path.Combine(Captures, "starttls-tls13-secrets-inside.pcapng");
        Opened(Inspection.Of(path).Only);
        var merged = new List<ObservedSession>();
        _ = new BlackPony.Traces.Inspector(new InspectOptions(), merged.Add) { Merge = true }
            .Inspect([path, Path.Combine(Captures, "starttls-tls12-cbc.pcap")]);
        Assert.Equal([1, 0], merged.Select(s => s.Messages.Count));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_lost_packet_makes_nothing_up(string name)
    {
        var capture = File.ReadAllBytes(Capture(name));
        var records = Records(capture).ToList();
        int opened = 0;
        foreach (var lost in records)
        {
            byte[] file = [.. capture[..lost.At], .. capture[(lost.At + lost.Length)..]];
            foreach (var session in Inspection.Of(file, new InspectOptions { Keys = Keys(name) }).Sessions)
            {
                Assert.All(session.Messages, m =>
                {
                    Assert.True(m.Reply is null or 250 && m.Octets - m.Missing <= 74, $"{lost.At}: {m.Reply}, {m.Octets}");
                    Assert.All(m.Recipients, r => Assert.True(
                        r.IsRefused is null || r.IsRefused == (r.Address == "nobody@b.test"), $"{lost.At}: {r.Address} {r.Reply}"));
                });
                opened += session.Messages.Count;
            }
        }

        // Most packets are one record each: the next one is found, and opens.
        Assert.True(opened > records.Count / 3, $"{opened} of {records.Count}");
    }

    [Fact]
    public void What_does_not_fit_is_said_and_nothing_is_shown()
    {
        const string Name = "starttls-tls13-aes256";
        var capture = File.ReadAllBytes(Capture(Name));
        var other = Inspection.Of(capture, new InspectOptions { Keys = Keys("starttls-tls12-cbc") }).Only;
        Assert.Equal((false, 0, "T-NO-KEYS"), (other.IsDecrypted, other.Messages.Count, Assert.Single(other.Findings).Id));
        // A wrong secret, and a record that was changed.
        var wrong = new KeyLog();
        foreach (var line in File.ReadLines(Path.Combine(Captures, Name + ".keys.log")))
        {
            wrong.Log(line.Length > 0 ? line[..^4] + (line[^1] == '0' ? "0001" : "0000") : line);
        }

        var bad = Inspection.Of(capture, new InspectOptions { Keys = wrong }).Only;
        Assert.Equal((false, 0, "T-TLS-UNVERIFIED"), (bad.IsDecrypted, bad.Messages.Count, Assert.Single(bad.Findings).Id));
        var last = Records(capture).Last(r => r.Length > 16 + 66);
        capture[last.At + last.Length - 1] ^= 1;
        var changed = Inspection.Of(capture, new InspectOptions { Keys = Keys(Name) }).Only;
        Assert.Contains("T-TLS-UNVERIFIED", changed.Findings.Select(f => f.Id));
    }

    [Fact]
    public void One_key_log_has_the_secrets_of_both()
    {
        var keys = new KeyLog();
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var lines = File.ReadAllText(Path.Combine(Captures, "starttls-tls13-aes256.keys.log")).ReplaceLineEndings("\r\n")
            + secured.KeyLog + "# comment\n\nRSA 0011223344556677 00112233\nEXPORTER_SECRET 00 00\nnonsense\nCLIENT_RANDOM 0 0\n";
        keys.Add(Encoding.ASCII.GetBytes(lines));
        Assert.Equal(2, keys.BadLines);
        Opened(Inspection.Of(Capture("starttls-tls13-aes256"), new InspectOptions { Keys = keys }).Only);
        Assert.Single(Inspection.Of(secured.Pcap(), new InspectOptions { Keys = keys }).Only.Messages);
    }

    [Fact]
    public void A_key_log_that_grows_is_read_on()
    {
        const string Name = "starttls-tls13-aes256";
        using var folder = new Folder();
        var whole = File.ReadAllText(Path.Combine(Captures, Name + ".keys.log"));
        var path = folder.Write("keys.log", Encoding.ASCII.GetBytes("# nothing yet\n"));
        var keys = KeyLog.Read(path, follow: true);
        Assert.False(Inspection.Of(Capture(Name), new InspectOptions { Keys = keys }).Only.IsDecrypted);
        // A line that is being written is not one yet.
        File.AppendAllText(path, whole[..^70]);
        Assert.Empty(Inspection.Of(Capture(Name), new InspectOptions { Keys = keys }).Only.Messages);
        File.AppendAllText(path, whole[^70..]);
        Opened(Inspection.Of(Capture(Name), new InspectOptions { Keys = keys }).Only);
        Assert.Equal(0, keys.BadLines);
    }

    [Fact]
    public void What_is_inside_is_extracted_and_can_be_played()
    {
        const string Name = "tls465-tls13-hello-retry";
        using var folder = new Folder();
        var (code, output, _) = Tool.Run(
            ["inspect", "--keylog", Path.Combine(Captures, Name + ".keys.log"), "--extract", folder.Path, Capture(Name)]);
        Assert.Equal(0, code);
        Assert.Contains("tls TLS 1.3 for mx.b.test (certificate: mx.b.test, mail.b.test) (decrypted)", output, StringComparison.Ordinal);
        Assert.EndsWith("\r\n\r\nOne\r\n.two\r\n", File.ReadAllText(Path.Combine(folder.Path, "00001-1.eml")), StringComparison.Ordinal);
        var script = Assert.Single(Script.Read(Capture(Name), new InspectOptions { Keys = Keys(Name) }, out _));
        Assert.Equal((7 + 1, "220 mx.b.test ESMTP\r\n"), (script.Exchanges.Count, script.Greeting));
    }

    [Fact]
    public void Convert_keeps_the_octets_that_were_captured()
    {
        using var folder = new Folder();
        var path = Path.Combine(Captures, "starttls-tls12-cbc");
        foreach (var format in (string[])["transcript", "pcap"])
        {
            var with = Tool.Run(["convert", path + ".pcap", "--to", format, "--keylog", path + ".keys.log", "-o",
                Path.Combine(folder.Path, "with")]);
            var without = Tool.Run(["convert", path + ".pcap", "--to", format, "-o", Path.Combine(folder.Path, "without")]);
            Assert.Equal((0, 0), (with.Code, without.Code));
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder.Path, "without")), File.ReadAllBytes(Path.Combine(folder.Path, "with")));
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Anonymised_it_is_TLS_without_a_name(string name)
    {
        using var folder = new Folder();
        var keys = Path.Combine(Captures, name + ".keys.log");
        var output = Path.Combine(folder.Path, "out");
        Assert.Equal(0, Tool.Run(["convert", Capture(name), "--to", "pcap", "--anonymize", "--keylog", keys, "-o", output]).Code);
        var octets = File.ReadAllText(output, Encoding.Latin1);
        Assert.All((string[])["mx.b.test", "mail.", "alice", "sesame"],
            w => Assert.DoesNotContain(w, octets, StringComparison.OrdinalIgnoreCase));
        Assert.All(Inspection.Of(output, new InspectOptions { Keys = Keys(name) }).Sessions,
            s => Assert.Equal((name.StartsWith("starttls", StringComparison.Ordinal) ? UpgradeKind.StartTls : UpgradeKind.Tls, false),
                (s.Upgrade, s.IsDecrypted)));
    }

    private static void Opened(ObservedSession session)
    {
        Assert.True(session.IsDecrypted);
        Assert.EndsWith(Inside, string.Join(' ', session.Commands), StringComparison.Ordinal);
        var message = Assert.Single(session.Messages);
        Assert.Equal(("alice@a.test", 74L, 250, "hello", "4ABC123"),
            (message.From, message.Octets, message.Reply, message.Subject, message.QueueId));
        Assert.Equal([("bob@b.test", 250), ("nobody@b.test", 550)], message.Recipients.Select(r => (r.Address, r.Reply ?? 0)));
        Assert.Equal("mail.a.test", session.Helo);
    }

    private static string Capture(string name) => Path.Combine(Captures, name + ".pcap");

    private static KeyLog Keys(string name) => KeyLog.Read(Path.Combine(Captures, name + ".keys.log"));

    // Where the packets of a pcap stand, with their headers.
    private static IEnumerable<(int At, int Length)> Records(byte[] pcap)
    {
        for (int at = 24; at < pcap.Length;)
        {
            int length = 16 + BitConverter.ToInt32(pcap, at + 8);
            yield return (at, length);
            at += length;
        }
    }
}
