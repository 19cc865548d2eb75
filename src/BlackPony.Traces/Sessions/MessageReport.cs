namespace BlackPony.Traces.Sessions;

/// <summary>A message whose content came whole.</summary>
public sealed class MessageReport
{
    /// <summary>The sender's address; empty for the null sender, null if its MAIL was not seen.</summary>
    public string? From { get; internal set; }

    /// <summary>The recipients that the server accepted.</summary>
    public IReadOnlyList<string> To { get; internal set; } = [];

    /// <summary>Octets of the content as they were on the wire, without DATA's final dot.</summary>
    public long Octets { get; internal set; }

    /// <summary>Whether it came by BDAT (RFC 3030).</summary>
    public bool InChunks { get; internal init; }

    /// <summary>The reply to its end; null if none was seen.</summary>
    public int? Reply { get; internal set; }
}
