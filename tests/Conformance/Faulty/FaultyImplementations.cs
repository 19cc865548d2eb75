namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>All faulty ports, in the order of the specification.</summary>
internal static class FaultyImplementations
{
    public static IReadOnlyList<FaultyServer> Servers { get; } =
    [
        .. Server4Faults.All,
        .. Server5Faults.All,
        .. Server6Faults.All,
        .. Server7Faults.All,
        .. Server8Faults.All,
        .. Server10Faults.All,
        .. Server11Faults.All,
    ];

    public static IReadOnlyList<FaultyClient> Clients { get; } =
    [
        .. Client4Faults.All,
        .. Client5Faults.All,
        .. Client6Faults.All,
        .. Client7Faults.All,
        .. Client8Faults.All,
        .. Client9Faults.All,
        .. Client10Faults.All,
    ];

    public static IEnumerable<IFaultyImplementation> All => [.. Servers, .. Clients];
}
