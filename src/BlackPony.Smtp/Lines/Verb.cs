namespace BlackPony.Smtp.Lines;

/// <summary>The commands that matter to a session, and what else a server replies to.</summary>
internal enum Verb
{
    /// <summary>Any other command, or the answer to a 3yz reply.</summary>
    Other,
    Ehlo,
    Helo,
    Mail,
    Rcpt,
    Data,
    Bdat,
    Rset,
    Noop,
    Vrfy,
    Expn,
    Help,
    Quit,
    StartTls,

    /// <summary>The first of those that an inbound session answers itself, up to <see cref="Proxy"/>.</summary>
    XBlackPony,
    XClient,
    XForward,
    Verb,
    Proxy,

    /// <summary>No command: a whole message, by DATA or by the last BDAT.</summary>
    Message,
}
