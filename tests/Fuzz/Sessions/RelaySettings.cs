using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Sessions;

/// <summary>What relays offer.</summary>
public static class InboundSettings
{
    /// <summary>Every suite, ROT too, and an ident.</summary>
    public static ServerOptions Real { get; } = new(Given.ServerRsa)
    {
        Suites = SuiteRegistry.All,
        Idents = [new IdentKey(new byte[32])],
    };
}
