using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Upgrades per second, both sides in this process, against TLS 1.3's handshakes over the same streams.</summary>
internal sealed class UpgradesRow(string suite, double wanted) : IRow
{
    private static readonly ServerOptions Options = new(new RsaKeys(TimeProvider.System));
    private static readonly SystemRandom Random = new();

    public string Name => "upgrades-" + suite.Split('-')[0].ToLowerInvariant();

    public string What => $"upgrades per second, {suite}, both sides";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        int workers = Environment.ProcessorCount;
        var chosen = SuiteRegistry.Find(suite)!;
        var r = await Rounds.CompareAsync(
            effort.Rounds,
            () => Rounds.RateAsync(effort.Window, workers, () => UpgradeAsync(chosen)),
            () => Rounds.RateAsync(effort.Window, workers, HandshakeAsync));
        return [new Figure(What, Show(r.Ours), "SslStream, TLS 1.3, ECDSA P-256, full handshakes", Show(r.Theirs), r.Ratio, wanted)];
    }

    // The offer belongs to the upgrade, EHLO and STARTTLS to neither.
    internal static async Task UpgradeAsync(Suite suite)
    {
        var (client, server) = DuplexStream.Create();
        using var upgrade = new ServerUpgrade(Options, Random);
        var offer = Offer.Parse(upgrade.NewOffer().Span)!;
        await using var clientSide = new PonyStream(client);
        await using var serverSide = new PonyStream(server);
        var serving = serverSide.AuthenticateAsServerAsync(upgrade);
        await clientSide.AuthenticateAsClientAsync(offer, suite);
        await clientSide.FlushAsync();
        await serving;
    }

    internal static async Task HandshakeAsync()
    {
        var (client, server) = DuplexStream.Create();
        var serving = Tls.ServerAsync(server);
        await using var clientSide = await Tls.ClientAsync(client);
        await using var serverSide = await serving;
    }

    private static string Show(double rate) => rate.ToString("0 '/s'", CultureInfo.InvariantCulture);
}
