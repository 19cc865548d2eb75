using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;
using BlackPony.Reference.Suites;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Messages of 1 MB on sessions that stay.</summary>
internal sealed class LargeRow : IRow
{
    private const int Clients = 4;
    private const int Size = 1_000_000;

    public string Name => "large";

    public string What => "1 MB messages in sessions that stay open, encrypted";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink);
        using var stunnel = await Servers.StunnelAsync(sink);
        using var theirs = await KeptSessions.OpenAsync(stunnel.Port, Protection.StartTls, Clients);
        using var bare = await KeptSessions.OpenAsync(sink.Port, Protection.None, Clients);
        var message = Mail.Message(Size);
        await bare.RateAsync(effort.Window, message);
        double most = await bare.RateAsync(effort.Window, message);
        return
        [
            await CompareAsync("X25519MLKEM768-AES256GCM"),
            await CompareAsync("X25519MLKEM768-CHACHA20POLY1305"),
        ];

        async Task<Figure> CompareAsync(string suite)
        {
            using var ours = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, Clients, SuiteRegistry.Find(suite));
            var (ourCost, theirCost) = (new Cost(listen), new Cost(stunnel));
            var r = await Rounds.CompareAsync(
                effort.Rounds,
                () => ourCost.OfAsync(() => ours.RateAsync(effort.Window, message), effort.Window),
                () => theirCost.OfAsync(() => theirs.RateAsync(effort.Window, message), effort.Window));
            const string Against = "stunnel's STARTTLS in front of the same sink (AES-256-GCM)";
            return new Figure($"{What}, {suite}", Show(r.Ours), Against, Show(r.Theirs), r.Ratio, 1.3)
            {
                Note = $"processor time of a message: {ourCost} (listen), {theirCost} (stunnel). "
                    + $"The same client and sink with nothing between them: {Show(most)}.",
            };
        }
    }

    private static string Show(double messages) => (messages * Size / 1e6).ToString("0 'MB/s'", CultureInfo.InvariantCulture);
}

/// <summary>Sessions that stay open and each send one message after the other.</summary>
internal sealed class KeptSessions : IDisposable
{
    private readonly List<Mail> _mails = [];

    public static async Task<KeptSessions> OpenAsync(int port, Protection protection, int count, Suite? suite = null)
    {
        var sessions = new KeptSessions();
        for (int i = 0; i < count; i++)
        {
            sessions._mails.Add(await Mail.ConnectAsync(port, protection, suite));
        }

        return sessions;
    }

    /// <summary>Messages per second over all sessions.</summary>
    public async Task<double> RateAsync(TimeSpan window, ReadOnlyMemory<byte> message)
    {
        var free = new System.Collections.Concurrent.ConcurrentBag<Mail>(_mails);
        return await Rounds.RateAsync(window, _mails.Count, async () =>
        {
            if (!free.TryTake(out var mail))
            {
                throw new InvalidOperationException("More workers than sessions.");
            }

            await mail.SendAsync(message);
            free.Add(mail);
        });
    }

    public void Dispose() => _mails.ForEach(m => m.Dispose());
}
