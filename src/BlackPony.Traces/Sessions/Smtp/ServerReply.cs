using BlackPony.Reference.Negotiation;


namespace BlackPony.Traces.Sessions;

/// <summary>A reply as it was captured.</summary>
/// <param name="Code">Its code; 0 if it was not captured.</param>
/// <param name="Class">The code's first digit; 0 if it was not captured.</param>
/// <param name="Text">Its text, lines joined by CRLF, codes included; cut where it is long.</param>
/// <param name="Lines">How many lines.</param>
/// <param name="Seen">The sequence of the last command that was sent before it.</param>
/// <param name="Time">When it came, nanoseconds since 1970.</param>
internal sealed record ServerReply(int Code, int Class, string Text, int Lines, long Seen, long Time)
{
    /// <summary>Octets that the capture lacks: any replies may stand there.</summary>
    public long GapLength { get; init; }

    /// <summary>The code of the reply of which it may be the rest; 0 if there is none.</summary>
    public int Continues { get; init; }

    /// <summary>Whether only its beginning was captured.</summary>
    public bool IsCut { get; init; }

    /// <summary>The reply as a BlackPony client reads it; null if it is malformed or was not read so.</summary>
    public Reply? Whole { get; init; }

    public bool IsGap => GapLength > 0;

    public bool IsPositive => Class == 2;

    /// <summary>The code, if it was captured.</summary>
    public int? KnownCode => Code == 0 ? null : Code;
}
