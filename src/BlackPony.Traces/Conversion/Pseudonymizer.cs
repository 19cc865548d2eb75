using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Reference;

namespace BlackPony.Traces.Conversion;

/// <summary>
/// Other words for words: of the same length and kind, the same always for the same, none that the input has. Texts are octets in Latin-1;
/// none changes its length.
/// </summary>
internal sealed partial class Pseudonymizer
{
    private const int MaxKnown = 200_000;
    private const int MaxDraws = 100;

    // Drawn afresh for each run: nobody can look a word up.
    private readonly byte[] _key = new byte[32];
    private readonly SeenWords _seen;
    private readonly Dictionary<string, string> _known = new(StringComparer.Ordinal);

    /// <param name="seen">The input's words.</param>
    /// <param name="random">What the other words are drawn from.</param>
    public Pseudonymizer(SeenWords seen, IRandomSource random)
    {
        _seen = seen;
        random.Fill(_key);
    }

    /// <summary>Every word replaced.</summary>
    public string All(string text)
    {
        if (!HasHigh(text))
            return Word().Replace(text, m => Other(m.Value));

        return HighOctets().Replace(Word().Replace(text, m => Other(m.Value)), m => m.Length switch
        {
            1 => "\u00e9",
            // As many octets of UTF-8 as there were.
            2 => "\u00c3\u00a9",
            3 => "\u00e2\u0082\u00ac",
            _ => "\u00f0\u009f\u0098\u0080",
        });
    }

    /// <summary>Every word replaced that is not among some that stay.</summary>
    public string Except(string text, HashSet<string> stay) => Token().Replace(text, m => stay.Contains(m.Value) ? m.Value : All(m.Value));

    /// <summary>A reply's text: words of the protocol's vocabulary stay where they stand alone, with enhanced codes; all else is
    /// replaced.</summary>
    public string Reply(string text) => ReplyToken().Replace(text, m =>
        m.Groups["code"].Success || m.Groups["date"].Success || (m.Groups["word"].Success && Vocabulary.Reply.Contains(m.Value)) ? m.Value
            : All(m.Value));

    /// <summary>A parameter's value (RFC 3461 4), whose escapes stay.</summary>
    public string Xtext(string text) => XtextPart().Replace(text, m => m.Value[0] == '+' && m.Length == 3 ? m.Value : All(m.Value));

    /// <summary>A header's value: encoded words (RFC 2047) stay such.</summary>
    /// <param name="text">The value, or a line of it.</param>
    /// <param name="dates">Whether dates stay.</param>
    /// <param name="keep">Words that stay.</param>
    public string Header(string text, bool dates, HashSet<string>? keep = null) => HeaderPart().Replace(text, m =>
    {
        if (m.Groups["encoding"] is { Success: true } encoding)
        {
            var encoded = m.Groups["text"].Value;
            var charset = m.Groups["charset"].Value;
            charset = Vocabulary.Mime.Contains(charset) ? charset : All(charset);
            return $"=?{charset}?{encoding.Value}?{(encoding.Value is "b" or "B" ? Base64(encoded) : QuotedPrintable(encoded))}?=";
        }

        if (m.Groups["date"].Success)
        {
            return dates ? Zone().Replace(m.Value, z => z.Length < 4 || Vocabulary.Zones.Contains(z.Value) ? z.Value : All(z.Value))
                : All(m.Value);
        }

        return keep?.Contains(m.Value) == true ? m.Value : All(m.Value);
    });

    /// <summary>A line in quoted-printable or of a Q-encoded word: what was escaped stays escaped.</summary>
    public string QuotedPrintable(string text)
    {
        var escaped = QuotedOctet().Matches(text).Select(m => m.Length == 3).ToList();
        var plain = QuotedOctet().Replace(text, m => m.Length == 3 ? ((char)Convert.ToByte(m.Value[1..], 16)).ToString() : m.Value);
        return string.Concat(All(plain).Select((c, i) => escaped[i] ? $"={(int)c:X2}" : c.ToString()));
    }

    private static bool HasHigh(string text) => text.AsSpan().ContainsAnyExceptInRange('\0', '\u007f');

    private string Base64(string text)
    {
        var octets = new byte[text.Length];
        return Convert.TryFromBase64String(text, octets, out int count)
            ? Convert.ToBase64String(Encoding.Latin1.GetBytes(All(Encoding.Latin1.GetString(octets, 0, count)))) is { } other
                && other.Length == text.Length && !HasSeen(other) ? other : All(text)
            : All(text);
    }

    private string Other(string word)
    {
        if (_known.TryGetValue(word, out var known))
            return known;

        string other = "";
        for (int draw = 0; draw < MaxDraws; draw++)
        {
            other = Draw(word, draw);
            if (!HasSeen(other))
                break;

            other = new string('x', word.Length);
        }

        if (_known.Count < MaxKnown)
            _known[word] = other;

        return other;
    }

    private string Draw(string word, int draw)
    {
        Span<byte> hash = stackalloc byte[32];
        HMACSHA256.HashData(_key, Encoding.Latin1.GetBytes($"{draw} {word.ToLowerInvariant()}"), hash);
        var other = new StringBuilder(word.Length);
        for (int i = 0; i < word.Length; i++)
        {
            byte octet = (byte)(hash[i % hash.Length] + (i / hash.Length * 7));
            other.Append(word[i] switch
            {
                >= '0' and <= '9' => (char)('0' + (i == 0 && word.Length == 3 ? 1 : octet % 10)),
                >= 'A' and <= 'Z' => (char)('A' + (octet % 26)),
                _ => (char)('a' + (octet % 26)),
            });
        }

        return other.ToString();
    }

    private bool HasSeen(string text)
    {
        ReadOnlySpan<byte> octets = Encoding.Latin1.GetBytes(text);
        while (SeenWords.Next(ref octets, out var word))
        {
            if (_seen.Has(word))
                return true;
        }

        return false;
    }

    [GeneratedRegex("[A-Za-z0-9]+")]
    private static partial Regex Word();

    [GeneratedRegex("[A-Za-z0-9_*.+-]*[A-Za-z0-9_\u0080-\u00ff]")]
    private static partial Regex Token();

    // Characters of UTF-8, and octets that are none.
    [GeneratedRegex("[\u00c2-\u00df][\u0080-\u00bf]|[\u00e0-\u00ef][\u0080-\u00bf]{2}|[\u00f0-\u00f4][\u0080-\u00bf]{3}|[\u0080-\u00ff]")]
    private static partial Regex HighOctets();

    // An enhanced code; a date; a word by itself; and anything else between blanks, or of a word that is part of a name.
    [GeneratedRegex(
        """(?<code>(?<=^|[\s(#])[245]\.\d{1,3}\.\d{1,3}(?=$|[\s):,]))"""
            + """|(?<date>((Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s+)\d{1,2}\s+(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{4}"""
            + """\s+\d{2}:\d{2}(:\d{2})?(\s+[+-]\d{4})?)"""
            + """|(?<word>(?<=^|[\s(\["'<,;:])[A-Za-z][A-Za-z0-9']*(?=$|[\s)\]"'>,;:!?]|\.($|\s)|=))|[(\["'<]|[^\s=]+|=""")]
    private static partial Regex ReplyToken();

    [GeneratedRegex(@"\+[0-9A-F]{2}|[^+]+|\+")]
    private static partial Regex XtextPart();

    [GeneratedRegex(
        @"=\?(?<charset>[^?\s]+)\?(?<encoding>[bBqQ])\?(?<text>[^?\s]*)\?="
            + @"|(?<date>((Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s+)?\d{1,2}\s+(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{4}"
            + @"(\s+\d{2}:\d{2}(:\d{2})?)?(\s+[+-]\d{4}|\s+\(?[A-Z]{3,4}\)?)*)|[A-Za-z0-9\u0080-\u00ff]+")]
    private static partial Regex HeaderPart();

    [GeneratedRegex("[A-Za-z]+")]
    private static partial Regex Zone();

    [GeneratedRegex("=[0-9A-Fa-f]{2}|[\0-\u00ff]")]
    private static partial Regex QuotedOctet();
}
