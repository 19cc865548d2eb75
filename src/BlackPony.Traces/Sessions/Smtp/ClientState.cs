namespace BlackPony.Traces.Sessions;

/// <summary>What a client's next octets are.</summary>
internal enum ClientState
{
    /// <summary>A command.</summary>
    Command,

    /// <summary>A reply decides that, which is not known yet.</summary>
    Held,

    /// <summary>A line that a 334 asked for.</summary>
    AuthLine,

    /// <summary>A message, up to its dot.</summary>
    Content,

    /// <summary>A chunk of a message.</summary>
    Chunk,

    /// <summary>So many octets that are no message.</summary>
    Binary,

    /// <summary>Nobody knows, after a gap: what can only be a command is waited for.</summary>
    Lost,
}
