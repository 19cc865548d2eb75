using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>
/// Replaces names, addresses, subjects, bodies and passwords, each word by another of the same length and kind, the same word always by the same one.
/// Verbs, parameters, keywords, header names, dots, line ends and sizes stay, so that the session goes as it went.
/// </summary>
internal sealed class Anonymiser
{
    private const int TlsHeader = 5;

    private readonly Dictionary<IPAddress, IPAddress> _addresses = [];
    private readonly OtherWords _words = new();

    /// <summary>An address of a documentation range (RFC 5737, RFC 3849), the same for the same.</summary>
    public IPEndPoint EndPoint(IPEndPoint end)
    {
        if (!_addresses.TryGetValue(end.Address, out var address))
        {
            int n = _addresses.Count + 1;
            _addresses[end.Address] = address = end.AddressFamily == AddressFamily.InterNetwork
                ? new IPAddress([(byte)(n < 65536 ? 198 : 10), (byte)(18 + (n >> 16)), (byte)(n >> 8), (byte)n])
                : IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"2001:db8::{n >> 16:x}:{n & 0xffff:x}"));
        }

        return new IPEndPoint(address, end.Port);
    }

    /// <summary>Goes over a session's items.</summary>
    public void Session(List<WireItem> items)
    {
        // Once to hear what the client says, so that the server's greeting does not say it.
        Pass([.. items]);
        Pass(items);
    }

    private void Pass(List<WireItem> items)
    {
        var outside = new AnonymousDialogue(_words);
        var inside = new AnonymousDialogue(_words);
        var tls = new int[2];
        for (int i = 0; i < items.Count; i++)
        {
            var item = items[i];
            items[i] = item.Kind switch
            {
                WireKind.Line => item with { Octets = Shifted(item, octets => (item.Shift > 0 ? inside : outside).Line(item.Sender, octets)) },
                WireKind.Record => item with { Octets = Blank(item.Octets), Data = item.Type == RecordType.Data ? Lines(inside, item.Sender, item.Data!, "\r\n"u8) : item.Type is null ? item.Data : Blank(item.Data!, keep: 0) },
                WireKind.Raw when item.Octets.Length > 0 && (tls[(int)item.Sender] > 0 || item.Octets[0] is TlsRecords.Handshake or 0x14 or 0x15 or 0x17) => item with { Octets = Tls(item.Octets, ref tls[(int)item.Sender]) },
                WireKind.Raw => item with { Octets = Shifted(item, octets => Lines(item.Shift > 0 ? inside : outside, item.Sender, octets, "\n"u8)) },
                _ => item,
            };
        }
    }

    private static byte[] Shifted(WireItem item, Func<byte[], byte[]> replace)
    {
        if (item.Shift == 0)
        {
            return replace(item.Octets);
        }

        var octets = (byte[])item.Octets.Clone();
        RotShift.Shift(octets, 26 - item.Shift);
        octets = replace(octets);
        RotShift.Shift(octets, item.Shift);
        return octets;
    }

    private static byte[] Lines(AnonymousDialogue dialogue, Role sender, byte[] data, ReadOnlySpan<byte> lineEnd)
    {
        var output = new List<byte>(data.Length);
        for (var rest = data.AsSpan(); !rest.IsEmpty;)
        {
            int end = rest.IndexOf(lineEnd);
            output.AddRange(dialogue.Line(sender, (end < 0 ? rest : rest[..end]).ToArray(), end < 0 ? 0 : lineEnd.Length));
            output.AddRange(end < 0 ? [] : lineEnd);
            rest = end < 0 ? default : rest[(end + lineEnd.Length)..];
        }

        return [.. output];
    }

    // What a key log could open again is not kept.
    private static byte[] Blank(byte[] octets, int keep = 2) => [.. octets[..Math.Min(keep, octets.Length)], .. new byte[Math.Max(0, octets.Length - keep)]];

    // Certificates have names: only the records' headers stay.
    private static byte[] Tls(byte[] octets, ref int inRecord)
    {
        var blank = new byte[octets.Length];
        int at = Math.Min(inRecord, octets.Length);
        inRecord -= at;
        while (at + TlsHeader <= octets.Length)
        {
            octets.AsSpan(at, TlsHeader).CopyTo(blank.AsSpan(at));
            int length = (octets[at + 3] << 8) | octets[at + 4];
            at += TlsHeader;
            inRecord = Math.Max(0, length - (octets.Length - at));
            at += length;
        }

        return blank;
    }
}
