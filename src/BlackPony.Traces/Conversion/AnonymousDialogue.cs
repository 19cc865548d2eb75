using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Reference;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>Rewrites a dialogue line by line; knows where it stands as far as that decides what a line is.</summary>
/// <param name="words">Other words for names.</param>
internal sealed partial class AnonymousDialogue(OtherWords words)
{
    // Parameters of MAIL and RCPT that hold no name.
    private static readonly HashSet<string> PlainParameters = new(StringComparer.OrdinalIgnoreCase) { "SIZE", "BODY", "RET", "NOTIFY", "BY", "MT-PRIORITY", "HOLDFOR", "HOLDUNTIL", "SMTPUTF8", "REQUIRETLS" };

    // What else stands behind AUTH may be a password without its mechanism.
    private static readonly HashSet<string> Mechanisms = new(StringComparer.OrdinalIgnoreCase) { "PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER", "EXTERNAL", "GSSAPI", "NTLM", "ANONYMOUS" };

    // A greeting's usual words; the others are the house's name.
    private static readonly HashSet<string> GreetingWords = new(StringComparer.OrdinalIgnoreCase) { "ESMTP", "SMTP", "LMTP", "Postfix", "Exim", "Sendmail", "Microsoft", "Exchange", "Dovecot", "qmail", "OpenSMTPD", "Haraka", "MAIL", "server", "service", "ready", "at", "welcome", "Debian", "Ubuntu", "GNU" };

    // What makes a Received field (RFC 5321 4.4).
    private static readonly HashSet<string> ReceivedWords = new(StringComparer.OrdinalIgnoreCase) { "from", "by", "with", "for", "id", "via", "SMTP", "ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA", "LMTP", "TCP", "XBLACKPONY", "V1" };

    private bool _content;
    private bool _header;
    private bool _part;
    private bool _quotedPrintable;
    private string _field = "";
    private bool _secret;
    private bool _asked;
    private bool _greeted;
    private bool _ehlo;
    private bool _first = true;
    private bool _chunked;
    private long _chunk;
    private int _lineEnd;

    /// <summary>Another line of the same length.</summary>
    /// <param name="sender">Who sent it.</param>
    /// <param name="octets">The line.</param>
    /// <param name="lineEnd">How many octets its end has, which is not among them.</param>
    public byte[] Line(Role sender, byte[] octets, int lineEnd = 2)
    {
        _lineEnd = lineEnd;
        var text = Encoding.Latin1.GetString(octets);
        return Encoding.Latin1.GetBytes(sender == Role.Server ? Reply(text) : Client(text));
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
            return words.Secret(text);
        }

        var verb = Verbs.Find(Encoding.Latin1.GetBytes(text), out var name);
        int space = text.IndexOf(' ');
        _ehlo = verb is Verb.Ehlo or Verb.Lhlo;
        _asked = name is "VRFY" or "EXPN";
        switch (verb)
        {
            case Verb.Mail or Verb.Rcpt:
                return Path(text);
            case Verb.Bdat:
                var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                long size = 0;
                bool valid = (fields.Length == 2 || (fields.Length == 3 && fields[2].Equals("LAST", StringComparison.OrdinalIgnoreCase))) && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out size);
                _chunk = size;
                if (!_chunked)
                {
                    BeginContent();
                }

                _chunked = fields.Length == 2;
                return valid ? text : text[..4] + words.Said(text[4..]);
            case Verb.Auth:
                int second = space < 0 ? text.Length : text.IndexOf(' ', space + 1);
                second = second < 0 ? text.Length : second;
                second = Mechanisms.Contains(text[4..second].Trim()) ? second : 4;
                return text[..second] + words.Secret(text[second..]);
            case Verb.XBlackPony:
                return text;
            default:
                if (text.StartsWith("PROXY ", StringComparison.Ordinal))
                {
                    space = text.IndexOf(' ', space + 1);
                }
                else if (name is null)
                {
                    // No command that anybody knows: what was sent before it was asked for, a password too.
                    return words.Secret(text);
                }

                return space < 0 ? text : text[..space] + (name is "XCLIENT" or "XFORWARD" ? Attribute().Replace(text[space..], m => words.Said(m.Value)) : words.Said(text[space..]));
        }
    }

    // MAIL FROM:<address> and parameters.
    private string Path(string text)
    {
        int colon = text.IndexOf(':') + 1;
        int close = Verbs.PathEnd(Encoding.Latin1.GetBytes(text[colon..]));
        int space = text.AsSpan(colon).TrimStart(' ').IndexOf(' ');
        int end = close >= 0 ? colon + close + 1 : space >= 0 ? text.Length - text.AsSpan(colon).TrimStart(' ').Length + space : text.Length;
        return colon == 0 ? text[..4] + words.Said(text[4..]) : text[..colon] + words.Said(text[colon..end]) + Parameter().Replace(text[end..], m =>
        {
            var (key, value) = (m.Groups["key"].Value, m.Groups["value"].Value);
            if (PlainParameters.Contains(key))
            {
                return m.Value;
            }

            if (!m.Groups["value"].Success)
            {
                return words.Said(m.Value);
            }

            // ORCPT=rfc822;address
            int type = key.Equals("ORCPT", StringComparison.OrdinalIgnoreCase) ? value.IndexOf(';') + 1 : 0;
            return $"{key}={value[..type]}{words.Xtext(value[type..])}";
        });
    }

    private void BeginContent() => (_header, _part, _quotedPrintable, _field) = (true, false, false, "");

    private string Content(string text)
    {
        if (!_header)
        {
            return Body(text);
        }

        if (text.Length == 0)
        {
            (_header, _part) = (false, false);
            return text;
        }

        if (text[0] is not (' ' or '\t'))
        {
            int colon = text.IndexOf(':');
            if (colon < 0 || !FieldName().IsMatch(text.AsSpan(0, colon)) || (_part && !Structural().IsMatch(text)))
            {
                _header = false;
                return Body(text);
            }

            _field = text[..colon];
            _quotedPrintable |= _field.Equals("Content-Transfer-Encoding", StringComparison.OrdinalIgnoreCase) && text.Contains("quoted-printable", StringComparison.OrdinalIgnoreCase);
            return _field + Field(text[colon..]);
        }

        return Field(text);
    }

    private string Field(string text) =>
        Structural().IsMatch(_field + ":") ? Part().Replace(text, m => m.Groups["keep"].Success ? m.Value : words.Header(m.Value)) : words.Header(text, _field.Equals("Received", StringComparison.OrdinalIgnoreCase) ? ReceivedWords : null);

    private string Body(string text)
    {
        // Behind a boundary a part has its header.
        if (text.StartsWith("--", StringComparison.Ordinal))
        {
            (_header, _part, _quotedPrintable) = (true, true, false);
            return words.All(text);
        }

        return _quotedPrintable ? words.QuotedPrintable(text) : words.All(text);
    }

    private string Reply(string text)
    {
        bool last = text.Length == 3 || (text.Length > 3 && text[3] == ' ');
        if (text.StartsWith("354", StringComparison.Ordinal))
        {
            _content = true;
            BeginContent();
        }

        _secret = text.StartsWith("334", StringComparison.Ordinal);
        if (text.Length > 4 && text[4..].StartsWith("K=", StringComparison.Ordinal))
        {
            return text;
        }

        // Keywords of an EHLO reply are no names; its first line and the greeting begin with one.
        bool greeting = !_greeted;
        bool host = greeting || _ehlo;
        bool names = greeting || !_ehlo || _first || text[0] != '2';

        _first = last;
        _greeted |= last;
        if (text.Length <= 4 || !names)
        {
            return text;
        }

        // A challenge names the server; VRFY's and EXPN's answers are names.
        if (_secret || _asked)
        {
            return text[..4] + words.All(text[4..]);
        }

        int end = text.IndexOf(' ', 4);
        end = end < 0 ? text.Length : end;
        var rest = text[end..];
        return host ? text[..4] + words.All(text[4..end]) + (greeting && text[0] == '2' ? words.Header(rest, GreetingWords) : words.Names(rest)) : text[..4] + words.Names(text[4..]);
    }

    // Structure stands in these; what is quoted in them is a name or a boundary.
    [GeneratedRegex("^(MIME-Version|Content-Type|Content-Transfer-Encoding|Content-Disposition):", RegexOptions.IgnoreCase)]
    private static partial Regex Structural();

    // Of these fields stay: the type, parameters' names, values that are a standard's; what else has letters is replaced.
    [GeneratedRegex("""(?<keep>(?<=^:\s*)[\w.+-]+/[\w.+-]+(?=\s*($|[;(]))|[\w*-]+=|(?<=(charset|format|delsp|report-type|micalg|protocol)=)("[^"]*"|[^\s;"]+)|\b(7bit|8bit|binary|base64|quoted-printable|inline|attachment|1\.0)\b)|"[^"]*"|[\w\u0080-\u00ff]+""", RegexOptions.IgnoreCase)]
    private static partial Regex Part();

    [GeneratedRegex("^[!-9;-~]+$")]
    private static partial Regex FieldName();

    [GeneratedRegex(@"(?<=[^ ]=)[^ ]+")]
    private static partial Regex Attribute();

    [GeneratedRegex("(?<key>[A-Za-z0-9-]+)=(?<value>[^ ]*)|(?<key>[^ ]+)")]
    private static partial Regex Parameter();
}
