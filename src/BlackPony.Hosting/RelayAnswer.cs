namespace BlackPony.Hosting;

/// <summary>Whether the mail server relays for strangers.</summary>
internal enum RelayVerdict
{
    /// <summary>It did not say: a temporary refusal, a failed EHLO or MAIL, a lost connection ([BP-10.1-12]).</summary>
    Unknown,

    /// <summary>It refused all that it was asked for.</summary>
    Refuses,

    /// <summary>It would.</summary>
    Relays,
}

/// <summary>What came of asking the mail server once.</summary>
/// <param name="Verdict">Whether it relays.</param>
/// <param name="Reason">One sentence for the log and the administrator.</param>
/// <param name="Reached">Whether it greeted at all.</param>
/// <param name="Dialogue">What was asked and answered.</param>
internal sealed record RelayAnswer(RelayVerdict Verdict, string Reason, bool Reached, string Dialogue);
