using System.Diagnostics;
using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>How long after connecting a client can send the first octet of mail, over a slow link.</summary>
internal sealed class FirstOctetRow : IRow
{
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(50);

    public string Name => "first-octet";

    public string What => "first octet of mail after connect, 50 ms each way";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var postfix = await Servers.PostfixAsync(sink.Port);
        using var slowListen = new DelayedPipe(listen.Port, Delay);
        using var slowPostfix = new DelayedPipe(postfix.Port, Delay);
        var r = await Rounds.CompareAsync(effort.Rounds, () => TimeAsync(slowListen.Port, Protection.BlackPony),
            () => TimeAsync(slowPostfix.Port, Protection.StartTls));
        double saved = (r.Theirs - r.Ours) / (2 * Delay.TotalMilliseconds);
        return [new Figure(What + "; the ratio is in round trips saved", Show(r.Ours), "STARTTLS, TLS 1.3 (Postfix)",
            Show(r.Theirs), saved, 1)];
    }

    // Up to where MAIL can be sent; envelope and DATA are the same for both.
    private static async Task<double> TimeAsync(int port, Protection protection)
    {
        long start = Stopwatch.GetTimestamp();
        using var mail = await Mail.ConnectAsync(port, protection);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static string Show(double ms) => ms.ToString("0 'ms'", CultureInfo.InvariantCulture);
}
