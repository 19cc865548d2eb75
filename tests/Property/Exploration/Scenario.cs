using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>Who meets whom: what the client and the server have, and what the adversary is allowed.</summary>
/// <param name="Name">Its name in the test's output.</param>
/// <param name="Policy">The client's policy; under remembered the server is in its memory.</param>
internal sealed record Scenario(string Name, ClientPolicy Policy)
{
    private static readonly RsaKeys NoKeys = new(TimeProvider.System, () => throw new NotSupportedException());
    private static readonly IdentKey Ident = new(new byte[32]);
    private static readonly IdentKey MalloryIdent = new([.. Enumerable.Repeat((byte)1, 32)]);

    /// <summary>The suites of both, the best first.</summary>
    public IReadOnlyList<Suite> Suites { get; init; } = [new ToySuite(ToySuite.Strong), new ToySuite(ToySuite.Weak)];

    /// <summary>Whether the server has an IDENT key; under remembered the client knows it.</summary>
    public bool HasIdent { get; init; }

    /// <summary>Whether the man in the middle shows an IDENT key of his own.</summary>
    public bool MalloryHasIdent { get; init; }

    /// <summary>How many hostile moves the adversary has.</summary>
    public int Hostile { get; init; } = 2;

    /// <summary>Changes what the client accepts: a fault.</summary>
    public Func<MailerOptions, MailerOptions> ClientOptions { get; init; } = o => o;

    /// <summary>Changes what the server accepts: a fault.</summary>
    public Func<ServerOptions, ServerOptions> ServerOptions { get; init; } = o => o;

    /// <summary>Makes the client: the reference's, or a faulty one.</summary>
    public Func<MailerOptions, ClientSide> Client { get; init; } = o => new ClientSide(o);

    /// <summary>Makes the server: the reference's, or a faulty one.</summary>
    public Func<ServerOptions, ServerSide> Server { get; init; } = o => new ServerSide(o);

    /// <summary>
    /// Whether the specification lets a man in the middle with own keys have the mail: to whom IDENT is known, it does not (spec 17).
    /// </summary>
    public bool AdmitsMallory => !(Policy == ClientPolicy.Remembered && HasIdent);

    /// <summary>Whether mail must not leave in plaintext.</summary>
    public bool MustEncrypt => Policy != ClientPolicy.Opportunistic;

    public ClientSide NewClient()
    {
        var memory = new ServerMemory(new FakeTimeProvider());
        if (Policy == ClientPolicy.Remembered)
        {
            memory.Good("mx.b.test", 25, HasIdent ? [Ident.PublicKey] : []);
        }

        return Client(ClientOptions(new MailerOptions(NoKeys) { Policy = Policy, Suites = Suites, Memory = memory }));
    }

    public ServerSide NewServer() =>
        Server(ServerOptions(new ServerOptions(NoKeys) { Suites = Suites, Grease = false, Idents = HasIdent ? [Ident] : [] }));

    public Mallory NewMallory() => new(Suites[0], Suites, MalloryHasIdent ? [MalloryIdent] : []);
}
