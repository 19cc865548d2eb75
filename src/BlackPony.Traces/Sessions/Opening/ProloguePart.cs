namespace BlackPony.Traces.Sessions;

/// <summary>What a piece of a prologue is.</summary>
internal enum PartKind
{
    /// <summary>Structure.</summary>
    Form,

    /// <summary>A line of text.</summary>
    Text,

    /// <summary>A name, or a password.</summary>
    Name,

    /// <summary>An IP address in its octets.</summary>
    Address,
}

/// <summary>A piece of what stands before SMTP.</summary>
/// <param name="Side">Who sent it.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Octets">The octets.</param>
internal readonly record struct ProloguePart(int Side, PartKind Kind, byte[] Octets);
