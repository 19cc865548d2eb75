using BlackPony.Reference.Policy;
using BlackPony.Tests.Conformance.Faulty;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>A scenario with one fault in a side, and the invariants that it must violate.</summary>
/// <param name="Does">What the side does.</param>
/// <param name="Scenario">Where.</param>
/// <param name="Violates">What does not hold then; none if a state without an exit is to be found.</param>
internal sealed record Fault(string Does, Scenario Scenario, params Invariant[] Violates)
{
    public static IReadOnlyList<Fault> All { get; } =
    [
        new("The client sends the mail in plaintext when its session in records was lost",
            Opportunistic with { Client = o => new RetryingClient(o) }, Invariant.NoClearAfterUpgrade, Invariant.NeverBothWays),
        new("The client says nothing of a downgrade", Opportunistic with { Client = o => new SilentClient(o) },
            Invariant.DowngradeIsReported),
        new("The client reports its best suite whichever it used",
            Opportunistic with
            {
                Client = o => new BoastingClient(o),
                ServerOptions = o => o with { Suites = [new ToySuite(ToySuite.Weak)] },
            }, Invariant.SameSuiteAndTranscript),
        new("The client hashes the usual offer in the place of the one that came",
            Opportunistic with { Client = o => new ForgivingClient(o) }, Invariant.NeverTheWeaker),
        new("Both take any Finished", Opportunistic with { Client = o => new TrustingClient(o), Server = o => new TrustingServer(o) },
            Invariant.SameSuiteAndTranscript),
        new("The client forgets that encryption is required",
            new Scenario("required", ClientPolicy.Required) { ClientOptions = o => o with { Policy = ClientPolicy.Opportunistic } },
            Invariant.NoClearWhereForbidden),
        new("The client forgets the server that it knows",
            new Scenario("remembered", ClientPolicy.Remembered)
            {
                ClientOptions = o => o with { Memory = new ServerMemory(TimeProvider.System) },
            }, Invariant.NoClearWhereForbidden),
        new("The client forgets the IDENT key of a server that it knows",
            new Scenario("remembered", ClientPolicy.Remembered) { HasIdent = true, ClientOptions = ForgetIdents },
            Invariant.MalloryWhereAdmitted),
        new("Records say nothing of their number", Opportunistic with { Suites = [Numberless(ToySuite.Strong), Numberless(ToySuite.Weak)] },
            Invariant.WholeOrNothing, Invariant.OnlyTheClientSpeaksInside, Invariant.DeliveredIsDelivered),
        new("The server keeps what stands behind the command for the session inside",
            Opportunistic with { Server = o => new KeepingServer(o) }, Invariant.OnlyTheClientSpeaksInside),
        new("The server ends a message where the connection was cut", Opportunistic with { Server = o => new CompletingServer(o) },
            Invariant.WholeOrNothing),
        new("The server speaks plaintext after its 220", Opportunistic with { Server = o => new LoudServer(o) },
            Invariant.ServerIsSilentInClear),
        new("The client waits for ever for the server's Finished", Opportunistic with { Client = o => new PatientClient(o) }),
        new("The server waits for ever for the client's Finished", Opportunistic with { Server = o => new PatientServer(o) }),
    ];

    private static Scenario Opportunistic => new("opportunistic", ClientPolicy.Opportunistic);

    public override string ToString() => Does;

    private static FaultyServerSuite Numberless(string name)
    {
        var toy = new ToySuite(name);
        return new FaultyServerSuite(toy)
        {
            Protects = secret => new FaultyServerProtection(toy.Protect(secret))
            {
                Seals = (real, _, record) => real.Seal(0, record),
                Opens = (real, _, record) => real.Open(0, record),
            },
        };
    }

    private static MailerOptions ForgetIdents(MailerOptions options)
    {
        var memory = new ServerMemory(TimeProvider.System);
        memory.Good("mx.b.test", 25, []);
        return options with { Memory = memory };
    }
}
