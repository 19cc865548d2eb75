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
    Burl,
    StartTls,
    Auth,
    AuthLine,
    XBlackPony,
    Continuation,
    Xexch50,
    Xclient,
    Vrfy,
    Help,
    Etrn,
    Turn,
    Rset,
    Noop,
    Quit,

    /// <summary>Octets of the client that the capture lacks: any commands may stand there.</summary>
    Unseen,
}

/// <summary>Verbs on the wire.</summary>
internal static class Verbs
{
    /// <summary>Stands for an octet that the capture lacks.</summary>
    public const byte Missing = 0;

    private static readonly (byte[] Octets, string Name, Verb Verb)[] Known =
    [
        .. new (string Name, Verb Verb)[]
        {
            ("MAIL", Verb.Mail), ("RCPT", Verb.Rcpt), ("DATA", Verb.Data), ("BDAT", Verb.Bdat), ("EHLO", Verb.Ehlo), ("HELO", Verb.Helo),
            ("QUIT", Verb.Quit), ("RSET", Verb.Rset), ("NOOP", Verb.Noop), ("STARTTLS", Verb.StartTls), ("AUTH", Verb.Auth),
            ("XBLACKPONY", Verb.XBlackPony), ("LHLO", Verb.Lhlo), ("VRFY", Verb.Vrfy), ("EXPN", Verb.Vrfy), ("HELP", Verb.Help),
            ("ETRN", Verb.Etrn), ("TURN", Verb.Turn), ("ATRN", Verb.Turn), ("SEND", Verb.Mail), ("SOML", Verb.Mail), ("SAML", Verb.Mail),
            ("BURL", Verb.Burl), ("XCLIENT", Verb.Xclient), ("XFORWARD", Verb.Other), ("XEXCH50", Verb.Xexch50), ("X-EXPS", Verb.Auth),
            ("X-ANONYMOUSTLS", Verb.StartTls), ("X-LINK2STATE", Verb.Other), ("XSHADOW", Verb.Other), ("XADR", Verb.Other),
            ("XUSR", Verb.Other), ("XQUE", Verb.Other), ("XREMOTEQUEUE", Verb.Other), ("VERB", Verb.Other), ("ONEX", Verb.Other),
        }.Select(v => (System.Text.Encoding.ASCII.GetBytes(v.Name), v.Name, v.Verb)),
    ];

    /// <summary>The verb of a command line: what stands before its first space, or the whole line.</summary>
    public static Verb Find(ReadOnlySpan<byte> line, out string? name)
    {
        int end = line.IndexOf((byte)' ');
        var verb = (end < 0 ? line : line[..end]).TrimEnd((byte)'\t');
        foreach (var known in Known)
        {
            if (known.Octets.Length == verb.Length && System.Text.Ascii.EqualsIgnoreCase(known.Octets, verb))
            {
                name = known.Name;
                return known.Verb;
            }
        }

        if (!line.Contains(Missing))
        {
            name = null;
            return Verb.Other;
        }

        // What is missing may be the blank after it.
        int missing = line.IndexOf(Missing);
        return missing > 0 && missing < verb.Length && FindIncomplete(line[..missing], out name) is var found && name is not null ? found
            : FindIncomplete(verb, out name);
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
            Verb.Other or Verb.Xexch50 or Verb.Help or Verb.Turn or Verb.Vrfy or Verb.Etrn or Verb.Xclient or Verb.Burl => false,
            _ => line.Length > name.Length,
        };
    }

    /// <summary>Whether a line can only be SMTP's.</summary>
    public static bool IsUnmistakable(ReadOnlySpan<byte> line) =>
        LooksLikeCommand(line) && Find(line, out _) is Verb.Ehlo or Verb.Helo or Verb.Lhlo or Verb.Mail or Verb.Rcpt or Verb.XBlackPony
            or Verb.Bdat && LooksLikeCommand(line);

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
                return true;
        }

        return false;
    }

    // A verb with an octet missing is the one that it can be, if there is only one.
    private static Verb FindIncomplete(ReadOnlySpan<byte> verb, out string? name)
    {
        name = null;
        var found = Verb.Other;
        if (verb.IsEmpty || !verb.ContainsAnyExcept(Missing))
            return found;

        foreach (var known in Known)
        {
            if (known.Octets.Length == verb.Length && Fits(known.Octets, verb))
            {
                if (name is not null)
                {
                    name = null;
                    return Verb.Other;
                }

                (name, found) = (known.Name, known.Verb);
            }
        }

        return found;
    }

    private static bool Fits(ReadOnlySpan<byte> known, ReadOnlySpan<byte> verb)
    {
        for (int i = 0; i < known.Length; i++)
        {
            if (verb[i] != Missing && (verb[i] | 0x20) != (known[i] | 0x20))
                return false;
        }

        return true;
    }
}
