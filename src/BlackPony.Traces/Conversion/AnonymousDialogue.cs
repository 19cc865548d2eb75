using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Reference;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>
/// Rewrites a dialogue line by line; knows where it stands as far as that decides what of a line is protocol. All that is not is replaced.
/// </summary>
/// <param name="words">Other words for names.</param>
internal sealed partial class AnonymousDialogue(Pseudonymizer words)
{
    private bool _content;
    private bool _dataSent;
    private bool _earlyDone;
    private bool _header;
    private bool _part;
    private bool _quotedPrintable;
    private string _field = "";
    private bool _fieldKnown;
    private bool _secret;
    private bool _asked;
    private bool _greeted;
    private bool _ehlo;
    private bool _first = true;
    private bool _chunked;
    private long _chunk;
    private long _binary;
    private long _exchange;
    private int _lineEnd;

    /// <summary>Whether a message is under way.</summary>
    public bool IsInContent => _content || _chunk > 0;

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

    /// <summary>A line of what stands before SMTP: HTTP's CONNECT, or haproxy's PROXY.</summary>
    public string Before(Role sender, string text)
    {
        if (text.StartsWith("HTTP/", StringComparison.Ordinal))
        {
            int code = text.IndexOf(' ');
            return code < 0 || text.Length < code + 4 ? words.All(text) : text[..(code + 4)] + words.Reply(text[(code + 4)..]);
        }

        if (sender == Role.Client && text.StartsWith("CONNECT ", StringComparison.Ordinal))
        {
            var fields = text.Split(' ');
            return string.Join(' ', fields.Select((f, i) => i == 0 || Version().IsMatch(f) ? f : Target(f)));
        }

        if (text.StartsWith("PROXY ", StringComparison.Ordinal))
            return Proxy(text);

        int colon = text.IndexOf(':');
        return colon > 0 && Vocabulary.Fields.Contains(text[..colon]) ? text[..(colon + 1)] + Target(text[(colon + 1)..]) : words.All(text);
    }

    // host:port, whose port says what is behind it.
    private string Target(string text)
    {
        int colon = text.LastIndexOf(':');
        return colon > 0 && text.AsSpan(colon + 1).TrimEnd().Length is > 0 and <= 5
            && !text.AsSpan(colon + 1).TrimEnd().ContainsAnyExceptInRange('0', '9') ? words.All(text[..colon]) + text[colon..]
            : words.All(text);
    }

    private string Proxy(string text)
    {
        int family = text.IndexOf(' ', 6);
        family = family < 0 ? text.Length : family;
        return (text[6..family] is "TCP4" or "TCP6" or "UNKNOWN" ? text[..family] : text[..6] + words.All(text[6..family]))
            + words.All(text[family..]);
    }

    private string Client(string text)
    {
        if (_content)
        {
            _content = text != ".";
            _earlyDone |= !_content && _dataSent;
            _dataSent &= _content;
            return _content ? Content(text) : text;
        }

        if (_binary > 0)
        {
            _binary = Math.Max(0, _binary - text.Length - _lineEnd);
            return words.All(text);
        }

        if (_chunk > 0)
        {
            // The next command may stand directly after the chunk.
            int part = (int)Math.Min(_chunk, text.Length);
            var content = Content(text[..part]);
            _chunk = Math.Max(0, _chunk - text.Length - _lineEnd);
            return part < text.Length ? content + Client(text[part..]) : content;
        }

        if (_secret)
        {
            _secret = false;
            return words.All(text);
        }

        var octets = Encoding.Latin1.GetBytes(text);
        if (_dataSent && !Verbs.LooksLikeCommand(octets))
        {
            // A client that did not wait for the 354.
            _content = true;
            BeginContent();
            return Client(text);
        }

        return Command(text, octets);
    }

    private string Command(string text, byte[] octets)
    {
        var verb = Verbs.Find(octets, out var name);
        int space = text.IndexOf(' ');
        _ehlo = verb is Verb.Ehlo or Verb.Lhlo or Verb.Helo;
        _asked = name is "VRFY" or "EXPN" or "HELP";
        _dataSent = verb == Verb.Data;
        if (name is null)
        {
            // No command that anybody knows: what was sent before it was asked for, a password too.
            return text.StartsWith("PROXY ", StringComparison.Ordinal) ? Proxy(text) : words.All(text);
        }

        switch (verb)
        {
            case Verb.Mail or Verb.Rcpt:
                return Path(text, name.Length);
            case Verb.Bdat:
                return Bdat(text);
            case Verb.Auth:
                return Auth(text, space);
            case Verb.XBlackPony:
                return text;
            case Verb.Xexch50:
                _binary = 0;
                _exchange = long.TryParse(text.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(1), NumberStyles.None,
                    CultureInfo.InvariantCulture, out long size) ? size : 0;
                return text[..name.Length] + Numbers()
                    .Replace(text[name.Length..], m => m.Groups["number"].Success ? m.Value : words.All(m.Value));
            default:
                return space < 0 ? text : text[..space]
                    + (name is "XCLIENT" or "XFORWARD"
                    ? Attribute().Replace(text[space..],
                    m => Vocabulary.Values.Contains(m.Groups["key"].Value) ? $"{m.Groups["key"].Value}={words.All(m.Groups["value"].Value)}"
                    : words.All(m.Value)) : words.All(text[space..]));
        }
    }

    private string Bdat(string text)
    {
        var fields = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        long size = 0;
        bool valid = (fields.Length == 2 || (fields.Length == 3 && fields[2].Equals("LAST", StringComparison.OrdinalIgnoreCase)))
            && long.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out size);
        _chunk = size;
        if (!_chunked)
            BeginContent();

        _chunked = fields.Length == 2;
        return valid ? text : text[..4] + words.All(text[4..]);
    }

    private string Auth(string text, int space)
    {
        if (space < 0)
            return text;

        int begin = space;
        while (begin < text.Length && text[begin] == ' ')
            begin++;

        int second = text.IndexOf(' ', begin);
        second = second < 0 ? text.Length : second;
        second = Mechanisms.Knows(text[begin..second]) ? second : space;
        return text[..second] + words.All(text[second..]);
    }

    // MAIL FROM:<address> and parameters.
    private string Path(string text, int verb)
    {
        int colon = text.IndexOf(':') + 1;
        bool form = colon > 0 && text[verb..(colon - 1)].Trim() is var key
            && (key.Equals("FROM", StringComparison.OrdinalIgnoreCase) || key.Equals("TO", StringComparison.OrdinalIgnoreCase));
        if (!form)
            return text[..verb] + words.All(text[verb..]);

        int close = Verbs.PathEnd(Encoding.Latin1.GetBytes(text[colon..]));
        int space = text.AsSpan(colon).TrimStart(' ').IndexOf(' ');
        int end = close >= 0 ? colon + close + 1 : space >= 0 ? text.Length - text.AsSpan(colon).TrimStart(' ').Length + space
            : text.Length;
        return text[..colon] + words.All(text[colon..end]) + Parameter().Replace(text[end..], Parameter);
    }

    private string Parameter(Match match)
    {
        var (key, value) = (match.Groups["key"].Value, match.Groups["value"].Value);
        bool known = Vocabulary.Parameters.Contains(key);
        if (!match.Groups["value"].Success)
            return known ? match.Value : words.All(match.Value);

        if (!known)
            return $"{words.All(key)}={words.All(value)}";

        if (PlainValue().IsMatch(value) || value.Split(',').All(Vocabulary.Values.Contains))
            return match.Value;

        // ORCPT=rfc822;address
        int type = value.IndexOf(';') + 1;
        type = type > 0 && Vocabulary.Values.Contains(value[..(type - 1)]) ? type : 0;
        return $"{key}={value[..type]}{words.Xtext(value[type..])}";
    }

    private void BeginContent() => (_header, _part, _quotedPrintable, _field) = (true, false, false, "");

    private string Content(string text)
    {
        if (!_header)
            return Body(text);

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
            _fieldKnown = Vocabulary.Fields.Contains(_field);
            _quotedPrintable |= _field.Equals("Content-Transfer-Encoding", StringComparison.OrdinalIgnoreCase)
                && text.Contains("quoted-printable", StringComparison.OrdinalIgnoreCase);
            return (_fieldKnown ? _field : words.All(_field)) + Field(text[colon..]);
        }

        return Field(text);
    }

    private string Field(string text)
    {
        if (Structural().IsMatch(_field + ":"))
        {
            return Part().Replace(text, m => m.Groups["keep"].Success
                && m.Value.TrimEnd('=').Trim('"').TrimEnd('*').Split('/').All(Vocabulary.Mime.Contains) ? m.Value
                : words.Header(m.Value, dates: false));
        }

        bool received = _field.Equals("Received", StringComparison.OrdinalIgnoreCase);
        bool dates = received || _field.EndsWith("Date", StringComparison.OrdinalIgnoreCase)
            || _field.Equals("X-Received", StringComparison.OrdinalIgnoreCase);
        return words.Header(text, dates && _fieldKnown, received ? Vocabulary.Received : null);
    }

    private string Body(string text)
    {
        // After a boundary a part has its header.
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
        bool code = ReplyCode().IsMatch(text);
        if (code && text.StartsWith("354", StringComparison.Ordinal))
            Continue();

        _secret = code && text.StartsWith("334", StringComparison.Ordinal);
        if (text.Length > 4 && text[4..].StartsWith("K=", StringComparison.Ordinal) && text[..3] is "220" or "334")
            return text;

        // The greeting's first word, and that of a reply to EHLO, is a name.
        bool greeting = !_greeted;
        bool first = _first;
        _first = last || !code;
        _greeted |= last && code;
        if (!code)
            return words.All(text);

        if (text.Length <= 4)
            return text;

        // A challenge names the server; VRFY's and EXPN's answers are names.
        if (_secret)
            return text[..4] + words.All(text[4..]);

        if (_ehlo && !greeting && !first && text[0] == '2')
            return text[..4] + Keyword(text[4..]);

        if (!_asked && !(first && (greeting || (_ehlo && text[0] == '2'))))
            return text[..4] + words.Reply(text[4..]);

        // An error's words may stand there instead.
        int end = text.IndexOf(' ', 4);
        end = end < 0 || text[0] != '2' ? 4 : end;
        return text[..4] + words.All(text[4..end]) + words.Reply(text[end..]);
    }

    private void Continue()
    {
        if (_exchange > 0)
        {
            (_binary, _exchange) = (_exchange, 0);
        }
        else if (!_content && !_earlyDone)
        {
            _content = true;
            BeginContent();
        }

        (_dataSent, _earlyDone) = (false, false);
    }

    // A keyword that is known, and of its parameters those that are.
    private string Keyword(string text)
    {
        int end = text.AsSpan().IndexOfAny(' ', '=');
        var keyword = end < 0 ? text : text[..end];
        if (!Vocabulary.Keywords.Contains(keyword))
            return words.All(text);

        return keyword.Equals("XBLACKPONY", StringComparison.OrdinalIgnoreCase) ? text
            : keyword + KeywordPart().Replace(
                text[keyword.Length..], m => Vocabulary.Keywords.Contains(m.Value) || Mechanisms.Knows(m.Value)
                || PlainValue().IsMatch(m.Value) ? m.Value : words.All(m.Value));
    }

    // Structure stands in these; what is quoted in them is a name or a boundary.
    [GeneratedRegex("^(MIME-Version|Content-Type|Content-Transfer-Encoding|Content-Disposition):", RegexOptions.IgnoreCase)]
    private static partial Regex Structural();

    // Of these fields may stay: the type, parameters' names, values that are a standard's; what else has letters is replaced.
    [GeneratedRegex(
        """(?<keep>(?<=^:\s*)[\w.+-]+/[\w.+-]+(?=\s*($|[;(]))|[\w*-]+="""
            + """|(?<=(charset|format|delsp|report-type|micalg|protocol)=)("[^"]*"|[^\s;"]+)"""
            + """|(?<==\s*|^:\s*)?\b(7bit|8bit|binary|base64|quoted-printable|inline|attachment|1\.0)\b)"""
            + """|"[^"]*"|[\w\u0080-\u00ff]+""",
        RegexOptions.IgnoreCase)]
    private static partial Regex Part();

    [GeneratedRegex("^[!-9;-~]+$")]
    private static partial Regex FieldName();

    [GeneratedRegex(@"(?<key>[^ =]+)=(?<value>[^ ]+)|[^ ]+")]
    private static partial Regex Attribute();

    [GeneratedRegex("(?<key>[A-Za-z0-9-]+)=(?<value>[^ ]*)|(?<key>[^ ]+)")]
    private static partial Regex Parameter();

    [GeneratedRegex("[^ =,]+")]
    private static partial Regex KeywordPart();

    // A number, or a few of them.
    [GeneratedRegex("^[0-9][0-9;,.:+-]*[RNT]*$")]
    private static partial Regex PlainValue();

    [GeneratedRegex("(?<number>(?<= )[0-9]+(?= |$))|[^ ]+")]
    private static partial Regex Numbers();

    [GeneratedRegex("^[2-5][0-9]{2}([ -]|$)")]
    private static partial Regex ReplyCode();

    [GeneratedRegex(@"^HTTP/[0-9.]+$")]
    private static partial Regex Version();
}
