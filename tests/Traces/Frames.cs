using System.Buffers.Binary;
using System.Net;
using BlackPony.Traces.Network;

namespace BlackPony.Tests.Traces;

/// <summary>Frames made by hand, for what a proper connection never shows.</summary>
internal static class Frames
{
    public const byte Fin = 1;
    public const byte Syn = 2;
    public const byte Rst = 4;
    public const byte Ack = 16;

    public static byte[] Client(uint sequence, uint acknowledgement, string data, byte flags = Ack) =>
        Tcp(Inspection.Client, Inspection.Server, sequence, acknowledgement, data, flags);

    public static byte[] Server(uint sequence, uint acknowledgement, string data, byte flags = Ack) =>
        Tcp(Inspection.Server, Inspection.Client, sequence, acknowledgement, data, flags);

    public static byte[] Tcp(IPEndPoint from, IPEndPoint to, uint sequence, uint acknowledgement, string data, byte flags = Ack) =>
        TcpWriter.Frame(from, to, sequence, acknowledgement, flags, System.Text.Encoding.Latin1.GetBytes(data));

    /// <summary>A whole little session, a frame a line; sequence numbers begin where told.</summary>
    public static List<byte[]> Session(uint client = 100, uint server = 500, (char Who, string Text)[]? lines = null)
    {
        var frames = new List<byte[]> { Client(client++, 0, "", Syn), Server(server++, client, "", Syn | Ack), Client(client, server, "") };
        foreach (var (who, text) in lines ?? Lines)
        {
            if (who == 'C')
            {
                frames.Add(Client(client, server, text));
                client += (uint)text.Length;
            }
            else
            {
                frames.Add(Server(server, client, text));
                server += (uint)text.Length;
            }
        }

        frames.Add(Client(client, server, "", Fin | Ack));
        frames.Add(Server(server, client + 1, "", Fin | Ack));
        frames.Add(Client(client + 1, server + 1, ""));
        return frames;
    }

    public static readonly (char Who, string Text)[] Lines =
    [
        ('S', "220 mx.b.test ESMTP\r\n"), ('C', "EHLO mail.a.test\r\n"), ('S', "250-mx.b.test\r\n250 PIPELINING\r\n"),
            ('C', "MAIL FROM:<alice@a.test>\r\n"), ('S', "250 Ok\r\n"),
        ('C', "RCPT TO:<bob@b.test>\r\n"), ('S', "250 Ok\r\n"), ('C', "DATA\r\n"), ('S', "354 Go on\r\n"),
            ('C', "Subject: hello\r\n\r\nOne\r\n"), ('C', "Two\r\n.\r\n"), ('S', "250 Queued\r\n"),
        ('C', "QUIT\r\n"), ('S', "221 Bye\r\n"),
    ];

    public const string Verbs = "EHLO MAIL RCPT DATA QUIT";

    /// <summary>The IP packet of an Ethernet frame.</summary>
    public static byte[] Ip(byte[] frame) => frame[14..];

    /// <summary>Splits an IPv4 packet into fragments of eight octets and the rest.</summary>
    public static IEnumerable<byte[]> Fragments(byte[] frame)
    {
        var ip = Ip(frame);
        var payload = ip[20..];
        for (int at = 0; at < payload.Length; at += 8)
        {
            int length = Math.Min(8, payload.Length - at);
            byte[] part = [.. frame[..34], .. payload[at..(at + length)]];
            BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(16), (ushort)(20 + length));
            BinaryPrimitives.WriteUInt16BigEndian(part.AsSpan(20), (ushort)((at / 8) | (at + length < payload.Length ? 0x2000 : 0)));
            yield return part;
        }
    }
}
