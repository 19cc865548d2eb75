using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using BlackPony.Benchmarks.Peers;

namespace BlackPony.Benchmarks.Rows;

/// <summary>How long a mailer takes from its start to the first reply.</summary>
internal sealed class MailerStartRow : IRow
{
    private const string Perl = """
        use IO::Socket::INET; $| = 1;
        my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die; print scalar <$s>;
        while (my $l = <STDIN>) { print $s $l; $s->flush; while (my $r = <$s>) { print $r; last if $r =~ /^\d\d\d / } }
        """;

    public string Name => "mailer-start";

    public string What => "mailer from start to first reply";

    public async Task<IReadOnlyList<Figure>> RunAsync(Effort effort)
    {
        using var sink = await Servers.SinkAsync();
        using var listen = await Servers.ListenAsync(sink.Port);
        using var postfix = await Servers.PostfixAsync(sink.Port);
        string[] mailer = [Where.BlackPony, "mailer", "--port", $"{listen.Port}", "[127.0.0.1]"];
        string[] perl = ["perl", "-e", Perl, $"{listen.Port}"];
        string[] openssl = ["openssl", "s_client", "-quiet", "-starttls", "smtp", "-connect", $"127.0.0.1:{postfix.Port}"];
        return
        [
            await CompareAsync(What + " (the greeting)", mailer, false, "a minimal Perl client", perl, false, 2.5),
            await CompareAsync(What + " (the greeting)", mailer, false,
                "openssl s_client -starttls smtp (its first line comes after the handshake)", openssl, false, 1),
            await CompareAsync("mailer from start to the first encrypted reply (to EHLO)", mailer, true,
                "openssl s_client -starttls smtp", openssl, true, 1),
        ];

        async Task<Figure> CompareAsync(string what, string[] ours, bool ourEhlo, string against, string[] theirs, bool theirEhlo,
            double wanted)
        {
            var r = await Rounds.CompareAsync(effort.Rounds * 3, () => TimeAsync(ours, ourEhlo), () => TimeAsync(theirs, theirEhlo));
            return new Figure(what, Show(r.Ours), against, Show(r.Theirs), 1 / r.Ratio, wanted);
        }
    }

    private static async Task<double> TimeAsync(string[] command, bool ehlo)
    {
        long start = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var lines = Channel.CreateUnbounded<string>();
        process.OutputDataReceived += (_, e) => lines.Writer.TryWrite(e.Data ?? "");
        process.ErrorDataReceived += (_, e) => lines.Writer.TryWrite(e.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await ReplyAsync();
        if (ehlo)
        {
            await process.StandardInput.WriteAsync("EHLO bench.test\r\n");
            await process.StandardInput.FlushAsync();
            await ReplyAsync();
        }

        double elapsed = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        process.StandardInput.Close();
        process.Kill();
        await process.WaitForExitAsync();
        return elapsed;

        // openssl tells the first one on standard error.
        async Task ReplyAsync()
        {
            try
            {
                while (await lines.Reader.ReadAsync(patience.Token) is not ['2', _, _, ' ', ..])
                {
                }
            }
            catch (OperationCanceledException e)
            {
                throw new TimeoutException($"{command[0]} said nothing.", e);
            }
        }
    }

    private static string Show(double ms) => ms.ToString("0.0 'ms'", CultureInfo.InvariantCulture);
}
