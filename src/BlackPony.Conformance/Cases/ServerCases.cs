using BlackPony.Conformance.Peers;

namespace BlackPony.Conformance.Cases;

/// <summary>All cases for servers, in the order of the specification.</summary>
public static class ServerCases
{
    /// <summary>The cases.</summary>
    public static IReadOnlyList<Case<ServerProbe>> All { get; } =
        [.. Server4Negotiation.Cases, .. Server5Suites.Cases, .. Server6Keys.Cases, .. Server7Records.Cases, .. Server8Closing.Cases,
            .. Server10Relay.Cases, .. Server11Received.Cases];
}
