using BlackPony.Reference;
using BlackPony.Reference.Suites;

namespace BlackPony.Fuzz.Sessions;

/// <summary>
/// A suite with its own name and record protection, and a key exchange that costs nothing:
/// both shares are <see cref="Share"/>, the secret is known.
/// </summary>
public sealed class QuickSuite(Suite real) : Suite
{
    /// <summary>Both sides' share in base64.</summary>
    public const string Share = "AAAA";

    private static readonly byte[] ShareOctets = new byte[3];

    /// <summary>One for each record protection.</summary>
    public static IReadOnlyList<QuickSuite> All { get; } =
    [
        new(SuiteRegistry.Find("X25519-CHACHA20POLY1305")!),
        new(SuiteRegistry.Find("X25519MLKEM768-AES256GCM")!),
        new(SuiteRegistry.Find("RSA-BLOWFISH")!),
    ];

    /// <summary>The shared secret of every session.</summary>
    public static byte[] Secret { get; } = new byte[32];

    /// <inheritdoc/>
    public override string Name => real.Name;

    /// <inheritdoc/>
    internal override ClientExchange StartClient(IRandomSource random, RsaKeys rsaKeys) => new Client();

    /// <inheritdoc/>
    internal override ServerExchange StartServer(IRandomSource random, RsaKeys rsaKeys) => new Server();

    /// <inheritdoc/>
    internal override RecordProtection Protect(ReadOnlySpan<byte> trafficSecret) => real.Protect(trafficSecret);

    private sealed class Client : ClientExchange
    {
        public override byte[] Share => ShareOctets;

        public override byte[]? Finish(ReadOnlySpan<byte> serverShare) => [.. Secret];

        public override void Dispose()
        {
        }
    }

    private sealed class Server : ServerExchange
    {
        public override byte[]? Begin(ReadOnlySpan<byte> clientShare) => ShareOctets;

        public override byte[] TakeSharedSecret() => [.. Secret];

        public override void Dispose()
        {
        }
    }
}
