using BlackPony.Reference;
using BlackPony.Reference.Records;
using BlackPony.Traces.Sessions;

namespace BlackPony.Traces.Conversion;

/// <summary>The kinds of items that went over the wire (spec Appendix D).</summary>
internal enum WireKind
{
    Line,
    Record,
    Raw,
    End,
    Reset,
    Gap,
    Cut,
    Comment,
}

/// <summary>An item of a session.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Sender">Who sent it.</param>
/// <param name="Octets">The octets on the wire; a line's without CRLF.</param>
/// <param name="Time">When its last octet was sent, nanoseconds since 1970.</param>
/// <param name="Type">A record's type, if it was opened.</param>
/// <param name="Data">What an opened record holds; a comment's text.</param>
/// <param name="Shift">By how much a line under ROT is shifted.</param>
/// <param name="Before">What it is of what stands before SMTP; null if it does not stand there.</param>
/// <param name="Length">Octets that a gap has.</param>
internal sealed record WireItem(
    WireKind Kind, Role Sender, byte[] Octets, long Time, RecordType? Type = null, byte[]? Data = null, int Shift = 0,
    PartKind? Before = null, long Length = 0);

/// <summary>Takes a session's items as they come.</summary>
internal interface IItemSink
{
    /// <summary>An item.</summary>
    void Take(WireItem item);

    /// <summary>Nothing more comes.</summary>
    void Finish();
}
