namespace BlackPony.Reference.Keys;

/// <summary>An IDENT key that a server proved to hold (spec 6.5).</summary>
public sealed class PeerIdent
{
    internal PeerIdent(string key, bool isWithdrawn) => (Key, IsWithdrawn) = (key, isWithdrawn);

    /// <summary>The public key, 64 hexadecimal digits in lower case.</summary>
    public string Key { get; }

    /// <summary>Whether the server withdraws it ([BP-6.5-8]).</summary>
    public bool IsWithdrawn { get; }
}
