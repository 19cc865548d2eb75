using BlackPony.Traces.Capture;

namespace BlackPony.Tests.Traces;

/// <summary>Files with a few octets changed, packets lost, doubled, exchanged or cut short, lines lost or mixed, drawn by a seed.</summary>
internal static class DamagedFile
{
    /// <summary>Any file: some of its octets are others, some are missing or stand twice, or it ends early.</summary>
    public static byte[] Octets(byte[] whole, Random random, int from = 0)
    {
        var file = new List<byte>(whole);
        for (int changes = random.Next(1, 4); changes > 0 && file.Count > from + 8; changes--)
        {
            int at = random.Next(from, file.Count - 4);
            switch (random.Next(8))
            {
                case 0:
                    file.RemoveRange(at, random.Next(1, 4));
                    break;
                case 1:
                    file.InsertRange(at, file.GetRange(at, random.Next(1, 4)));
                    break;
                case 2 when random.Next(3) == 0:
                    file.RemoveRange(at, file.Count - at);
                    break;
                default:
                    file[at] = Other(file[at], random);
                    break;
            }
        }

        return [.. file];
    }

    /// <summary>A capture whose packets are damaged, most of them in their headers, and whose file is whole.</summary>
    public static byte[] Packets(byte[] whole, Random random)
    {
        var frames = Frames(whole, out var link);
        for (int changes = random.Next(1, 4); changes > 0 && frames.Count > 1; changes--)
        {
            int at = random.Next(frames.Count - 1);
            var frame = frames[at];
            switch (random.Next(12))
            {
                case 0:
                    frames.RemoveAt(at);
                    break;
                case 1:
                    frames.Insert(random.Next(at, frames.Count), frame);
                    break;
                case 2:
                    (frames[at], frames[at + 1]) = (frames[at + 1], frame);
                    break;
                case 3:
                    frames[at] = frame[..random.Next(frame.Length + 1)];
                    break;
                default:
                    int octet = random.Next(Math.Min(frame.Length, random.Next(4) == 0 ? int.MaxValue : 62));
                    frames[at] = frame.Length == 0 ? frame : [.. frame[..octet], Other(frame[octet], random), .. frame[(octet + 1)..]];
                    break;
            }
        }

        return Inspection.Pcap(frames, link);
    }

    /// <summary>Lines of a dialogue of which some are lost, doubled, exchanged, cut short, joined, or said by the other side.</summary>
    public static (char Who, string Text)[] Lines((char Who, string Text)[] whole, Random random)
    {
        var lines = whole.ToList();
        for (int changes = random.Next(1, 5); changes > 0 && lines.Count > 2; changes--)
        {
            int at = random.Next(lines.Count - 1);
            var (who, text) = lines[at];
            switch (random.Next(7))
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
                    lines[at] = (who, text[..random.Next(text.Length + 1)]);
                    break;
                case 4 when text.Length > 0:
                    int octet = random.Next(text.Length);
                    lines[at] = (who, text[..octet] + (char)Other((byte)text[octet], random) + text[(octet + 1)..]);
                    break;
                case 5:
                    int next = lines.FindIndex(at + 1, l => l.Who == who);
                    if (next > 0)
                    {
                        lines[at] = (who, text + lines[next].Text);
                        lines.RemoveAt(next);
                    }

                    break;
                default:
                    lines[at] = (who == 'C' ? 'S' : 'C', text);
                    break;
            }
        }

        return [.. lines.Where(l => l.Text.Length > 0)];
    }

    private static byte Other(byte octet, Random random) => random.Next(6) switch
    {
        0 => (byte)(octet + 1),
        1 => (byte)(octet - 1),
        2 => 0,
        3 => 0xff,
        4 => (byte)" \r\n0:.-~<"[random.Next(9)],
        _ => (byte)(octet ^ (1 << random.Next(8))),
    };

    private static List<byte[]> Frames(byte[] whole, out LinkType link)
    {
        var frames = new List<byte[]>();
        link = LinkType.Ethernet;
        using var reader = CaptureReader.Open(new MemoryStream(whole))!;
        while (reader.Read(out var packet))
        {
            frames.Add(packet.Data.ToArray());
            link = packet.Link;
        }

        return frames;
    }
}
