using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Conformance.Runner;

/// <summary>
/// Mistakes with ML-KEM and AES, which the Python implementation does not have; the others are in
/// <c>tests/Interop/Python/MistakeTests.cs</c>.
/// </summary>
public class KeyMistakeTests
{
    private static readonly IReadOnlyList<CaseInfo> Cases = [.. ServerCases.All.Select(c => c.Info)];

    [Theory]
    [InlineData("secret", "verify with the X25519 result before ML-KEM's in the shared secret (Section 5.3)")]
    [InlineData("share", "verify with the X25519 key before ML-KEM's ciphertext in the server's share (Section 5.3)")]
    [InlineData("first half", "verify with the first half of the shared secret alone (Section 5.3)")]
    [InlineData("client's share", "With the X25519 key before ML-KEM's in the share it is 220 (Section 5.3).")]
    public async Task A_mistake_with_the_halves_of_ML_KEM_and_X25519_is_named(string mistake, string expected) =>
        Assert.Contains(expected, await LookAsync(Names.Hybrid, mistake), StringComparison.Ordinal);

    [Fact]
    public async Task The_other_AEAD_is_named() =>
        Assert.Contains("verify with ChaCha20-Poly1305 instead of AES-256-GCM (Section 5)", await LookAsync(Names.HybridAes, "cipher"),
            StringComparison.Ordinal);

    [Fact]
    public async Task Octets_that_no_known_mistake_makes_are_not_explained() =>
        Assert.Contains("No mistake that is known here fits.", await LookAsync(Names.Hybrid, "random"), StringComparison.Ordinal);

    private static async Task<string> LookAsync(string suite, string mistake)
    {
        await using var server = new LoopbackServer((stream, cancel) => ServeAsync(stream, SuiteRegistry.Find(suite)!, mistake, cancel));
        await using var target = new RemoteServer("127.0.0.1", server.Port, 0, new Dictionary<string, TimeSpan>());
        return Assert.Single((await new Preflight(new RunOptions(TimeSpan.FromSeconds(30), 1), Cases).RunAsync(target)).Failures).Detail;
    }

    // One upgrade, to the server's Finished.
    private static async Task ServeAsync(NetworkStream stream, Suite suite, string mistake, CancellationToken cancel)
    {
        using var reader = new StreamReader(stream, Encoding.Latin1);
        var offer = $"XBLACKPONY V1 {suite.Name}";
        await SayAsync("220 port.test\r\n");
        while (await reader.ReadLineAsync(cancel) is { } line)
        {
            if (!line.StartsWith("XBLACKPONY ", StringComparison.Ordinal))
            {
                await SayAsync(line.StartsWith("EHLO", StringComparison.Ordinal) ? $"250-port.test\r\n250 {offer}\r\n" : "250 Ok\r\n");
                continue;
            }

            using var exchange = suite.StartServer(new SystemRandom(), TestRsaKeys.Server);
            var theirs = Convert.FromBase64String(line.Split(' ')[3]);
            if (exchange.Begin(mistake == "client's share" ? Swap(theirs, 32) : theirs) is not { } share)
            {
                await SayAsync("501 Invalid share\r\n");
                continue;
            }

            share = mistake == "share" ? Swap(share, 1088) : share;
            var text = Convert.ToBase64String(share).Chunk(Limits.ShareFragment).Select(c => new string(c)).ToList();
            var lines = text.Select((t, i) => $"220{(i < text.Count - 1 ? '-' : ' ')}K={t}").ToList();
            var hash = new TranscriptHash();
            foreach (var hashed in (string[])[offer, line, .. lines])
                hash.Add(Encoding.Latin1.GetBytes(hashed));

            var secret = exchange.TakeSharedSecret();
            secret = mistake switch { "secret" => Swap(secret, 32), "first half" => secret[..32], "random" => [.. secret, 1], _ => secret };
            using var keys = new KeySchedule(suite.Name, secret, hash.Finish());
            using var direction = new Direction(mistake == "cipher" ? SuiteRegistry.Find(Names.Hybrid)! : suite, keys.ServerTraffic);
            await SayAsync(string.Join("\r\n", lines) + "\r\n");
            await stream.WriteAsync(direction.Seal([.. keys.Finished(Role.Server), (byte)RecordType.Finished, .. new byte[200]]), cancel);
            return;
        }

        async Task SayAsync(string text) => await stream.WriteAsync(Encoding.Latin1.GetBytes(text), cancel);
    }

    private static byte[] Swap(byte[] octets, int first) => [.. octets[first..], .. octets[..first]];
}
