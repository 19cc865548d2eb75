using static BlackPony.Tests.Conformance.Faulty.ServerFaults;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Servers that break a requirement of spec 11.</summary>
internal static class Server11Faults
{
    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        new("BP-11.2-2", "S-11.2-1", "says ESMTPS in its Received field")
        {
            Mutations = HearsInside(t => t.EndsWith("\r\n\r\nreceived\r\n.\r\n", StringComparison.Ordinal)
                ? $"Received: from probe.test (probe.test [127.0.0.1])\r\n\tby sink.test with ESMTPS id 1;\r\n{t}"
                : t),
        },
    ];
}
