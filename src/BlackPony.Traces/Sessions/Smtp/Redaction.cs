using System.Buffers;

namespace BlackPony.Traces.Sessions;

/// <summary>What is shown of a line: never a credential, whatever the mechanism and however wrongly it was sent.</summary>
internal static class Redaction
{
    private const string Hidden = "(hidden)";

    private static readonly SearchValues<byte> Base64 =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="u8);

    // Of other protocols, and of HTTP's headers, for a client that speaks to the wrong port.
    private static readonly HashSet<string> Secrets = new(StringComparer.OrdinalIgnoreCase)
    {
        "PASS", "USER", "APOP", "LOGIN", "AUTHENTICATE", "AUTHORIZATION:", "PROXY-AUTHORIZATION:", "COOKIE:", "SET-COOKIE:", "X-API-KEY:",
            "AUTHINFO",
    };

    // Parts of the names that such commands have elsewhere.
    private static readonly string[] SecretParts = ["AUTH", "LOGIN", "PASS", "PWD", "SASL", "TOKEN", "SECRET", "CRED", "COOKIE", "API-KEY"];

    /// <summary>A command line.</summary>
    /// <param name="line">The line.</param>
    /// <param name="afterAuth">Whether an AUTH came before, so that what nobody knows may be its credentials.</param>
    public static string Command(ReadOnlySpan<byte> line, bool afterAuth)
    {
        var verb = Verbs.Find(line, out var name);
        int end = line.IndexOf((byte)' ');
        switch (verb)
        {
            case Verb.Auth:
                return Auth(line, end);
            case Verb.Burl:
                // URLAUTH is a token for whoever has it (RFC 4467).
                return $"{name} {Hidden}";
            case Verb.Mail or Verb.Rcpt or Verb.XBlackPony or Verb.Ehlo or Verb.Helo or Verb.Lhlo:
                return Escape.Octets(line, 1000);
            default:
                break;
        }

        // Of what has holes nobody knows what it was.
        if (name is null && (afterAuth || line.Contains(Verbs.Missing)))
            return Hidden;

        var first = Escape.Octets(First(line), 40);
        bool secret = Secrets.Contains(first) || SecretParts.Any(p => first.Contains(p, StringComparison.OrdinalIgnoreCase));
        return secret ? $"{first} {Hidden}" : name is null ? Words(line) : Escape.Octets(line, 1000);
    }

    /// <summary>The verb of a command that nobody knows, for lists.</summary>
    public static string Name(ReadOnlySpan<byte> line, bool afterAuth)
    {
        var first = First(line);
        return afterAuth || LooksLikeToken(first) ? Hidden
            : Escape.Octets(first, 40).Replace("\\x00", "?", StringComparison.Ordinal).ToUpperInvariant();
    }

    // The first word, without what is joined to it: a value, most likely.
    private static ReadOnlySpan<byte> First(ReadOnlySpan<byte> line)
    {
        int end = line.IndexOf((byte)' ');
        var first = end < 0 ? line : line[..end];
        int joint = first.IndexOfAny("=:,;\t"u8);
        return joint < 0 ? first : first[..(joint + 1)];
    }

    /// <summary>A reply line: what a 334 carries may be a token.</summary>
    public static string Reply(ReadOnlySpan<byte> line)
    {
        bool code = line.Length >= 4 && !line[..3].ContainsAnyExceptInRange((byte)'0', (byte)'9') && line[3] is (byte)' ' or (byte)'-';
        if (code && !(line.StartsWith("334"u8) || line.StartsWith("235"u8)))
            return Escape.Octets(line, 1000);

        var text = code ? line[4..] : line;
        bool known = text.SequenceEqual("VXNlcm5hbWU6"u8) || text.SequenceEqual("UGFzc3dvcmQ6"u8) || text.StartsWith("K="u8);
        return known ? Escape.Octets(line, 1000) : Words(line);
    }

    // Words, but those that look like tokens.
    private static string Words(ReadOnlySpan<byte> line)
    {
        var shown = new System.Text.StringBuilder();
        line = line[..Math.Min(line.Length, 1000)];
        while (true)
        {
            int blank = line.IndexOf((byte)' ');
            var word = blank < 0 ? line : line[..blank];
            _ = shown.Append(LooksLikeToken(word) ? Hidden : Escape.Octets(word));
            if (blank < 0)
                return shown.ToString();

            _ = shown.Append(' ');
            line = line[(blank + 1)..];
        }
    }

    /// <summary>A whole reply's text.</summary>
    public static string ReplyText(string text)
    {
        bool open = text.StartsWith("334", StringComparison.Ordinal) || text.StartsWith("235", StringComparison.Ordinal)
            || text.AsSpan(0, Math.Min(3, text.Length)).Contains('\0');
        var shown = open ? string.Join("\r\n", text.Split("\r\n").Select(l => Reply(System.Text.Encoding.Latin1.GetBytes(l)))) : text;
        return shown.Replace('\0', '?').Replace("\\x00", "?", StringComparison.Ordinal);
    }

    // The mechanism is shown if it is one, what stands after it is not.
    private static string Auth(ReadOnlySpan<byte> line, int end)
    {
        if (end < 0)
            return Escape.Octets(line, 40);

        var rest = line[(end + 1)..].Trim((byte)' ');
        int space = rest.IndexOf((byte)' ');
        var mechanism = space < 0 ? rest : rest[..space];
        bool known = mechanism.Length <= 20 && Mechanisms.Knows(mechanism);
        var shown = Escape.Octets(line[..end], 40) + (known ? " " + Escape.Octets(mechanism, 40) : " " + Hidden);
        return known && space >= 0 ? $"{shown} {Hidden}" : shown;
    }

    // Base64 of more than a word.
    private static bool LooksLikeToken(ReadOnlySpan<byte> text)
    {
        if (text.Length < 8 || text.Length % 4 != 0 || text.ContainsAnyExcept(Base64))
            return false;

        bool upper = text.ContainsAnyInRange((byte)'A', (byte)'Z');
        bool lower = text.ContainsAnyInRange((byte)'a', (byte)'z');
        return text[^1] == '=' || (upper && lower && (text.ContainsAnyInRange((byte)'0', (byte)'9') || text.Length > 11));
    }
}
