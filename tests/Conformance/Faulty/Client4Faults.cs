namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>Clients that break a sentence of spec 4.</summary>
internal static class Client4Faults
{
    public static IReadOnlyList<FaultyClient> All { get; } =
    [
        new("BP-4.2-1", "C-4.2-1", "sends two spaces before the share")
        {
            Hooks = _ => new Hooks { PortLine = l => l.StartsWith("XBLACKPONY", StringComparison.Ordinal) ? l.Insert(l.LastIndexOf(' '), " ") : l },
        },
    ];
}
