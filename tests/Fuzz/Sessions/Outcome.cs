namespace BlackPony.Fuzz.Sessions;

/// <summary>What came of a session.</summary>
/// <param name="Left">What went to the side that is named first: client or server, the octets inside records for the latter.</param>
/// <param name="Right">What went to the backend or the local mail server.</param>
/// <param name="Ended">Whether the machine asked for the end.</param>
internal sealed record Outcome(byte[] Left, byte[] Right, bool Ended);
