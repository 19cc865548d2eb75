using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Reference.Policy;

/// <summary>What a client does next.</summary>
internal enum Decision
{
    /// <summary>Goes on in plaintext, in the same connection.</summary>
    Plaintext,

    /// <summary>Connects once more to the same address, and stays in plaintext there.</summary>
    Reconnect,

    /// <summary>Tries the next address or mail exchanger.</summary>
    NextServer,

    /// <summary>Defers the mail.</summary>
    Defer,
}

/// <summary>The decisions of a client, without I/O (spec 9.1, 9.2; "by policy" and "broken" in state table G.6).</summary>
internal static class DeliveryPolicy
{
    /// <summary>There is no upgrade with this server, and its session is usable ([BP-9.1-2], [BP-9.2-1], [BP-4.4-11]).</summary>
    /// <param name="mustEncrypt">Whether plaintext is forbidden with this server.</param>
    /// <param name="hasMore">Whether there are further addresses or mail exchangers.</param>
    public static Decision WithoutUpgrade(bool mustEncrypt, bool hasMore) => mustEncrypt ? Unusable(hasMore) : Decision.Plaintext;

    /// <summary>An upgrade was neither refused nor done ([BP-9.2-2], [BP-9.2-3]).</summary>
    /// <param name="mustEncrypt">Whether plaintext is forbidden with this server.</param>
    /// <param name="hasMore">Whether there are further addresses or mail exchangers.</param>
    public static Decision Broken(bool mustEncrypt, bool hasMore) => mustEncrypt ? Unusable(hasMore) : Decision.Reconnect;

    /// <summary>The server is of no use ([BP-9.1-5], [BP-9.2-4], [BP-9.2-9]).</summary>
    /// <param name="hasMore">Whether there are further addresses or mail exchangers.</param>
    public static Decision Unusable(bool hasMore) => hasMore ? Decision.NextServer : Decision.Defer;

    /// <summary>The suite to try next ([BP-4.2-10], [BP-4.8-5], [BP-9.1-4]).</summary>
    /// <param name="offer">The offer of the last EHLO reply, if it had one.</param>
    /// <param name="options">What the client accepts.</param>
    /// <param name="tried">What was refused with 504.</param>
    /// <param name="mustEncrypt">Whether plaintext is forbidden with this server.</param>
    /// <returns>Null if there is none, or no attempt is left.</returns>
    public static Suite? NextSuite(Offer? offer, MailerOptions options, IReadOnlyCollection<Suite> tried, bool mustEncrypt) =>
        offer is null || tried.Count == Limits.MaxClientAttempts ? null
            : offer.Common(options.Suites).Except(tried).FirstOrDefault(s => s.Encrypts || !mustEncrypt);
}
