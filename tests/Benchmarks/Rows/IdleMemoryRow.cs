using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>What an encrypted session costs in memory while nobody speaks.</summary>
internal sealed class IdleMemoryRow : IRow
{
    public string Name => "idle-memory";

    public string What => "memory per idle encrypted session in listen";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        int sessions = effort == Effort.Quick ? 200 : 1000;
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink);
        using var stunnel = await Servers.StunnelAsync(sink);
        double ours = await PerSessionAsync(listen, Protection.BlackPony, sessions);
        double theirs = await PerSessionAsync(stunnel, Protection.StartTls, sessions);
        return [new Figure($"{What}, {sessions} sessions", Show(ours), "stunnel", Show(theirs), theirs / ours, 1)];
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
