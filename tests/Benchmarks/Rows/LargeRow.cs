using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Rows;

/// <summary>
/// Mail in sessions that stay open. The relay is the limit: it has one core; its clients and its mail server, which take less processor
/// time, have another.
/// </summary>
internal sealed class LargeRow : IRow
{
    private const int Clients = 8;

    private static readonly (string Suite, string Cipher)[] Ciphers =
    [
        ("X25519MLKEM768-AES256GCM", "TLS_AES_256_GCM_SHA384"),
        ("X25519MLKEM768-CHACHA20POLY1305", "TLS_CHACHA20_POLY1305_SHA256"),
    ];

    public string Name => "large";

    public string What => "mail in sessions that stay open, encrypted, one core for the relay";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var figures = new List<Figure>();
        using var cores = new Cores();
        foreach (var (suite, cipher) in Ciphers)
        {
            using var sink = new Sink();
            using var listen = await Servers.ListenAsync(sink.Port, Cores.Own);
            using var stunnel = await Servers.StunnelAsync(sink.Port, cipher, Cores.Own);
            using var haproxy = await Servers.HaproxyTlsAsync(sink.Port, cipher, Cores.Own);
            using var ours = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, Clients, SuiteRegistry.Find(suite));
            using var stunnels = await KeptSessions.OpenAsync(stunnel.Port, Protection.StartTls, Clients);
            using var haproxys = await KeptSessions.OpenAsync(haproxy.Port, Protection.ImplicitTls, Clients);
            using var bare = await KeptSessions.OpenAsync(sink.Port, Protection.None, Clients);
            foreach (int size in (int[])[10_000, 1_000_000])
            {
                var message = Mail.Message(size);
                await RateAsync(bare);
                double most = await RateAsync(bare);
                await CompareAsync("stunnel's STARTTLS", stunnel, stunnels, 1.25, size == 10_000 ? null : 1.3);
                await CompareAsync("haproxy, TLS", haproxy, haproxys, null, size == 10_000 ? null : 1.0);

                async Task CompareAsync(string against, Child peer, KeptSessions theirs, double? wantedCost, double? wantedRate)
                {
                    var (ourCost, theirCost) = (new Cost(listen), new Cost(peer));
                    var r = await Rounds.CompareAsync(effort.Rounds, () => ourCost.OfAsync(() => RateAsync(ours), effort.Window),
                        () => theirCost.OfAsync(() => RateAsync(theirs), effort.Window));
                    var what = string.Create(CultureInfo.InvariantCulture, $"{size / 1000:N0} kB messages, {suite}");
                    figures.Add(Cost.Compare($"processor time per MB, {what}", ourCost, against, theirCost, wantedCost) with
                    {
                        Short = peer == stunnel && size > 10_000 && cipher == Ciphers[0].Cipher
                            ? "processor time of 1 MB of encrypted mail, AES-256-GCM" : null,
                    });
                    figures.Add(new Figure($"throughput of one core, {what}", Show(r.Ours), against, Show(r.Theirs), r.Ratio, wantedRate)
                    {
                        Note = peer == stunnel
                            ? $"the same clients and server with nothing between them, in plaintext, on one core: {Show(most)}." : null,
                    });
                }

                // In MB/s.
                async Task<double> RateAsync(KeptSessions sessions) => await sessions.RateAsync(effort.Window, message) * size / 1e6;
            }
        }

        return figures;
    }

    private static string Show(double megabytes) => megabytes.ToString("0 'MB/s'", CultureInfo.InvariantCulture);
}
