using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Ordinary clients through the relay, against relays that know nothing of SMTP.</summary>
internal sealed class PassingRow : IRow
{
    private const int Clients = 16;

    public string Name => "passing";

    public string What => "plaintext clients through listen, 10 kB messages, one per session";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var message = Mail.Message(10_000);
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var haproxy = await Servers.HaproxyAsync(sink.Port);
        using var socat = await Servers.SocatAsync(sink.Port);
        return
        [
            await CompareAsync("haproxy in TCP mode", haproxy, 0.9),
            await CompareAsync("socat", socat, 0.9),
        ];

        async Task<Figure> CompareAsync(string against, Child peer, double wanted)
        {
            var (ours, theirs) = (new Cost(listen), new Cost(peer));
            var r = await Rounds.CompareAsync(
                effort.Rounds,
                () => ours.OfAsync(() => RateAsync(listen), effort.Window),
                () => theirs.OfAsync(() => RateAsync(peer), effort.Window));
            return new Figure(What, SessionsRow.Show(r.Ours), against, SessionsRow.Show(r.Theirs), r.Ratio, wanted)
            {
                Short = peer == haproxy ? "plaintext sessions that pass through, with a message of 10 kB" : null,
                Note = $"processor time of a session: {ours} (listen), {theirs} ({against}).",
            };
        }

        Task<double> RateAsync(Child server) =>
            Rounds.RateAsync(effort.Window, Clients, () => SessionsRow.OneAsync(server.Port, Protection.None, message));
    }
}
