using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>What an encrypted session costs in memory while nobody speaks.</summary>
internal sealed class IdleMemoryRow : IRow
{
    private const int Budget = 24 * 1024;

    public string Name => "idle-memory";

    public string What => "memory per idle encrypted session in listen";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        int sessions = effort == Effort.Quick ? 200 : 4000;
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var stunnel = await Servers.StunnelAsync(sink.Port);
        double ours = await PerSessionAsync(listen, Protection.BlackPony, sessions);
        double theirs = await PerSessionAsync(stunnel, Protection.StartTls, sessions);
        var what = $"{What}, {sessions} sessions";
        return
        [
            new Figure(what, Show(ours), "stunnel", Show(theirs), theirs / ours, 1) { Short = "memory of an idle encrypted session" },
            new Figure(what, Show(ours), "a budget", Show(Budget), Budget / ours, 1),
        ];
    }

    // What the first sessions cost once is not counted.
    private static async Task<double> PerSessionAsync(Child server, Protection protection, int sessions)
    {
        using var warm = await KeptSessions.OpenAsync(server.Port, protection, 50);
        await Task.Delay(500);
        long before = server.Memory;
        using var idle = await KeptSessions.OpenAsync(server.Port, protection, sessions);
        await Task.Delay(2000);
        return (server.Memory - before) / (double)sessions;
    }

    private static string Show(double octets) => (octets / 1024).ToString("0.0 'KiB'", CultureInfo.InvariantCulture);
}
