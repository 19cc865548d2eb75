using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>The dissector in the real tshark.</summary>
public sealed class WiresharkTests
{
    private static readonly string[] Script = ["-X", "lua_script:" + Path.Combine(Repository.Root, "spec", "wireshark", "blackpony.lua")];

    public static TheoryData<string> Suites => BlackPonyTests.Suites;

    [Theory]
    [MemberData(nameof(Suites))]
    public void The_negotiation_is_shown(string suite)
    {
        using var folder = new Folder();
        var file = folder.Write("secured.pcap", new Secured(suite).Pcap());
        Assert.Equal([suite], Fields(file, "blackpony.offer", "blackpony.suite"));
        var command = Assert.Single(Fields(file, "blackpony.command", "blackpony.version", "blackpony.suite", "blackpony.share")).Split('\t');
        Assert.Equal(("V1", suite), (command[0], command[1]));
        Assert.NotEmpty(command[2]);
        Assert.Equal(suite == "RSA-BLOWFISH" ? ["334", "220"] : ["220"], Fields(file, "blackpony.reply", "blackpony.reply.code").Select(c => c.Split(',')[^1]).Distinct());
        Assert.Equal(suite == "RSA-BLOWFISH" ? 1 : 0, Fields(file, "blackpony.continuation", "frame.number").Count);
        // What is plain SMTP is still Wireshark's own dissector's.
        Assert.Contains("EHLO", Fields(file, "smtp", "smtp.req.command"));
    }

    [Theory]
    [MemberData(nameof(Suites))]
    public void Records_are_cut_as_we_cut_them(string suite)
    {
        using var folder = new Folder();
        var secured = new Secured(suite);
        var file = folder.Write("secured.pcap", secured.Pcap());
        if (suite == "ROT")
        {
            Assert.Contains("RCPT TO:<bob@b.test>", Fields(file, "blackpony.rot", "blackpony.text"));
            return;
        }

        var ours = Inspection.Of(secured.Pcap(), new InspectOptions { Dialogue = true }).Only.Dialogue!.Where(l => l.Text == "(record)").Select(l => l.Octets - 2).Order();
        var theirs = Fields(file, "blackpony.record", "blackpony.record.length").SelectMany(l => l.Split(',')).Select(long.Parse).Order();
        Assert.Equal(ours, theirs);
        Assert.Empty(Fields(file, "blackpony.record.length.bad || _ws.malformed || _ws.lua.error", "frame.number"));
        Assert.Equal(suite == "RSA-BLOWFISH" ? "32" : "16", Fields(file, "blackpony.record", "blackpony.record.tag")[0].Split(',')[0] is { } tag ? (tag.Length / 2).ToString(System.Globalization.CultureInfo.InvariantCulture) : "");
    }

    [Fact]
    public void A_refusal_and_what_is_no_record_are_marked()
    {
        using var folder = new Folder();
        var refused = folder.Write("refused.pcap", Inspection.Connection(('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"), ('S', "250-a\r\n250 XBLACKPONY V1 RSA-BLOWFISH\r\n"), ('C', "XBLACKPONY V1 RSA-BLOWFISH AAAA\r\n"), ('S', "501 5.5.4 No\r\n")));
        Assert.Equal(["501"], Fields(refused, "blackpony.refused", "blackpony.reply.code"));
        var plain = folder.Write("plain.pcap", Inspection.Connection(
            ('S', "220 a ESMTP\r\n"), ('C', "EHLO b\r\n"), ('S', "250-a\r\n250 XBLACKPONY V1 X25519-CHACHA20POLY1305\r\n"),
            ('C', "XBLACKPONY V1 X25519-CHACHA20POLY1305 CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"), ('S', "220 K=CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"), ('C', "EHLO b\r\n")));
        Assert.Single(Fields(plain, "blackpony.record.length.bad", "frame.number"));
    }

    private static IReadOnlyList<string> Fields(string file, string filter, params string[] fields) =>
        Tshark.Run(file, [.. Script, "-Y", filter, "-T", "fields", .. fields.SelectMany(f => new[] { "-e", f })]);
}
