using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>A message of 10 kB in a session of its own, encrypted.</summary>
internal sealed class SessionsRow : IRow
{
    // Enough that nobody waits for stunnel, which lets 200 ms go by in each session to see if the client speaks TLS at once.
    private const int Clients = 100;

    public string Name => "sessions";

    public string What => "mail through listen to smtp-sink, 10 kB messages, one per session, encrypted";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var message = Mail.Message(10_000);
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var stunnel = await Servers.StunnelAsync(sink.Port);
        using var postfix = await Servers.PostfixAsync(sink.Port);
        return
        [
            .. await CompareAsync("stunnel's STARTTLS in front of the same sink", stunnel, 1 / 0.6),
            .. await CompareAsync("Postfix's STARTTLS in front of the same sink", postfix, 2.0),
        ];

        async Task<Figure[]> CompareAsync(string against, Child peer, double wantedCost)
        {
            var (ours, theirs) = (new Cost(listen), new Cost(peer));
            var r = await Rounds.CompareAsync(
                effort.Rounds,
                () => ours.OfAsync(
                    () => Rounds.RateAsync(effort.Window, Clients, () => OneAsync(listen.Port, Protection.BlackPony, message)),
                    effort.Window),
                () => theirs.OfAsync(
                    () => Rounds.RateAsync(effort.Window, Clients, () => OneAsync(peer.Port, Protection.StartTls, message)),
                    effort.Window));
            return
            [
                new Figure(What, Show(r.Ours), against, Show(r.Theirs), r.Ratio, 1.5),
                Cost.Compare("processor time per session, 10 kB, upgrade included", ours, against, theirs, wantedCost) with
                {
                    Short = peer == postfix ? "processor time of an encrypted session with a message of 10 kB" : null,
                },
            ];
        }
    }

    internal static async Task OneAsync(int port, Protection protection, ReadOnlyMemory<byte> message)
    {
        using var mail = await Mail.ConnectAsync(port, protection);
        await mail.SendAsync(message);
        await mail.QuitAsync();
    }

    internal static string Show(double rate) => rate.ToString("0 'sessions/s'", CultureInfo.InvariantCulture);
}
