using System.Diagnostics;
using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>How long an exchange takes beside other mail, at half of what the slower relay can do.</summary>
internal sealed class LatencyRow : IRow
{
    private const int Clients = 16;

    public string Name => "latency";

    public string What => "p99 of an exchange of EHLO and its reply, encrypted, at half load";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var message = Mail.Message(10_000);
        using var sink = new Sink();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var stunnel = await Servers.StunnelAsync(sink.Port);
        using var ours = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, Clients);
        using var theirs = await KeptSessions.OpenAsync(stunnel.Port, Protection.StartTls, Clients);
        using var ourProbe = await Mail.ConnectAsync(listen.Port, Protection.BlackPony);
        using var theirProbe = await Mail.ConnectAsync(stunnel.Port, Protection.StartTls);
        var most = await Rounds.CompareAsync(
            3, () => ours.RateAsync(effort.Window, message), () => theirs.RateAsync(effort.Window, message));
        double half = Math.Min(most.Ours, most.Theirs) / 2;
        var (our, their) = (new Times(), new Times());
        var r = await Rounds.CompareAsync(effort.Rounds, () => P99Async(ours, ourProbe, our), () => P99Async(theirs, theirProbe, their));
        return
        [
            new Figure(What, Show(r.Ours), "stunnel's STARTTLS", Show(r.Theirs), 1 / r.Ratio, 1)
            {
                Note = $"{half:0} messages of 10 kB a second on {Clients} sessions; the median of an exchange: "
                    + $"{Show(Rounds.Median(our.All))} (listen), {Show(Rounds.Median(their.All))} (stunnel). "
                    + $"Messages left out, because all sessions were busy: {our.LeftOut} (listen), {their.LeftOut} (stunnel).",
            },
        ];

        async Task<double> P99Async(KeptSessions load, Mail probe, Times all)
        {
            var sending = load.SendAsync(effort.Window, half, message);
            var times = new List<double>();
            while (!sending.IsCompleted)
            {
                long start = Stopwatch.GetTimestamp();
                await probe.EhloAsync();
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                await Task.Delay(1);
            }

            all.LeftOut += await sending;
            all.All.AddRange(times);
            times.Sort();
            return times[times.Count * 99 / 100];
        }
    }

    private sealed class Times
    {
        public List<double> All { get; } = [];

        public int LeftOut { get; set; }
    }

    private static string Show(double ms) => ms.ToString("0.00 'ms'", CultureInfo.InvariantCulture);
}
