using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>
/// Replaces names, addresses, subjects, bodies and passwords, each word by another of the same length and kind, the same word always by the same one.
/// Verbs, parameters, keywords, header names, dots, line ends and sizes stay, so that the session goes as it went.
/// </summary>
internal sealed partial class Anonymiser
{
    private const int TlsHeader = 5;
    private const int MaxSaid = 100_000;

    // Drawn anew for each run: nobody can look a word up.
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly Dictionary<IPAddress, IPAddress> _addresses = [];
    private readonly HashSet<string> _said = new(StringComparer.OrdinalIgnoreCase);

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
        var outside = new Dialogue(this);
        var inside = new Dialogue(this);
        var tls = new int[2];
        for (int i = 0; i < items.Count; i++)
        {
            var item = items[i];
            items[i] = item.Kind switch
            {
                WireKind.Line => item with { Octets = Line(item.Shift > 0 ? inside : outside, item) },
                WireKind.Record => item with { Octets = Blank(item.Octets), Data = item.Type == RecordType.Data ? Data(inside, item.Sender, item.Data!) : item.Type is null ? item.Data : Blank(item.Data!, keep: 0) },
                WireKind.Raw when item.Octets.Length > 0 && (tls[(int)item.Sender] > 0 || item.Octets[0] is TlsLayer.Handshake or 0x14 or 0x15 or 0x17) => item with { Octets = Tls(item.Octets, ref tls[(int)item.Sender]) },
                WireKind.Raw when item.Shift == 0 => item with { Octets = outside.Line(item.Sender, item.Octets, lineEnd: 0) },
                _ => item,
            };
        }
    }

    private static byte[] Line(Dialogue dialogue, WireItem item)
    {
        var octets = (byte[])item.Octets.Clone();
        if (item.Shift == 0)
        {
            return dialogue.Line(item.Sender, octets);
        }

        RotShift.Shift(octets, 26 - item.Shift);
        octets = dialogue.Line(item.Sender, octets);
        RotShift.Shift(octets, item.Shift);
        return octets;
    }

    private static byte[] Data(Dialogue dialogue, Role sender, byte[] data)
    {
        var output = new List<byte>(data.Length);
        for (var rest = data.AsSpan(); !rest.IsEmpty;)
        {
            int end = rest.IndexOf("\r\n"u8);
            output.AddRange(dialogue.Line(sender, (end < 0 ? rest : rest[..end]).ToArray(), end < 0 ? 0 : 2));
            output.AddRange(end < 0 ? [] : "\r\n"u8.ToArray());
            rest = end < 0 ? default : rest[(end + 2)..];
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

    /// <summary>Every word of a text replaced.</summary>
    private string Words(string text)
    {
        var words = Word().Replace(text, m => Other(m.Value));
        return HighOctet().Replace(words, m => m.Value[0] < 0xc0 ? "\u00a9" : m.Value);
    }

    // Names, addresses and ids of a reply's text; all else is the server's wording.
    private string Names(string text)
    {
        // What the client called itself and others, the server says after it.
        var other = Name().Replace(text, m => EnhancedCode().IsMatch(m.Value) ? m.Value : Words(m.Value));
        return Word().Replace(other, m => _said.Contains(m.Value) ? Other(m.Value) : m.Value);
    }

    // Words of the client's commands.
    private string Said(string text)
    {
        foreach (var match in Word().EnumerateMatches(text))
        {
            if (match.Length > 1 && _said.Count < MaxSaid)
            {
                _said.Add(text.Substring(match.Index, match.Length));
            }
        }

        return Words(text);
    }

    private string Other(string word)
    {
        var hash = HMACSHA256.HashData(_key, Encoding.Latin1.GetBytes(word.ToLowerInvariant()));
        var other = new StringBuilder(word.Length);
        for (int i = 0; i < word.Length; i++)
        {
            byte draw = (byte)(hash[i % hash.Length] + (i / hash.Length * 7));
            other.Append(word[i] switch
            {
                >= '0' and <= '9' => (char)('0' + (i == 0 && word.Length == 3 ? 1 : draw % 10)),
                >= 'A' and <= 'Z' => (char)('A' + (draw % 26)),
                _ => (char)('a' + (draw % 26)),
            });
        }

        return other.ToString();
    }

    [GeneratedRegex("[A-Za-z0-9]+")]
    private static partial Regex Word();

    [GeneratedRegex("[\u0080-\u00ff]")]
    private static partial Regex HighOctet();

    [GeneratedRegex(@"<?[^\s<>@]+@[^\s<>@]+>?|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+|[0-9A-Fa-f]*(:[0-9A-Fa-f]*){2,}|(?<=[\s=])(?=[A-Za-z]*\d)[A-Za-z0-9-]{6,}")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[245]\.\d{1,3}\.\d{1,3}$")]
    private static partial Regex EnhancedCode();

    // Structure stands in these; what is quoted in them is a name or a boundary.
    [GeneratedRegex(@"^(MIME-Version|Content-Type|Content-Transfer-Encoding|Content-Disposition):", RegexOptions.IgnoreCase)]
    private static partial Regex Structural();

    [GeneratedRegex("(?<==)(\"[^\"]*\"|[^\\s;\"]+)")]
    private static partial Regex Value();

    /// <summary>Where a dialogue stands, as far as it decides what a line is.</summary>
    private sealed class Dialogue(Anonymiser anonymiser)
    {
        private bool _content;
        private bool _header;
        private bool _structural;
        private bool _secret;
        private bool _auth;
        private bool _greeted;
        private bool _ehlo;
        private bool _first = true;
        private bool _chunked;
        private long _chunk;
        private int _lineEnd;

        public byte[] Line(Role sender, byte[] octets, int lineEnd = 2)
        {
            _lineEnd = lineEnd;
            var text = Encoding.Latin1.GetString(octets);
            var other = sender == Role.Server ? Reply(text) : Client(text);
            return Encoding.Latin1.GetBytes(other);
        }

        private string Client(string text)
        {
            if (_content)
            {
                _content = text != ".";
                return _content ? Content(text) : text;
            }

            if (_chunk > 0)
            {
                // The next command may stand directly behind the chunk.
                int part = (int)Math.Min(_chunk, text.Length);
                var content = Content(text[..part]);
                _chunk = Math.Max(0, _chunk - text.Length - _lineEnd);
                return part < text.Length ? content + Client(text[part..]) : content;
            }

            if (_secret)
            {
                _secret = false;
                return anonymiser.Words(text);
            }

            var verb = Verbs.Find(Encoding.Latin1.GetBytes(text), out _);
            int space = text.IndexOf(' ');
            _auth = verb == Verb.Auth;
            _ehlo = verb is Verb.Ehlo or Verb.Lhlo;
            switch (verb)
            {
                case Verb.Mail or Verb.Rcpt:
                    int colon = text.IndexOf(':');
                    int close = text.IndexOf('>');
                    int end = close > colon ? close : text.Length;
                    return colon < 0 ? text : text[..colon] + anonymiser.Said(text[colon..end]) + text[end..];
                case Verb.Bdat:
                    var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                    bool valid = fields.Length == 2 || (fields.Length == 3 && fields[2].Equals("LAST", StringComparison.OrdinalIgnoreCase));
                    _chunk = valid && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : 0;
                    _header |= !_chunked;
                    _chunked = fields.Length == 2;
                    return text;
                case Verb.Auth:
                    int second = space < 0 ? -1 : text.IndexOf(' ', space + 1);
                    return second < 0 ? text : text[..second] + anonymiser.Words(text[second..]);
                case Verb.XBlackPony or Verb.Noop or Verb.Data or Verb.StartTls or Verb.Quit or Verb.Rset:
                    return text;
                default:
                    return space < 0 ? text : text[..space] + anonymiser.Said(text[space..]);
            }
        }

        private string Content(string text)
        {
            if (!_header)
            {
                return anonymiser.Words(text);
            }

            if (text.Length == 0)
            {
                _header = false;
                return text;
            }

            int colon = text.IndexOf(':');
            bool folded = text[0] is ' ' or '\t';
            if (!folded)
            {
                _structural = Structural().IsMatch(text);
                if (colon < 0 || text[..colon].Contains(' '))
                {
                    return anonymiser.Words(text);
                }
            }

            if (_structural)
            {
                return Value().Replace(text, m => anonymiser.Words(m.Value));
            }

            return folded ? anonymiser.Words(text) : text[..colon] + anonymiser.Words(text[colon..]);
        }

        private string Reply(string text)
        {
            bool last = text.Length == 3 || (text.Length > 3 && text[3] == ' ');
            if (text.StartsWith("354", StringComparison.Ordinal))
            {
                (_content, _header) = (true, true);
            }

            _secret = _auth && text.StartsWith("334", StringComparison.Ordinal);
            if (text.Length > 4 && text[4..].StartsWith("K=", StringComparison.Ordinal))
            {
                return text;
            }

            // Keywords of an EHLO reply are no names; its first line and the greeting begin with one.
            bool names = !_ehlo || !_greeted;
            bool host = !_greeted || _ehlo;
            if (_ehlo && _greeted)
            {
                names = _first;
            }

            _first = last;
            _greeted |= last;
            if (text.Length <= 4 || !names)
            {
                return text;
            }

            int end = text.IndexOf(' ', 4);
            end = end < 0 ? text.Length : end;
            return host ? text[..4] + anonymiser.Words(text[4..end]) + anonymiser.Names(text[end..]) : text[..4] + anonymiser.Names(text[4..]);
        }

    }
}
