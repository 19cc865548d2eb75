using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace BlackPony.Hosting.Resolver;

/// <summary>What became of a question.</summary>
internal enum DnsOutcome
{
    /// <summary>There are such records, or none of this type (RFC 2308's NODATA).</summary>
    Answered,

    /// <summary>The name does not exist.</summary>
    NoSuchName,

    /// <summary>Nobody answered, or only with failures: it may be otherwise later.</summary>
    Failed,
}

/// <summary>The records of a name, at the end of its CNAME chain.</summary>
/// <param name="Outcome">What became of the question.</param>
/// <param name="Records">Records of the type that was asked for.</param>
internal sealed record DnsAnswer(DnsOutcome Outcome, IReadOnlyList<DnsRecord> Records)
{
    public static DnsAnswer Failed { get; } = new(DnsOutcome.Failed, []);
}

/// <summary>
/// Asks name servers as the C library's resolver does: one after the other, over UDP from a socket that hears that server only, over TCP
/// where the answer is
/// truncated. A server that failed is not asked again, one that was silent in the next attempt. Unlike it, names are absolute, and a
/// server that was silent
/// is asked last for a while.
/// </summary>
internal sealed class StubResolver(Func<ResolverSettings> settings, TimeProvider time)
{
    private const int MaxAliases = 8;
    private const int MaxMessage = 65535;
    private static readonly TimeSpan Avoidance = TimeSpan.FromSeconds(60);
    private readonly ConcurrentDictionary<IPEndPoint, DateTimeOffset> _silent = new();
    // Nothing depends on its being hard to guess; and OpenSSL, which takes a while to load, is not needed yet.
    private int _turn = Random.Shared.Next(1 << 16);

    private enum Reaction
    {
        Answered,
        Refused,
        Silent,
    }

    /// <summary>Asks for the records of a name.</summary>
    /// <param name="name">The absolute name, as A-labels, of valid length, without its final dot.</param>
    /// <param name="type">The record type.</param>
    /// <param name="cancel">Ends the question, which has failed then.</param>
    public async Task<DnsAnswer> AskAsync(string name, DnsType type, CancellationToken cancel)
    {
        var now = settings();
        if (type == DnsType.Aaaa && now.SkipsAaaa)
            return new DnsAnswer(DnsOutcome.Answered, []);

        var seen = new HashSet<string>();
        while (seen.Count < MaxAliases && seen.Add(name))
        {
            if (await AskOnceAsync(now, name, type, cancel).ConfigureAwait(false) is not { Code: 0 or 3 } message)
                break;

            if (message.Code == 3)
                return new DnsAnswer(DnsOutcome.NoSuchName, []);

            var end = Follow(message.Records, name);
            var records = message.Records.Where(r => r.Type == type && r.Owner == end).ToList();
            if (end is null)
                break;

            if (end == name || records.Count > 0)
                return new DnsAnswer(DnsOutcome.Answered, records);

            // The server did not follow the alias to its end, or the end has no such records.
            name = end;
        }

        return DnsAnswer.Failed;
    }

    // To the end of the chain; null if it has none.
    private static string? Follow(IReadOnlyList<DnsRecord> records, string name)
    {
        for (int i = 0; i <= MaxAliases; i++)
        {
            if (records.FirstOrDefault(r => r.Type == DnsType.Cname && r.Owner == name) is not { } alias)
                return name;

            name = alias.Name;
        }

        return null;
    }

    private async Task<DnsMessage?> AskOnceAsync(ResolverSettings now, string name, DnsType type, CancellationToken cancel)
    {
        if (name.Length is 0 or > 253 || name.Contains('\\', StringComparison.Ordinal)
            || Array.Exists(name.Split('.'), l => l.Length is 0 or > 63))
        {
            // An alias of a name that cannot be written.
            return null;
        }

        var servers = InOrder(now);
        for (int attempt = 0; attempt < now.Attempts && servers.Count > 0; attempt++)
        {
            foreach (var server in servers.ToArray())
            {
                var patience = attempt == 0 ? now.Timeout : Longer(now.Timeout * (1 << attempt) / servers.Count);
                var (reaction, message) = await AskServerAsync(server, now, name, type, patience, cancel).ConfigureAwait(false);
                if (cancel.IsCancellationRequested)
                    return null;

                if (reaction == Reaction.Silent)
                {
                    _silent[server] = time.GetUtcNow();
                    continue;
                }

                _silent.TryRemove(server, out _);
                if (reaction == Reaction.Answered)
                    return message;

                servers.Remove(server);
            }
        }

        return null;

        static TimeSpan Longer(TimeSpan patience) => patience < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : patience;
    }

    private List<IPEndPoint> InOrder(ResolverSettings now)
    {
        int first = now.Rotates ? (Interlocked.Increment(ref _turn) & int.MaxValue) % now.Servers.Count : 0;
        var limit = time.GetUtcNow() - Avoidance;
        return [.. now.Servers.Skip(first).Concat(now.Servers.Take(first))
            .OrderBy(s => _silent.TryGetValue(s, out var since) && since > limit)];
    }

    private async Task<(Reaction Reaction, DnsMessage? Message)> AskServerAsync(
        IPEndPoint server, ResolverSettings now, string name, DnsType type, TimeSpan limit, CancellationToken cancel)
    {
        var question = DnsMessage.Question((ushort)RandomNumberGenerator.GetInt32(1 << 16), name, type);
        using var patience = new LinkedTimeout(limit, time, cancel);
        try
        {
            var message = now.UsesTcp ? null : await AskUdpAsync(server, question, patience.Token).ConfigureAwait(false);
            if (message is null or { IsTruncated: true })
                message = await AskTcpAsync(server, question, patience.Token).ConfigureAwait(false);

            return message is { Code: 0 or 3, IsReferral: false, IsTruncated: false } ? (Reaction.Answered, message)
                : (Reaction.Refused, null);
        }
        catch (FormatException)
        {
            return (Reaction.Refused, null);
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return (Reaction.Silent, null);
        }
    }

    private static async Task<DnsMessage> AskUdpAsync(IPEndPoint server, byte[] question, CancellationToken cancel)
    {
        // Connected, so that it hears this server only, and at once that nobody listens there.
        using var socket = new Socket(server.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(server, cancel).ConfigureAwait(false);
        await socket.SendAsync(question, cancel).ConfigureAwait(false);
        var octets = new byte[4096];
        while (true)
        {
            int count = await socket.ReceiveAsync(octets.AsMemory(), cancel).ConfigureAwait(false);
            if (DnsMessage.Read(octets.AsSpan(0, count), question) is { } message)
                return message;
        }
    }

    private static async Task<DnsMessage> AskTcpAsync(IPEndPoint server, byte[] question, CancellationToken cancel)
    {
        using var socket = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server, cancel).ConfigureAwait(false);
        using var stream = new NetworkStream(socket);
        await stream.WriteAsync((byte[])[(byte)(question.Length >> 8), (byte)question.Length, .. question], cancel).ConfigureAwait(false);
        var octets = new byte[MaxMessage];
        await stream.ReadExactlyAsync(octets.AsMemory(0, 2), cancel).ConfigureAwait(false);
        int length = (octets[0] << 8) | octets[1];
        await stream.ReadExactlyAsync(octets.AsMemory(0, length), cancel).ConfigureAwait(false);
        return DnsMessage.Read(octets.AsSpan(0, length), question) ?? throw new FormatException("It answers a different question.");
    }
}
