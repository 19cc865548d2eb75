using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>Captures of real sockets, made with tcpdump (Captures/README.md).</summary>
public sealed class CommittedCaptureTests
{
    public static TheoryData<string> Names =>
        [.. Directory.GetFiles(Folder, "*.pcap").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    private static string Folder => Repository.At("tests", "Traces", "Captures");

    [Theory]
    [MemberData(nameof(Names))]
    public void A_capture_of_a_real_session_is_read(string name)
    {
        var keys = Path.Combine(Folder, name + ".keys.log");
        var session = Inspection.Of(Path.Combine(Folder, name + ".pcap"),
            new InspectOptions { Keys = File.Exists(keys) ? KeyLog.Read(keys) : null }).Only;
        Assert.Equal("mail.a.test", session.Helo);
        Assert.DoesNotContain(session.Findings, f => f.Level == FindingLevel.Error);
        if (name == "starttls")
        {
            Assert.Equal((UpgradeKind.StartTls, 0), (session.Upgrade, session.Messages.Count));
            return;
        }

        var message = Assert.Single(session.Messages);
        Assert.Equal(("alice@a.test", 43L, 250), (message.From, message.Octets, message.Reply));
        Assert.Equal(name == "fallback" ? null : name.ToUpperInvariant(), session.Suite);
        Assert.Equal(name == "rot" ? ["T-NOT-ENCRYPTED"] : [], session.Findings.Select(f => f.Id));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Wireshark_shows_it(string name)
    {
        // The relay's port is none that the dissector takes by itself.
        var path = Path.Combine(Folder, name + ".pcap");
        var end = Inspection.Of(path).Only.Server;
        string[] script = ["-X", "lua_script:" + Repository.At("spec", "wireshark", "blackpony.lua"), "-o",
            "blackpony.ports:" + end[(end.LastIndexOf(':') + 1)..]];
        var suites = Tshark.Run(path, [.. script, "-Y", "blackpony.command", "-T", "fields", "-e", "blackpony.suite"]);
        Assert.Equal(name is "fallback" or "starttls" ? [] : [name.ToUpperInvariant()], suites);
        Assert.Empty(Tshark.Run(path, [.. script, "-Y", "_ws.lua.error || blackpony.record.length.bad", "-T", "fields", "-e",
            "frame.number"]));
        var records = Tshark.Run(path, [.. script, "-Y", "blackpony.record", "-T", "fields", "-e", "frame.number"]);
        Assert.Equal(name is "fallback" or "starttls" or "rot", records.Count == 0);
        var keys = Path.Combine(Folder, name + ".keys.log");
        if (File.Exists(keys))
        {
            var types = Tshark.Run(path, [.. script, "-o", "blackpony.keylog:" + keys, "-Y", "blackpony.record", "-T", "fields", "-e",
                "blackpony.record.type", "-e", "blackpony.text"]);
            Assert.Equal(records.Count, types.Count(t => t[0] != '\t'));
            Assert.Contains(types, t => t == "1\tRCPT TO:<bob@b.test>");
        }
    }
}
