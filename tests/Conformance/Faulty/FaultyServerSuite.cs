using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>A suite with a step of its own instead of the real one's, and of the same name.</summary>
internal sealed class FaultyServerSuite(Suite real) : Suite
{
    /// <summary>Another name, by which it is offered and salts its keys.</summary>
    public string? Called { get; init; }

    /// <summary>Changes the server's key exchange.</summary>
    public Func<ServerExchange, ServerExchange>? Exchange { get; init; }

    /// <summary>Where the server's key exchange draws from.</summary>
    public IRandomSource? Random { get; init; }

    /// <summary>The server's RSA key pairs.</summary>
    public Func<RsaKeys>? Keys { get; init; }

    /// <summary>Makes the protection of one direction of a traffic secret.</summary>
    public Func<byte[], RecordProtection>? Protects { get; init; }

    public override string Name => Called ?? real.Name;

    public override bool Encrypts => real.Encrypts;

    public override bool NeedsContinuation => real.NeedsContinuation;

    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => real.StartClient(random, rsaKeys);

    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys)
    {
        var exchange = real.StartServer(Random ?? random, Keys?.Invoke() ?? rsaKeys);
        return Exchange?.Invoke(exchange) ?? exchange;
    }

    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) =>
        Protects?.Invoke(trafficSecret.ToArray()) ?? real.Protect(trafficSecret);

    /// <summary>The suite itself; the shared secrets of its sessions are kept for the <see cref="TamperingProxy"/>.</summary>
    public static Suite Keeping(Suite suite, Secrets secrets) => !suite.Encrypts ? suite : new FaultyServerSuite(suite)
    {
        Exchange = x => new FaultyServerExchange(x) { Kept = s => secrets.Shared.Add([.. s]) },
    };

    // ---------------------------------------------------------------- faults for FaultyServer.Options

    /// <summary>The server has not got the suite.</summary>
    public static Func<ServerOptions, ServerOptions> Without(string suite) =>
        o => o with { Suites = [.. o.Suites.Where(s => s.Name != suite)] };

    /// <summary>The server has another suite instead of one.</summary>
    public static Func<ServerOptions, ServerOptions> With(string suite, Func<Suite, Suite> fault) =>
        o => o with { Suites = [.. o.Suites.Select(s => s.Name == suite ? fault(s) : s)] };

    /// <summary>The server takes the client's share otherwise.</summary>
    public static Func<ServerOptions, ServerOptions> Begins(string suite, Func<ServerExchange, byte[], byte[]?> step) =>
        With(suite, s => new FaultyServerSuite(s) { Exchange = x => new FaultyServerExchange(x) { Begins = share => step(x, share) } });

    /// <summary>The server takes the continuation otherwise.</summary>
    public static Func<ServerOptions, ServerOptions> Continues(string suite, Func<ServerExchange, byte[], byte[]?> step) =>
        With(suite, s => new FaultyServerSuite(s) { Exchange = x => new FaultyServerExchange(x) { Continues = share => step(x, share) } });

    /// <summary>The server protects and opens records otherwise.</summary>
    public static Func<ServerOptions, ServerOptions> Protection(string suite, Func<RecordProtection, FaultyServerProtection> fault) =>
        With(suite, s => new FaultyServerSuite(s) { Protects = secret => fault(s.Protect(secret)) });
}

/// <summary>A server's key exchange with a step of its own instead of the real one's.</summary>
internal sealed class FaultyServerExchange(ServerExchange real) : ServerExchange
{
    public Func<byte[], byte[]?>? Begins { get; init; }

    public Func<byte[], byte[]?>? Continues { get; init; }

    /// <summary>Changes the shared secret.</summary>
    public Func<byte[], byte[]>? Agrees { get; init; }

    /// <summary>Gets the shared secret.</summary>
    public Action<byte[]>? Kept { get; init; }

    public override byte[]? Begin(ReadOnlySpan<byte> clientShare) =>
        Begins is null ? real.Begin(clientShare) : Begins(clientShare.ToArray());

    public override byte[]? Continue(ReadOnlySpan<byte> continuation) =>
        Continues is null ? real.Continue(continuation) : Continues(continuation.ToArray());

    public override byte[] TakeSharedSecret()
    {
        var secret = real.TakeSharedSecret();
        secret = Agrees?.Invoke(secret) ?? secret;
        Kept?.Invoke(secret);
        return secret;
    }

    public override void Dispose() => real.Dispose();
}

/// <summary>A source that draws the same octets every time.</summary>
internal sealed class RepeatingRandom : IRandomSource
{
    public void Fill(Span<byte> octets)
    {
        for (int i = 0; i < octets.Length; i++)
        {
            octets[i] = (byte)(i + 1);
        }
    }
}
