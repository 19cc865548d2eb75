using BlackPony.Reference;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;

namespace BlackPony.Tests.Traces;

/// <summary>A session of which a stretch of one side's octets was not captured.</summary>
internal static class Gaps
{
    /// <param name="lines">Who says what.</param>
    /// <param name="side">Whose octets are missing.</param>
    /// <param name="at">From which octet of that side.</param>
    /// <param name="length">How many.</param>
    public static byte[] Connection((char Who, string Text)[] lines, char side, int at, int length)
    {
        var file = new MemoryStream();
        using (var writer = new PcapWriter(file, LinkType.Ethernet))
        {
            var tcp = new TcpWriter(writer, Inspection.Client, Inspection.Server) { Time = 1_700_000_000_000_000_000 };
            tcp.Open();
            int sent = 0;
            foreach (var (who, text) in lines)
            {
                var role = who == 'C' ? Role.Client : Role.Server;
                var octets = System.Text.Encoding.Latin1.GetBytes(text);
                tcp.Time += 1_000_000;
                if (who != side || sent + octets.Length <= at || sent >= at + length)
                {
                    tcp.Send(role, octets);
                    sent += who == side ? octets.Length : 0;
                    continue;
                }

                int from = Math.Max(0, at - sent);
                int until = Math.Min(octets.Length, at + length - sent);
                tcp.Send(role, octets.AsSpan(0, from));
                tcp.Skip(role, until - from);
                tcp.Send(role, octets.AsSpan(until));
                sent += octets.Length;
            }

            tcp.End(Role.Client);
            tcp.End(Role.Server);
        }

        return file.ToArray();
    }

    public static int Octets((char Who, string Text)[] lines, char side) => lines.Where(l => l.Who == side).Sum(l => l.Text.Length);
}
