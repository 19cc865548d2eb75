namespace BlackPony.Hosting;

/// <summary>What DNS says of a client's name (Postfix's XCLIENT_README).</summary>
/// <param name="Name">The name that the address has and that leads back to the address; null if there is none.</param>
/// <param name="Reverse">The name that the address has, confirmed or not; null if there is none.</param>
/// <param name="IsTemporary">Whether a missing name may only be missing now.</param>
public sealed record ClientName(string? Name, string? Reverse, bool IsTemporary)
{
    /// <summary>No name.</summary>
    public static ClientName None { get; } = new(null, null, false);

    /// <summary>The name of a stranger who asks whether the mail server relays: one with which it refuses nobody for having none.</summary>
    internal static ClientName Stranger { get; } = new("www.example.com", "www.example.com", false);

    /// <summary>What XCLIENT says instead of a name that is missing.</summary>
    internal string Missing => IsTemporary ? "[TEMPUNAVAIL]" : "[UNAVAILABLE]";
}
