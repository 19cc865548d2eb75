namespace BlackPony.Traces.Sessions;

/// <summary>What a reply answers.</summary>
internal enum Verb : byte
{
    Other,
    Greeting,
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    Rcpt,
    Data,
    DataEnd,
    Bdat,
    BdatLast,
    StartTls,
    Auth,
    AuthLine,
    XBlackPony,
    Continuation,
    Xexch50,
    Rset,
    Noop,
    Quit,
}

/// <summary>Verbs on the wire.</summary>
internal static class Verbs
{
    private static readonly (byte[] Octets, string Name, Verb Verb)[] Known =
    [
        .. new (string Name, Verb Verb)[]
        {
            ("MAIL", Verb.Mail), ("RCPT", Verb.Rcpt), ("DATA", Verb.Data), ("BDAT", Verb.Bdat), ("EHLO", Verb.Ehlo), ("HELO", Verb.Helo), ("QUIT", Verb.Quit),
            ("RSET", Verb.Rset), ("NOOP", Verb.Noop), ("STARTTLS", Verb.StartTls), ("AUTH", Verb.Auth), ("XBLACKPONY", Verb.XBlackPony), ("LHLO", Verb.Lhlo),
            ("VRFY", Verb.Other), ("EXPN", Verb.Other), ("HELP", Verb.Other), ("ETRN", Verb.Other), ("TURN", Verb.Other), ("ATRN", Verb.Other), ("SEND", Verb.Other),
            ("SOML", Verb.Other), ("SAML", Verb.Other), ("BURL", Verb.Other), ("XCLIENT", Verb.Other), ("XFORWARD", Verb.Other), ("XEXCH50", Verb.Xexch50),
        }.Select(v => (System.Text.Encoding.ASCII.GetBytes(v.Name), v.Name, v.Verb)),
    ];

    /// <summary>The verb of a command line: what stands before its first space, or the whole line.</summary>
    public static Verb Find(ReadOnlySpan<byte> line, out string? name)
    {
        int end = line.IndexOf((byte)' ');
        var verb = end < 0 ? line.TrimEnd((byte)'\t') : line[..end];
        foreach (var known in Known)
        {
            if (known.Octets.Length == verb.Length && System.Text.Ascii.EqualsIgnoreCase(known.Octets, verb))
            {
                name = known.Name;
                return known.Verb;
            }
        }

        name = null;
        return Verb.Other;
    }

    /// <summary>Whether a line can be taken for a command in a place where anything may stand.</summary>
    public static bool LooksLikeCommand(ReadOnlySpan<byte> line)
    {
        var verb = Find(line, out var name);
        return name is not null && verb switch
        {
            Verb.Mail => Contains(line, "FROM:"u8),
            Verb.Rcpt => Contains(line, "TO:"u8),
            Verb.Data or Verb.Quit or Verb.Rset or Verb.StartTls => line.Length == name.Length,
            Verb.Bdat => line.Length > 5 && char.IsAsciiDigit((char)line[5]),
            Verb.Noop => true,
            Verb.Other or Verb.Xexch50 => false,
            _ => line.Length > name.Length,
        };
    }

    /// <summary>Whether a line can only be SMTP's.</summary>
    public static bool IsUnmistakable(ReadOnlySpan<byte> line) =>
        LooksLikeCommand(line) && Find(line, out _) is Verb.Ehlo or Verb.Helo or Verb.Lhlo or Verb.Mail or Verb.Rcpt or Verb.XBlackPony or Verb.Bdat && LooksLikeCommand(line);

    /// <summary>Where the path in MAIL or RCPT ends: the first &gt; that is not quoted; -1 if it has none.</summary>
    public static int PathEnd(ReadOnlySpan<byte> path)
    {
        bool quoted = false;
        for (int i = 0; i < path.Length; i++)
        {
            switch (path[i])
            {
                case (byte)'\\' when quoted:
                    i++;
                    break;
                case (byte)'"':
                    quoted = !quoted;
                    break;
                case (byte)'>' when !quoted:
                    return i;
                default:
                    break;
            }
        }

        return -1;
    }

    public static bool Contains(ReadOnlySpan<byte> line, ReadOnlySpan<byte> word)
    {
        for (int i = 0; i + word.Length <= line.Length; i++)
        {
            if (System.Text.Ascii.EqualsIgnoreCase(line.Slice(i, word.Length), word))
            {
                return true;
            }
        }

        return false;
    }
}
