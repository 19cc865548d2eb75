using BlackPony.Conformance.Peers;

namespace BlackPony.Conformance.Cases;

/// <summary>All cases for clients, in the order of the specification.</summary>
public static class ClientCases
{
    /// <summary>The cases.</summary>
    public static IReadOnlyList<Case<ClientProbe>> All { get; } =
        [.. Client4Negotiation.Cases, .. Client5Suites.Cases, .. Client6Keys.Cases, .. Client7Records.Cases, .. Client8Closing.Cases,
            .. Client9Policy.Cases, .. Client10Mailer.Cases];
}
