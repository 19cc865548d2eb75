using System.Globalization;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>
/// Whatever happens on the way, a message that was acknowledged has arrived as it was sent, and none crosses the wire against the policy
/// ([BP-10.3-8], [BP-8.2-2], [BP-9.2-7]).
/// BLACKPONY_LONGER=n makes the loads n times as long and BLACKPONY_SEED another one of them.
/// </summary>
public sealed class NothingLostTests(ITestOutputHelper output)
{
    private static readonly int Times = Number("BLACKPONY_LONGER", 1);

    [Theory]
    [InlineData(Way.Plain, "opportunistic", 1000)]
    [InlineData(Way.Mailer, "required", 250)]
    [InlineData(Way.Mailer, "remembered", 250)]
    [InlineData(Way.Relay, "required", 600)]
    [InlineData(Way.Relay, "remembered", 600)]
    public async Task Every_message_arrives_as_sent_at_least_once_and_is_doubled_only_behind_a_lost_acknowledgement(Way way,
        string policy, int count)
    {
        var (seed, ledger) = (NewSeed(), new AttemptLog());
        await using var vault = new ReceivedStore(ledger.Keep, seed.Next());
        await using var world = new LossScenario(way, policy, count * Times, seed, ledger, vault);
        output.WriteLine($"{way}, {policy}: {await world.RunAsync()}");
    }

    [Theory]
    [InlineData("Postfix", Way.Plain, "opportunistic", 600)]
    [InlineData("Postfix", Way.Relay, "required", 600)]
    [InlineData("Postfix", Way.Mailer, "remembered", 200)]
    [InlineData("Exim", Way.Plain, "opportunistic", 300)]
    [InlineData("Exim", Way.Relay, "required", 300)]
    [InlineData("sendmail", Way.Plain, "opportunistic", 300)]
    [InlineData("sendmail", Way.Relay, "required", 300)]
    public async Task Nor_is_one_lost_before_a_real_server_that_is_killed_and_started_again(string server, Way way,
        string policy, int count)
    {
        var folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);
        try
        {
            var (seed, ledger) = (NewSeed(), new AttemptLog());
            Func<string, AttemptLog, Random, Task<IBackend>> start = server switch
            {
                "Postfix" => PostfixBackend.StartAsync,
                "Exim" => EximBackend.StartAsync,
                _ => SendmailBackend.StartAsync,
            };
            await using var backend = await start(Path.Combine(folder, "b"), ledger, seed.Next());
            await using var world = new LossScenario(way, policy, count * Times, seed, ledger, backend);
            output.WriteLine($"{server}, {way}, {policy}: {await world.RunAsync()}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Seed NewSeed() => new(Number("BLACKPONY_SEED", 1997));

    private static int Number(string variable, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : otherwise;
}
