namespace BlackPony.Traces.Sessions;

/// <summary>How well a reply fits a command, where it is not known which it answers: what the code, its enhanced code and the text
/// say.</summary>
internal static class ReplyFit
{
    /// <summary>A reply that no server gives to that command.</summary>
    public const double Absurd = -20;

    /// <summary>What decides.</summary>
    public const double Strong = 10;

    private const double Clear = 4;
    private const double Slight = 1;

    /// <summary>The greater, the likelier.</summary>
    public static double Of(Command command, ServerReply reply)
    {
        // A server that goes away says so to any command.
        if (reply.Code is 421 or 0)
            return reply.Class is 3 && command.Verb is not (Verb.Data or Verb.Auth or Verb.AuthLine) ? Absurd : 0;

        double own = reply.Code switch
        {
            354 => command.Verb is Verb.Data or Verb.Xexch50 ? Strong : Absurd,
            334 => command.Verb is Verb.Auth or Verb.AuthLine or Verb.XBlackPony ? Strong : Absurd,
            235 => command.Verb is Verb.Auth or Verb.AuthLine ? Strong : Absurd,
            535 => command.Verb is Verb.Auth or Verb.AuthLine ? Clear : -Clear,
            221 => command.Verb is Verb.Quit ? Strong : -2 * Clear,
            220 => command.Verb is Verb.StartTls or Verb.XBlackPony or Verb.Greeting or Verb.Xclient ? Strong : -2 * Clear,
            252 => command.Verb is Verb.Vrfy ? Strong : command.Verb is Verb.Rcpt ? 0 : -2 * Clear,
            214 or 211 => command.Verb is Verb.Help ? Strong : -2 * Clear,
            454 => command.Verb is Verb.StartTls or Verb.Auth or Verb.AuthLine ? Clear : 0,
            >= 200 and <= 299 => Positive(command),
            _ => Negative(command, reply.Code),
        };
        return own + Text(command, reply);
    }

    private static double Positive(Command command) => command.Verb switch
    {
        Verb.Quit or Verb.StartTls or Verb.Auth or Verb.AuthLine or Verb.XBlackPony or Verb.Greeting => -2 * Clear,
        Verb.Data => -2 * Clear,
        Verb.Other => -Slight,
        _ => Slight,
    };

    private static double Negative(Command command, int code) => (command.Verb, code) switch
    {
        (Verb.Quit or Verb.Rset or Verb.Noop, _) => -Clear,
        (Verb.Rcpt, 550 or 551 or 553 or 450) => Slight,
        (Verb.Data, 503 or 554) => Slight,
        (Verb.Other, 500 or 502) => Slight,
        _ => 0,
    };

    private static double Text(Command command, ServerReply reply)
    {
        double fit = 0;
        if (reply.Lines > 1 && reply.Class == 2)
        {
            fit += command.Verb is Verb.Ehlo or Verb.Lhlo or Verb.Help or Verb.Vrfy ? Clear + Slight : command.Verb is Verb.Greeting ? 0
                : -Clear;
        }

        if (reply.Text.Length >= 9 && reply.Text[5] == '.' && reply.Text[7] == '.')
        {
            fit += (reply.Text[4..9], command.Verb) switch
            {
                ("2.1.0", Verb.Mail) => Clear,
                ("2.1.0", Verb.Rcpt or Verb.DataEnd or Verb.BdatLast) => -Clear,
                ("2.1.5" or "5.1.1", Verb.Rcpt) => Clear,
                ("2.1.5", Verb.Mail or Verb.DataEnd or Verb.BdatLast) => -Clear,
                ("2.6.0", Verb.DataEnd or Verb.BdatLast or Verb.Bdat) => Clear,
                _ => 0,
            };
        }

        if (command.Address is { Length: > 3 } address && reply.Text.Contains(address, StringComparison.OrdinalIgnoreCase))
            fit += Clear + Slight;

        if (Says(reply, "queued") || Says(reply, "accepted for delivery"))
            fit += command.Verb is Verb.DataEnd or Verb.BdatLast ? Clear : -Clear;

        if (Says(reply, "sender"))
            fit += command.Verb is Verb.Mail ? Slight : 0;

        if (Says(reply, "recipient"))
            fit += command.Verb is Verb.Rcpt ? Slight : 0;

        return fit;
    }

    private static bool Says(ServerReply reply, string word) => reply.Text.Contains(word, StringComparison.OrdinalIgnoreCase);
}
