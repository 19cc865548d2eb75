using System.Net;

namespace BlackPony.Tools.Check;

/// <summary>What an upgrade with one suite came to.</summary>
/// <param name="Suite">The suite.</param>
/// <param name="Failure">Why there was none, one of the reasons of spec 11.1 where it names it; null if there was one.</param>
/// <param name="RoundTrips">Of the upgrade: without EHLO before it and inside.</param>
/// <param name="Time">From the command to the first reply inside.</param>
/// <param name="Reply">The reply that refused it; null if none did.</param>
internal sealed record SuiteReport(string Suite, string? Failure, int RoundTrips, TimeSpan Time, string? Reply = null);

/// <summary>An IDENT key that the server showed or withdrew.</summary>
internal sealed record IdentReport(string Key, bool IsWithdrawn);

/// <summary>What was found at one address of a mail exchanger.</summary>
/// <param name="Name">The exchanger's name.</param>
/// <param name="Address">Its address; null if it has none.</param>
/// <param name="Port">The port.</param>
internal sealed record AddressReport(string Name, IPAddress? Address, int Port)
{
    /// <summary>Why there is no SMTP session; null if there is one.</summary>
    public string? Error { get; init; }

    /// <summary>How long the connection took; null if there was none.</summary>
    public TimeSpan? Connecting { get; init; }

    /// <summary>How long the greeting took after it; null if there was none.</summary>
    public TimeSpan? Greeted { get; init; }

    /// <summary>The greeting, its last line.</summary>
    public string? Greeting { get; init; }

    /// <summary>Whether STARTTLS is offered.</summary>
    public bool StartTls { get; init; }

    /// <summary>The XBLACKPONY line as it came; null if there is none.</summary>
    public string? Offer { get; init; }

    /// <summary>Each suite that both have, in the order of this client.</summary>
    public IReadOnlyList<SuiteReport> Suites { get; init; } = [];

    /// <summary>The IDENT keys.</summary>
    public IReadOnlyList<IdentReport> Idents { get; init; } = [];

    /// <summary>What the memory says of the server: <c>remembered</c> if a key that counts was shown, <c>known</c> if it is remembered
    /// without keys, <c>new</c> if it is not remembered, <c>ident-mismatch</c>, <c>ident-missing</c>; null without a memory.</summary>
    public string? Memory { get; init; }

    /// <summary>What each policy does: <c>encrypted</c>, <c>plaintext</c> or <c>deferred</c>, with the reason.</summary>
    public IReadOnlyDictionary<string, string> Policies { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether mail from this client goes there encrypted, to the server that the memory knows.</summary>
    public bool IsGood => Error is null && Suites.Count > 0 && Suites.All(s => s.Failure is null)
        && Policies.Values.All(p => p == "encrypted") && Memory is not ("ident-mismatch" or "ident-missing");
}
