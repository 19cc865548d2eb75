using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>
/// Replaces what is not known to be protocol, each word by another of the same length and kind, the same word always by the same one, so
/// that the session goes as it went.
/// What goes out is looked over again: no word of the input is left but those of the vocabulary.
/// </summary>
internal sealed class Anonymizer
{
    private const int MaxLeaks = 10;

    private readonly Dictionary<IPAddress, IPAddress> _addresses = [];
    private readonly SeenWords _seen;
    private readonly Pseudonymizer _words;
    private readonly List<string> _leaks = [];

    public Anonymizer(IRandomSource random)
    {
        _seen = new SeenWords(random);
        _words = new Pseudonymizer(_seen, random);
    }

    /// <summary>Words of the input that were found in what goes out; there, they were written over.</summary>
    public IReadOnlyCollection<string> Leaks => _leaks;

    /// <summary>An address of a documentation range (RFC 5737, RFC 3849), the same for the same.</summary>
    public IPEndPoint EndPoint(IPEndPoint end) => new(Address(end.Address), end.Port);

    /// <summary>Takes the words of a session, before anything is written.</summary>
    public IItemSink Learning() => new Learner(_seen);

    /// <summary>Changes a session's items on their way.</summary>
    public IItemSink Session(IItemSink sink) => new Changer(this, sink);

    private IPAddress Address(IPAddress from)
    {
        if (!_addresses.TryGetValue(from, out var address))
        {
            int n = _addresses.Count + 1;
            _addresses[from] = address = from.AddressFamily == AddressFamily.InterNetwork
                ? new IPAddress([(byte)(n < 65536 ? 198 : 10), (byte)(18 + (n >> 16)), (byte)(n >> 8), (byte)n])
                : IPAddress.Parse(string.Create(CultureInfo.InvariantCulture, $"2001:db8::{n >> 16:x}:{n & 0xffff:x}"));
        }

        return address;
    }

    // No word may be left that is not the protocol's.
    private byte[] Checked(byte[] octets)
    {
        ReadOnlySpan<byte> rest = octets;
        Span<char> letters = stackalloc char[64];
        byte[]? clean = null;
        while (SeenWords.Next(ref rest, out var word))
        {
            if (!_seen.Has(word) || (word.Length <= letters.Length && Vocabulary.Has(letters[..Encoding.Latin1.GetChars(word, letters)])))
                continue;

            if (_leaks.Count < MaxLeaks)
                _leaks.Add(Encoding.Latin1.GetString(word));

            clean ??= [.. octets];
            int at = octets.Length - rest.Length - word.Length;
            clean.AsSpan(at, word.Length).Fill((byte)'x');
        }

        return clean ?? octets;
    }

    private sealed class Learner(SeenWords seen) : IItemSink
    {
        public void Take(WireItem item)
        {
            // Public keys stay as they are, and are no words.
            if (item.Kind == WireKind.Line && item.Shift == 0
                && (item.Octets.AsSpan().IndexOf("XBLACKPONY"u8) is 0 or 4 || item.Octets.AsSpan().IndexOf("K="u8) == 4))
            {
                return;
            }

            if (item.Shift > 0)
            {
                var octets = (byte[])item.Octets.Clone();
                RotShift.Shift(octets, 26 - item.Shift);
                seen.Add(octets);
            }

            // Sealed records and TLS have no words.
            if (item.Kind is WireKind.Line or WireKind.Raw)
                seen.Add(item.Octets);

            seen.Add(item.Kind == WireKind.Record ? item.Data : default);
        }

        public void Finish()
        {
        }
    }

    private sealed class Changer(Anonymizer owner, IItemSink sink) : IItemSink
    {
        private const int TlsHeader = 5;

        private readonly AnonymousDialogue _outside = new(owner._words);
        private readonly AnonymousDialogue _inside = new(owner._words);
        private readonly int[] _tls = new int[2];

        public void Take(WireItem item) => sink.Take(item.Kind switch
        {
            _ when item.Before is { } part => item with { Octets = owner.Checked(Before(part, item)) },
            WireKind.Line => item with { Octets =
                Shifted(item, octets => (item.Shift > 0 ? _inside : _outside).Line(item.Sender, octets)) },
            WireKind.Record => item with { Octets = Blank(item.Octets),
                Data = item.Type == RecordType.Data ? owner.Checked(Lines(_inside, item.Sender, item.Data!, "\r\n"u8)) : item.Type is null
                ? item.Data : Blank(item.Data!, keep: 0) },
            WireKind.Raw when IsTls(item) => item with { Octets = Tls(item.Octets, ref _tls[(int)item.Sender]) },
            WireKind.Raw => item with { Octets =
                Shifted(item, octets => Lines(item.Shift > 0 ? _inside : _outside, item.Sender, octets, "\n"u8)) },
            _ => item,
        });

        public void Finish() => sink.Finish();

        private bool IsTls(WireItem item) => item.Octets.Length > 0 && !_outside.IsInContent
            && (_tls[(int)item.Sender] > 0 || item.Octets is [>= 0x14 and <= 0x17, 3, ..]);

        private byte[] Before(PartKind part, WireItem item) => part switch
        {
            PartKind.Text => Encoding.Latin1.GetBytes(_outside.Before(item.Sender, Encoding.Latin1.GetString(item.Octets))),
            PartKind.Name => Encoding.Latin1.GetBytes(owner._words.All(Encoding.Latin1.GetString(item.Octets))),
            PartKind.Address => owner.Address(new IPAddress(item.Octets)).GetAddressBytes(),
            _ => item.Octets,
        };

        private byte[] Shifted(WireItem item, Func<byte[], byte[]> replace)
        {
            if (item.Shift == 0)
                return owner.Checked(replace(item.Octets));

            var octets = (byte[])item.Octets.Clone();
            RotShift.Shift(octets, 26 - item.Shift);
            octets = owner.Checked(replace(octets));
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
        private static byte[] Blank(byte[] octets, int keep = 2) =>
            [.. octets[..Math.Min(keep, octets.Length)], .. new byte[Math.Max(0, octets.Length - keep)]];

        // Certificates have names: only the records' headers stay.
        private static byte[] Tls(byte[] octets, ref int inRecord)
        {
            var blank = new byte[octets.Length];
            int at = Math.Min(inRecord, octets.Length);
            inRecord -= at;
            while (at + TlsHeader <= octets.Length)
            {
                // What kind of handshake it is tells TLS from other octets.
                bool hasKind = octets[at] == 0x16 && at + TlsHeader < octets.Length && octets[at + TlsHeader] < 16;
                octets.AsSpan(at, TlsHeader + (hasKind ? 1 : 0)).CopyTo(blank.AsSpan(at));
                int length = (octets[at + 3] << 8) | octets[at + 4];
                at += TlsHeader;
                inRecord = Math.Max(0, length - (octets.Length - at));
                at += length;
            }

            return blank;
        }
    }
}
