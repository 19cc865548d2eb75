namespace BlackPony.Traces.Sessions;

/// <summary>Something found in a capture.</summary>
/// <param name="Level">How much it matters.</param>
/// <param name="Id">A stable id, <c>T-…</c>; a deviation from the specification has its requirement's number in it.</param>
/// <param name="Requirement">The requirement (<c>BP-4.2-9</c>) or the RFC's section; null if none speaks of it.</param>
/// <param name="Text">What was found, for people.</param>
/// <param name="Offset">Where: octets into the sender's stream or, for a file's finding, into the unpacked file.</param>
public sealed record Finding(FindingLevel Level, string Id, string? Requirement, string Text, long Offset);
