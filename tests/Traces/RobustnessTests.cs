using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Traces;
using BlackPony.Traces.Reports;

namespace BlackPony.Tests.Traces;

/// <summary>Captures made to hurt: whatever comes, a report comes of it.</summary>
public sealed class RobustnessTests
{
    [Fact]
    public void A_file_may_end_at_any_octet()
    {
        var secured = new Secured("X25519-CHACHA20POLY1305");
        foreach (var whole in new[] { Inspection.Pcap(Frames.Session()), secured.Pcap(),
            FormatTests.Gzip(Inspection.Pcap(Frames.Session())) })
        {
            for (int length = 0; length < whole.Length; length += whole.Length > 4000 ? 7 : 1)
            {
                var inspection = Inspection.Of(whole[..length], new() { Keys = secured.Keys, Dialogue = true });
                Assert.True(inspection.File.Unreadable is not null || inspection.Sessions.Count <= 1);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Bits_may_flip(int seed)
    {
        var random = new Random(seed);
        var secured = new Secured("X25519-CHACHA20POLY1305");
        var fragments = Inspection.Pcap(Frames.Session().SelectMany(Frames.Fragments));
        foreach (var whole in new[] { Inspection.Pcap(Frames.Session()), fragments, secured.Pcap() })
        {
            for (int i = 0; i < 400; i++)
            {
                var broken = (byte[])whole.Clone();
                for (int flips = random.Next(1, 12); flips > 0; flips--)
                {
                    broken[random.Next(broken.Length)] ^= (byte)(1 << random.Next(8));
                }

                Report(broken, new() { Keys = secured.Keys, Dialogue = true });
            }
        }
    }

    [Fact]
    public void Transcripts_may_be_broken()
    {
        var random = new Random(5);
        foreach (var file in Directory.GetFiles(Repository.At("spec", "transcripts"), "*.txt"))
        {
            var whole = File.ReadAllBytes(file);
            for (int i = 0; i < 20; i++)
            {
                var broken = whole[..random.Next(31, whole.Length)];
                for (int flips = random.Next(0, 6); flips > 0; flips--)
                {
                    broken[random.Next(30, broken.Length)] ^= (byte)(1 << random.Next(8));
                }

                Report(broken, new() { Dialogue = true });
            }
        }
    }

    [Fact]
    public void Noise_on_the_port_is_no_trouble()
    {
        var random = new Random(6);
        for (int i = 0; i < 200; i++)
        {
            var said = new (char, string)[random.Next(1, 30)];
            for (int j = 0; j < said.Length; j++)
            {
                var octets = new byte[random.Next(1, 300)];
                random.NextBytes(octets);
                said[j] = (random.Next(2) == 0 ? 'C' : 'S',
                    random.Next(3) == 0 ? Frames.Lines[random.Next(Frames.Lines.Length)].Text : Encoding.Latin1.GetString(octets));
            }

            Report(Inspection.Connection(said), new() { Dialogue = true });
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    public void Lines_may_be_lost_doubled_mixed_and_full_of_holes(int seed)
    {
        var random = new Random(seed);
        var all = CredentialTests.Sessions.Select(s => s.Data.Item2).Concat(LayerTests.Proxies.Select(p => p.Data.Item2))
            .Append(Secured.Inside).ToArray();
        using var folder = new Folder();
        for (int i = 0; i < 150; i++)
        {
            var lines = new List<(char, string)>([.. all[random.Next(all.Length)], .. Frames.Lines, .. all[random.Next(all.Length)]]);
            for (int changes = random.Next(0, 6); changes > 0 && lines.Count > 2; changes--)
            {
                int at = random.Next(lines.Count - 1);
                switch (random.Next(5))
                {
                    case 0:
                        lines.RemoveAt(at);
                        break;
                    case 1:
                        lines.Insert(at, lines[random.Next(lines.Count)]);
                        break;
                    case 2:
                        (lines[at], lines[at + 1]) = (lines[at + 1], lines[at]);
                        break;
                    case 3:
                        lines[at] = (lines[at].Item1, lines[at].Item2[..random.Next(lines[at].Item2.Length + 1)]);
                        break;
                    default:
                        lines[at] = (lines[at].Item1 == 'C' ? 'S' : 'C', lines[at].Item2);
                        break;
                }
            }

            (char, string)[] said = [.. lines.Where(l => l.Item2.Length > 0)];
            char side = random.Next(2) == 0 ? 'C' : 'S';
            var capture = Gaps.Connection(said, side, random.Next(Math.Max(1, Gaps.Octets(said, side))), random.Next(1, 40));
            Report(capture, new() { Dialogue = true, Exchanges = true });
            var path = folder.Write("holes.pcap", capture);
            foreach (bool anonymize in (bool[])[false, true])
            {
                var pseudonyms = anonymize ? new SeededRandom("tests", "pseudonyms") : null;
                var converter = new BlackPony.Traces.Conversion.Converter(new(), pseudonyms);
                converter.ToPcap(path, new MemoryStream(), out _);
                converter.ToTranscript(path, new MemoryStream(), out _);
                Assert.Empty(converter.Leaks);
            }

            _ = BlackPony.Traces.Replay.Script.Read(path, new(), out _);
        }
    }

    [Fact]
    public void A_client_that_begins_thousands_of_messages_at_once_costs_no_more_than_their_octets()
    {
        // Held back until the server says something, or never does.
        (char, string)[] lines = [('C', string.Concat(Enumerable.Repeat("DATA\r\nAUTH LOGIN\r\nSTARTTLS\r\nBDAT 1\r\nx", 20_000))),
            ('S', "220 mx\r\n" + string.Concat(Enumerable.Repeat("250 ok\r\n354 go\r\n", 5000)))];
        foreach (char side in "CS")
        {
            Report(Gaps.Connection(lines, side, 10, 30), new() { Dialogue = true, Exchanges = true });
        }
    }

    [Fact]
    public void Absurd_lengths_end_a_file_and_not_the_memory()
    {
        var file = Inspection.Pcap(Frames.Session());
        file[24 + 8 + 3] = 0x7f;
        var inspection = Inspection.Of(file);
        Assert.Equal(["T-FILE-DAMAGED"], inspection.Ids);
        Assert.Contains("T-FILE-DAMAGED",
            Inspection.Of([0x0a, 0x0d, 0x0d, 0x0a, 0xff, 0xff, 0xff, 0x7f, 0x4d, 0x3c, 0x2b, 0x1a, 0, 0, 0, 0]).Ids);
    }

    [Fact]
    public void Tunnels_in_tunnels_end()
    {
        // 16 MB of IP in IP, whose length nobody told.
        byte[] layer = [0x45, 0, 0, 0, 0, 0, 0, 0, 64, 4, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0];
        var packet = new byte[16 << 20];
        for (int at = 0; at + layer.Length <= packet.Length; at += layer.Length)
        {
            layer.CopyTo(packet, at);
        }

        var inspection = Inspection.Of(Inspection.Pcap([packet], BlackPony.Traces.Capture.LinkType.Raw));
        Assert.Equal(1, inspection.File.Packets);
        Assert.Empty(inspection.Sessions);
    }

    [Fact]
    public void A_zip_bomb_is_read_as_it_comes()
    {
        // A header and 256 MB of nothing: packets without octets.
        using var packed = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(Inspection.Pcap([]));
            var nothing = new byte[1 << 20];
            for (int i = 0; i < 256; i++)
            {
                gzip.Write(nothing);
            }
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        var inspection = Inspection.Of(packed.ToArray());
        Assert.Equal((1 << 28) / 16, inspection.File.Packets);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
    }

    [Fact]
    public void Memory_goes_with_the_open_sessions()
    {
        // A message of 64 MB, and a line that never ends: neither is kept.
        var before = GC.GetAllocatedBytesForCurrentThread();
        var frames = Frames.Session()[..12]
            .Concat(Enumerable.Range(0, 50_000).Select(i => Frames.Client((uint)(184 + (i * 1400)), 580, new string('x', 1400))));
        var pcap = Inspection.Pcap(frames);
        var made = GC.GetAllocatedBytesForCurrentThread();
        var session = Inspection.Of(pcap).Only;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - made, 0, 32 << 20);
        Assert.Contains(session.Findings, f => f.Id == "T-MESSAGE-CUT");
        Assert.True(made > before);
    }

    private static void Report(byte[] file, BlackPony.Traces.Sessions.InspectOptions options)
    {
        var output = new MemoryStream();
        using var json = new JsonReport(output);
        var text = new StringWriter();
        var html = new HtmlReport(new StringWriter());
        var plain = new TextReport(text, notes: true);
        var inspector = new Inspector(options, s =>
        {
            json.Session(s);
            html.Session(s);
            plain.Session(s);
        });
        inspector.Inspect(new MemoryStream(file), "capture");
        json.Finish(inspector.Files, inspector.Totals);
        html.Finish(inspector.Files, inspector.Totals);
        plain.Finish(inspector.Files, inspector.Totals);
        Assert.DoesNotContain(text.ToString(), c => char.IsControl(c) && c != '\n');
        System.Text.Json.JsonDocument.Parse(output.ToArray()).Dispose();
    }
}
