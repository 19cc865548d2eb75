using System.Reflection;
using System.Security.Cryptography;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Suites;

/// <summary>What a session held of secrets is erased when it is disposed of ([BP-6.2-3]).</summary>
public class HeldSecretTests
{
    // Public values may stay.
    private static readonly string[] Public = ["TranscriptHash", "Share", "_clientModulus"];

    public static TheoryData<string> Names => [.. SuiteRegistry.All.Where(s => s.Name != "ROT").Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Both_sides_of_an_exchange_erase_their_keys_and_secrets(string name)
    {
        var suite = SuiteRegistry.Find(name)!;
        var client = suite.StartClient(new SystemRandom(), TestRsaKeys.Client);
        var server = suite.StartServer(new SystemRandom(), TestRsaKeys.Server);
        var share = server.Begin(client.Share)!;
        if (client.Continue(share) is { } continuation)
        {
            share = server.Continue(continuation)!;
        }

        Assert.Equal(server.TakeSharedSecret(), client.Finish(share));
        AllErased(client, client.Dispose);
        AllErased(server, server.Dispose);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Records_erase_their_keys(string name)
    {
        var keys = new TrafficKeys(SuiteRegistry.Find(name)!, RandomNumberGenerator.GetBytes(KeySchedule.SecretLength));
        AllErased(keys, keys.Dispose);
    }

    [Fact]
    public void A_key_schedule_erases_the_traffic_secrets_alone_or_all()
    {
        var schedule = new KeySchedule("X25519-CHACHA20POLY1305", RandomNumberGenerator.GetBytes(32), new byte[32]);
        schedule.EraseTraffic();
        Assert.Equal([0], schedule.ClientTraffic.Concat(schedule.ServerTraffic).Distinct());
        Assert.Equal(3, Secrets(schedule).Count(s => s.Any(o => o != 0)));
        schedule = new KeySchedule("X25519-CHACHA20POLY1305", RandomNumberGenerator.GetBytes(32), new byte[32]);
        Assert.Equal(5, Secrets(schedule).Count);
        AllErased(schedule, schedule.Dispose);
    }

    private static void AllErased(object holder, Action dispose)
    {
        var secrets = Secrets(holder);
        Assert.NotEmpty(secrets);
        Assert.All(secrets, s => Assert.Contains(s, o => o != 0));
        dispose();
        Assert.All(secrets, s => Assert.All(s, o => Assert.Equal(0, o)));
    }

    // Every array of octets that it holds, and what of ours it holds.
    private static List<byte[]> Secrets(object holder) =>
    [
        .. holder.GetType().GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public)
            .Where(f => !Public.Any(p => f.Name == p || f.Name == $"<{p}>k__BackingField"))
            .SelectMany(f => f.GetValue(holder) switch
            {
                byte[] octets => [octets],
                RecordProtection protection => Secrets(protection),
                _ => (List<byte[]>)[],
            }),
    ];
}
