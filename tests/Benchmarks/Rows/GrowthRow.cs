using System.Globalization;
using BlackPony.Benchmarks.Load;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>Many sessions, and large messages: throughput must not fall nor memory grow with the message.</summary>
internal sealed class GrowthRow : IRow
{
    public string Name => "growth";

    public string What => "growth with sessions and with the message's size, encrypted";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        var figures = new List<Figure>();
        using var sink = await Servers.SinkAsync();
        await SessionsAsync();
        await IdleOnesAsync();
        await SizesAsync();
        return figures;

        async Task SessionsAsync()
        {
            using var listen = await Servers.ListenAsync(sink.Port);
            var message = Mail.Message(10_000);
            double first = 0;
            foreach (int count in (int[])[1, 10, 100, 1000])
            {
                using var sessions = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, count);
                await sessions.RateAsync(effort.Window / 2, message);
                double rate = await sessions.RateAsync(effort.Window, message);
                first = first == 0 ? rate : first;
                figures.Add(new Figure($"growth: sessions that stay open, {count} at a time, 10 kB messages",
                    $"{rate:0} messages/s, {listen.Memory / 1e6:0} MB", "1 session", $"{first:0} messages/s", rate / first, 1));
            }
        }

        // Of a session, listen has two descriptors, and this process two.
        async Task IdleOnesAsync()
        {
            using var own = new Sink();
            using var listen = await Servers.ListenAsync(own.Port);
            var message = Mail.Message(10_000);
            using var active = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, 100);
            await active.RateAsync(effort.Window, message);
            double alone = await MedianAsync();
            int open = Math.Min(10_000, (Descriptors() - 500) / 2) - 100;
            using var idle = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, open);
            double among = await MedianAsync();
            var what = string.Create(
                CultureInfo.InvariantCulture, $"growth: {open + 100:N0} sessions open, 100 of them active, 10 kB messages");
            figures.Add(new Figure(what, $"{among:0} messages/s, {listen.Memory / 1e6:0} MB", "100 sessions open",
                $"{alone:0} messages/s", among / alone, 0.9));

            async Task<double> MedianAsync()
            {
                var rates = new List<double>();
                for (int i = 0; i < effort.Rounds; i++)
                {
                    rates.Add(await active.RateAsync(effort.Window, message));
                }

                return Rounds.Median(rates);
            }
        }

        async Task SizesAsync()
        {
            using var listen = await Servers.ListenAsync(sink.Port);
            using var sessions = await KeptSessions.OpenAsync(listen.Port, Protection.BlackPony, 1);
            long first = 0;
            foreach (int size in (int[])[1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000])
            {
                var message = Mail.Message(size);
                await sessions.RateAsync(effort.Window / 4, message);
                listen.ForgetPeak();
                double rate = await sessions.RateAsync(effort.Window / 2, message);
                long peak = listen.PeakMemory;
                first = first == 0 ? peak : first;
                figures.Add(
                    new Figure(string.Create(CultureInfo.InvariantCulture, $"growth: one session, messages of {size:N0} octets"),
                        $"{rate * size / 1e6:0} MB/s, {peak / 1e6:0.0} MB", "memory at 1,000 octets", $"{first / 1e6:0.0} MB",
                        first / (double)peak, 0.9));
            }
        }
    }

    private static int Descriptors() =>
        int.Parse(File.ReadLines("/proc/self/limits").First(l => l.StartsWith("Max open files", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[4], CultureInfo.InvariantCulture);
}
