using System.Net;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>The dialogue of a case that failed, for Wireshark and its dissector: a capture and a key log.</summary>
internal static class SavedCase
{
    // One of the ports on which the dissector looks for SMTP (spec/wireshark).
    private const int Port = 25;
    private const int FirstClientPort = 49152;

    /// <summary>Writes <c>NAME.pcap</c>, <c>NAME.keylog</c> and <c>NAME.transcript</c>.</summary>
    /// <param name="folder">The folder, which exists.</param>
    /// <param name="name">The case's id.</param>
    /// <param name="transcript">The dialogue, in the format of the specification's Appendix D.</param>
    /// <param name="keyLog">Its secrets.</param>
    public static void Write(string folder, string name, string transcript, string keyLog)
    {
        var file = Path.Combine(folder, name);
        File.WriteAllText(file + ".transcript", transcript);
        File.Delete(file + ".keylog");
        if (keyLog.Length > 0)
            new KeyLogFile(file + ".keylog").Log(keyLog.TrimEnd('\n'));

        using var output = File.Create(file + ".pcap");
        using var pcap = new PcapWriter(output, LinkType.Ethernet);
        int number = 0;
        foreach (var connection in Connections(transcript))
            Write(pcap, connection, number++);
    }

    private static void Write(PcapWriter pcap, IReadOnlyList<string> lines, int number)
    {
        var tcp = new TcpWriter(pcap, new IPEndPoint(IPAddress.Loopback, FirstClientPort + number), new IPEndPoint(IPAddress.Loopback,
            Port))
        {
            Time = number * 1_000_000_000L,
        };
        tcp.Open();
        var ended = new HashSet<Role>();
        foreach (var line in lines)
        {
            var sender = line[0] == 'C' ? Role.Client : Role.Server;
            var text = line.Length > 3 ? line[3..] : "";
            if (ended.Contains(sender))
                continue;

            switch (line[1])
            {
                case ':':
                    tcp.Send(sender, Unescape(text + "\\r\\n"));
                    break;
                case '+' or '>' when text.Length % 2 == 0:
                    tcp.Send(sender, Convert.FromHexString(text));
                    break;
                case '!':
                    tcp.End(sender);
                    ended.Add(sender);
                    break;
                default:
                    break;
            }
        }
    }

    private static IEnumerable<IReadOnlyList<string>> Connections(string transcript)
    {
        var lines = new List<string>();
        foreach (var line in transcript.Split('\n'))
        {
            if (line.StartsWith("# connection ", StringComparison.Ordinal))
            {
                yield return lines;
                lines = [];
            }
            else if (line.Length >= 2 && line[0] is 'C' or 'S')
            {
                lines.Add(line);
            }
        }

        yield return lines;
    }

    private static byte[] Unescape(string text)
    {
        var octets = new List<byte>();
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                octets.Add((byte)text[i]);
            }
            else if (text[++i] == 'x' && i + 2 < text.Length)
            {
                octets.Add(Convert.ToByte(text.Substring(i + 1, 2), 16));
                i += 2;
            }
            else
            {
                octets.Add(text[i] switch { 'r' => 13, 'n' => 10, _ => (byte)text[i] });
            }
        }

        return [.. octets];
    }
}
