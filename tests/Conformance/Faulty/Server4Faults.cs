namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Servers that break a sentence of spec 4.</summary>
internal static class Server4Faults
{
    public static IReadOnlyList<FaultyServer> All { get; } =
    [
        new("BP-4.1-1", "S-4.1-1", "makes no offer")
        {
            Hooks = () => new Hooks { PortLine = l => l.StartsWith("250-XBLACKPONY", StringComparison.Ordinal) || l.StartsWith("250 XBLACKPONY", StringComparison.Ordinal) ? l[..4] + "X-NOTHING" : l },
        },
    ];
}
