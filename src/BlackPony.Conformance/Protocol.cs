using BlackPony.Conformance.Targets;

namespace BlackPony.Conformance;

/// <summary>A protocol that the suite has cases for.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Title">What reports call it.</param>
/// <param name="Specification">What it is checked against.</param>
/// <param name="Profiles">The profiles of its cases.</param>
public sealed record Protocol(string Name, string Title, Specification Specification, IReadOnlyList<Profile> Profiles)
{
    /// <summary>
    /// The time-out of a target for STARTTLS: how long it waits for its peer in the handshake, with 5 minutes by default
    /// (RFC 5321 4.5.3.2.7).
    /// </summary>
    public const string HandshakeTimeout = "HandshakeTimeout";

    /// <summary>BlackPony.</summary>
    public static Protocol BlackPony { get; } = new("blackpony", "BlackPony", Specification.BlackPony,
        [Profile.Core, Profile.Hybrid, Profile.Classic, Profile.Manual, Profile.Timeouts])
    {
        Timeouts = VirtualTime.Limits,
    };

    /// <summary>STARTTLS (RFC 3207).</summary>
    public static Protocol StartTls { get; } = new("starttls", "STARTTLS", Specification.StartTls,
        [Profile.Core, Profile.Injection, Profile.Policy, Profile.Submission, Profile.Truncation, Profile.Tls, Profile.Timeouts])
    {
        Timeouts = new Dictionary<string, TimeSpan> { [HandshakeTimeout] = TimeSpan.FromMinutes(5) },
    };

    /// <summary>The time-outs that a target can declare, by their names, and their usual lengths.</summary>
    public IReadOnlyDictionary<string, TimeSpan> Timeouts { get; private init; } = new Dictionary<string, TimeSpan>();

    /// <summary>All.</summary>
    public static IReadOnlyList<Protocol> All { get; } = [BlackPony, StartTls];

    /// <summary>The profiles that are run unless others are asked for.</summary>
    public IReadOnlyList<Profile> Usual => [.. Profiles.Where(p => p != Profile.Timeouts)];

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>The protocol of a case: ids of STARTTLS begin with T.</summary>
    public static Protocol OfCase(string id) => id.StartsWith('T') ? StartTls : BlackPony;
}
