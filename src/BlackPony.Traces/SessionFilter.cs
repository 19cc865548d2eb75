using BlackPony.Traces.Sessions;

namespace BlackPony.Traces;

/// <summary>Which sessions are wanted: those of which all that is given is so.</summary>
public sealed record SessionFilter
{
    /// <summary>Numbers; empty for all.</summary>
    public IReadOnlyCollection<int> Numbers { get; init; } = [];

    /// <summary>An address, or a part of one, of a sender or recipient.</summary>
    public string? Address { get; init; }

    /// <summary>An IP address of either side, a name that the client or the server calls itself, or a part of one.</summary>
    public string? Host { get; init; }

    /// <summary>Sessions that ended before are left out; nanoseconds since 1970.</summary>
    public long? After { get; init; }

    /// <summary>Sessions that began after are left out; nanoseconds since 1970.</summary>
    public long? Before { get; init; }

    /// <summary>A reply code, or its first digits, such as <c>5</c> or <c>55</c>.</summary>
    public string? Reply { get; init; }

    /// <summary>Whether a message or a recipient was refused.</summary>
    public bool Refused { get; init; }

    /// <summary>How the session was upgraded.</summary>
    public UpgradeKind? Upgrade { get; init; }

    /// <summary>Whether a session is wanted.</summary>
    public bool Wants(ObservedSession session) =>
        (Numbers.Count == 0 || Numbers.Contains(session.Number))
        && (After is null || session.End >= After) && (Before is null || session.Start <= Before)
        && (Upgrade is null || session.Upgrade == Upgrade)
        && (Host is null || IsHost(session, Host))
        && (Reply is null || session.Replies.Any(
            r => r.ToString(System.Globalization.CultureInfo.InvariantCulture).StartsWith(Reply, StringComparison.Ordinal)))
        && (Address is null || session.Addresses.Any(a => Has(a, Address)))
        && (!Refused || session.HasRefused);

    private static bool IsHost(ObservedSession session, string host) =>
        Has(session.Client, host) || Has(session.Server, host) || Has(session.Helo, host) || Has(session.Greeting, host)
            || Has(session.Via, host) || Has(session.Tls?.ServerName, host);

    private static bool Has(string? text, string part) => text?.Contains(part, StringComparison.OrdinalIgnoreCase) == true;
}
