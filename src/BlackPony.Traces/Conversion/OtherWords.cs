using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace BlackPony.Traces.Conversion;

/// <summary>
/// Other words for words: of the same length and kind, the same always for the same. Texts are octets in Latin-1; none changes its length.
/// </summary>
internal sealed partial class OtherWords
{
    private const int MaxSaid = 100_000;

    // Drawn anew for each run: nobody can look a word up.
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly HashSet<string> _said = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Every word replaced.</summary>
    public string All(string text) => HighOctets().Replace(Word().Replace(text, m => Other(m.Value)), m => m.Length switch
    {
        1 => "\u00e9",
        // As many octets of UTF-8 as there were.
        2 => "\u00c3\u00a9",
        3 => "\u00e2\u0082\u00ac",
        _ => "\u00f0\u009f\u0098\u0080",
    });

    /// <summary>Words of the client's commands, which are replaced wherever the server says them again.</summary>
    public string Said(string text)
    {
        foreach (var match in Word().EnumerateMatches(text))
        {
            if (match.Length > 1 && _said.Count < MaxSaid)
            {
                _said.Add(text.Substring(match.Index, match.Length));
            }
        }

        return All(text);
    }

    /// <summary>Names and passwords in base64, which the server may say again in the clear.</summary>
    public string Secret(string text)
    {
        var octets = new byte[text.Length];
        if (Convert.TryFromBase64String(text, octets, out int count))
        {
            _ = Said(Encoding.Latin1.GetString(octets, 0, count));
        }

        return Said(text);
    }

    /// <summary>Names, addresses and ids of a reply's text; all else is the server's wording.</summary>
    public string Names(string text)
    {
        var other = Name().Replace(text, m => EnhancedCode().IsMatch(m.Value) ? m.Value : All(m.Value));
        return Word().Replace(other, m => _said.Contains(m.Value) ? Other(m.Value) : m.Value);
    }

    /// <summary>A parameter's value (RFC 3461 4), whose escapes stay.</summary>
    public string Xtext(string text) => XtextPart().Replace(text, m => m.Value[0] == '+' ? m.Value : All(m.Value));

    /// <summary>A header's value: dates stay, and encoded words (RFC 2047) stay such.</summary>
    /// <param name="text">The value, or a line of it.</param>
    /// <param name="keep">Words that stay.</param>
    public string Header(string text, ISet<string>? keep = null) => HeaderPart().Replace(text, m =>
    {
        if (m.Groups["encoding"] is { Success: true } encoding)
        {
            var encoded = m.Groups["text"].Value;
            return $"=?{m.Groups["charset"].Value}?{encoding.Value}?{(encoding.Value is "b" or "B" ? Base64(encoded) : QuotedPrintable(encoded))}?=";
        }

        return m.Groups["date"].Success || keep?.Contains(m.Value) == true ? m.Value : All(m.Value);
    });

    /// <summary>A line in quoted-printable or of a Q-encoded word: what was escaped stays escaped.</summary>
    public string QuotedPrintable(string text)
    {
        var escaped = QuotedOctet().Matches(text).Select(m => m.Length == 3).ToList();
        var plain = QuotedOctet().Replace(text, m => m.Length == 3 ? ((char)Convert.ToByte(m.Value[1..], 16)).ToString() : m.Value);
        return string.Concat(All(plain).Select((c, i) => escaped[i] ? $"={(int)c:X2}" : c.ToString()));
    }

    private string Base64(string text)
    {
        var octets = new byte[text.Length];
        return Convert.TryFromBase64String(text, octets, out int count)
            ? Convert.ToBase64String(Encoding.Latin1.GetBytes(All(Encoding.Latin1.GetString(octets, 0, count)))) is { } other && other.Length == text.Length ? other : All(text)
            : All(text);
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

    // Characters of UTF-8, and octets that are none.
    [GeneratedRegex("[\u00c2-\u00df][\u0080-\u00bf]|[\u00e0-\u00ef][\u0080-\u00bf]{2}|[\u00f0-\u00f4][\u0080-\u00bf]{3}|[\u0080-\u00ff]")]
    private static partial Regex HighOctets();

    [GeneratedRegex(@"<?[^\s<>@]+@[^\s<>@]+>?|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+|[0-9A-Fa-f]*(:[0-9A-Fa-f]*){2,}|(?<=[\s=])(?=[A-Za-z/+_]*\d)[A-Za-z0-9/+_-]{6,}")]
    private static partial Regex Name();

    [GeneratedRegex(@"^[245]\.\d{1,3}\.\d{1,3}$")]
    private static partial Regex EnhancedCode();

    [GeneratedRegex(@"\+[0-9A-F]{2}|[^+]+|\+")]
    private static partial Regex XtextPart();

    [GeneratedRegex(@"=\?(?<charset>[^?\s]+)\?(?<encoding>[bBqQ])\?(?<text>[^?\s]*)\?=|(?<date>((Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s+)?\d{1,2}\s+(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d{4}(\s+\d{2}:\d{2}(:\d{2})?)?(\s+[+-]\d{4}|\s+\(?[A-Z]{3,4}\)?)*)|[A-Za-z0-9\u0080-\u00ff]+")]
    private static partial Regex HeaderPart();

    [GeneratedRegex("=[0-9A-Fa-f]{2}|[\0-\u00ff]")]
    private static partial Regex QuotedOctet();
}
