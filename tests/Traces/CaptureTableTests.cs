using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using BlackPony.Traces;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>
/// What is read of capture files: whole, ended after each octet, with each octet changed; and of a session in two files.
/// <c>tests/Traces/Reports/inputs</c> has the tables; <c>BLACKPONY_WRITE=1</c> writes them again.
/// </summary>
public sealed class CaptureTableTests
{
    private const long Start = 1_700_000_000_000_000_000;

    private static readonly (string Name, byte[] File)[] Captures =
    [
        .. from big in (bool[])[false, true]
           from magic in (uint[])[0xa1b2c3d4, 0xa1b23c4d, 0xa1b2cd34]
           from header in magic == 0xa1b2c3d4 ? (int[])[16, 20, 24] : magic == 0xa1b2cd34 ? [24, 28] : [16]
           select ($"{magic:x}, headers of {header}, {(big ? "big" : "little")}-endian", Classic(magic, header, big)),
        ("pcapng, little-endian", Blocks(big: false)), ("pcapng, big-endian", Blocks(big: true)),
    ];

    [Fact]
    public void What_is_read_of_a_file_stays_the_same() => InputTables.Compare("captures", Captures.SelectMany(c =>
    {
        var changed = new StringBuilder();
        for (int i = 0; i < c.File.Length; i++)
        {
            foreach (int octet in (int[])[c.File[i] + 1, c.File[i] - 1, 0, 0xff, c.File[i] ^ 0x10, c.File[i] ^ 0x80])
            {
                changed.AppendLine(Read([.. c.File[..i], (byte)octet, .. c.File[(i + 1)..]]));
            }
        }

        return (string[])
        [
            $"{c.Name}: {Read(c.File)}",
            " ended early: " + string.Join("; ", InputTables.Runs(Enumerable.Range(0, c.File.Length).Select(n => Read(c.File[..n])))),
            $" changed: {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(changed.ToString())))[..16]}",
        ];
    }));

    [Fact]
    public void Packed_a_file_may_end_at_any_octet() => InputTables.Compare("packed", ((int[])[0, 13]).Select(c =>
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.NoCompression, leaveOpen: true))
        {
            gzip.Write(Captures[c].File);
        }

        // What a file begins with may come octet by octet.
        return $"{Captures[c].Name}: " + string.Join("; ", InputTables.Runs(Enumerable.Range(0, (int)packed.Length + 1).Select(n =>
        {
            using var reader = CaptureReader.Open(new Slow(packed.ToArray()[..n]));
            return Read(reader);
        })));
    }));

    // How long after the first file the second one ends or begins, in nanoseconds.
    [Fact]
    public void What_is_read_of_a_session_in_two_files_stays_the_same()
    {
        using var folder = new Folder();
        InputTables.Compare("two-files", Lines(folder));
    }

    private static IEnumerable<string> Lines(Folder folder)
    {
        var frames = Frames.Session();
        foreach (long apart in (long[])[1_000_000, 0, -1, -9_000_000, -10_000_000, -11_000_000, 600_000_000_000, 600_000_001_000])
        {
            foreach (var (merge, turned) in ((bool, bool)[])[(false, false), (false, true), (true, false), (true, true)])
            {
                yield return $"{apart}{(merge ? ", merged" : "")}{(turned ? ", the second one first" : "")}: "
                    + string.Join("; ", InputTables.Runs(((int[])[1, 4, 8, 12, 17]).Select(n => Both(n, apart, merge, turned))));
            }
        }

        string Both(int first, long apart, bool merge, bool turned)
        {
            long end = Start + (first * 1_000_000L);
            var one = folder.Write("one.pcap", Timed(frames[..first], Start + 1_000_000));
            var other = folder.Write("other.pcap", Timed(frames[first..], end + apart));
            var sessions = new List<ObservedSession>();
            var inspector = new Inspector(new InspectOptions(), sessions.Add) { Merge = merge };
            var files = inspector.Inspect(turned ? [other, one] : [one, other]);
            // Of each session: its file, commands, messages and gaps, and what was found.
            Assert.Equal(frames.Count, inspector.Totals.Packets);
            Assert.Equal(turned ? [frames.Count - first, first] : [first, frames.Count - first], files.Select(f => (int)f.Packets));
            return string.Join(", ", sessions.Select(s => $"{Path.GetFileNameWithoutExtension(s.File)} {s.Number} {s.Commands.Count} "
                + $"{s.Messages.Count} {s.Gaps} {string.Join('+', s.Findings.Select(f => f.Id))}"));
        }
    }

    private static byte[] Timed(IEnumerable<byte[]> frames, long time)
    {
        var file = new MemoryStream();
        using (var writer = new PcapWriter(file, LinkType.Ethernet))
        {
            foreach (var frame in frames)
            {
                writer.Write(time, frame);
                time += 1_000_000;
            }
        }

        return file.ToArray();
    }

    private static string Read(byte[] file)
    {
        // A small buffer, which has to grow.
        var source = new OctetSource(new MemoryStream(file), 16);
        if (!source.Ensure(4))
        {
            return "short";
        }

        using CaptureReader? reader = PcapReader.Knows(source.Span) ? new PcapReader(source)
            : PcapngReader.Knows(source.Span) ? new PcapngReader(source) : null;
        return Read(reader);
    }

    private static string Read(CaptureReader? reader)
    {
        if (reader is null)
        {
            return "no capture";
        }

        reader.Secrets = new KeyLog();
        var text = new StringBuilder();
        while (reader.Read(out var packet))
        {
            text.Append($"{packet.Time} {(int)packet.Link} {Convert.ToHexStringLower(packet.Data)}, ");
        }

        return text.Append($"{reader.Damage} {reader.Offset} {reader.Secrets.BadLines}").ToString();
    }

    private static byte[] Number(uint number, bool big, int size = 4)
    {
        var octets = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(octets, number);
        return big ? octets[^size..] : [.. octets[^size..].Reverse()];
    }

    private static byte[] Classic(uint magic, int header, bool big)
    {
        byte[] file = [.. Number(magic, big), .. Number(2, big, 2), .. Number(4, big, 2), .. new byte[8],
            .. Number(64, big), .. Number(1, big)];
        for (uint i = 1; i <= 3; i++)
        {
            byte[] record = [.. Number(1000 + i, big), .. Number(i * 250, big), .. Number(i, big), .. Number(i + (i % 2), big),
                .. new byte[12]];
            file = [.. file, .. record[..header], .. Enumerable.Repeat((byte)(0xa0 + i), (int)i)];
        }

        return file;
    }

    private static byte[] Blocks(bool big)
    {
        byte[] file = [];
        byte[] section = [.. Number(0x1a2b3c4d, big), .. Number(1, big, 2), 0, 0, .. Enumerable.Repeat((byte)255, 8)];
        Block(0x0a0d0d0a, section);
        Block(1, [.. Number(1, big, 2), 0, 0, .. Number(5, big), .. Number(9, big, 2), .. Number(1, big, 2), 9, 0, 0, 0,
            .. Number(0, big, 2), .. Number(0, big, 2)]);
        Block(1, [.. Number(101, big, 2), 0, 0, .. Number(0, big), .. Number(14, big, 2), .. Number(8, big, 2), .. new byte[8]]);
        Block(3, [.. Number(7, big), 1, 2, 3, 4, 5, 6, 7]);
        Block(6, [.. Number(0, big), .. Number(1, big), .. Number(2, big), .. Number(3, big), .. Number(3, big), 1, 2, 3]);
        Block(2, [.. Number(1, big, 2), 0, 0, .. Number(1, big), .. Number(2, big), .. Number(2, big), .. Number(2, big), 1, 2]);
        Block(10, [.. Number(0x544c534b, big), .. Number(4, big), .. "bad\n"u8]);
        Block(0x0bad, [1, 2, 3, 4]);
        Block(0x0a0d0d0a, section);
        Block(1, [.. Number(228, big, 2), 0, 0, .. Number(0, big)]);
        Block(6, [.. Number(0, big), .. Number(0, big), .. Number(9, big), .. Number(0, big), .. Number(0, big)]);
        return file;

        void Block(uint type, byte[] body)
        {
            body = [.. body, .. new byte[-body.Length & 3]];
            var length = Number((uint)body.Length + 12, big);
            file = [.. file, .. Number(type, big), .. length, .. body, .. length];
        }
    }

    // A stream that gives one octet at a time.
    private sealed class Slow(byte[] octets) : MemoryStream(octets)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(1, buffer.Length)]);

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(1, count));
    }
}
