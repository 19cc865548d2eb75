using System.Collections.Concurrent;
using System.Text;

namespace BlackPony.Tests.Interop.NothingLost;

/// <summary>How an attempt to send a message ended for the client.</summary>
internal enum Outcome
{
    /// <summary>The message was acknowledged: a 2yz behind its end.</summary>
    Acknowledged,

    /// <summary>It was refused, or not sent to its end: it must not arrive.</summary>
    NotSent,

    /// <summary>Its end was sent, and no answer of the backend's came: it may have arrived, the acknowledgement lost.</summary>
    Unknown,
}

/// <summary>A message: an id, and octets that are the same in each attempt but for the number of the attempt.</summary>
internal sealed class Message(int id, Random random, string canary)
{
    private readonly byte[] _body = Body(random, canary);
    private int _attempts;

    /// <summary>Begins an attempt.</summary>
    /// <returns>Its name, unique in the load, and its octets, not dot-stuffed.</returns>
    public (string Name, byte[] Octets) Attempt()
    {
        var name = $"{id}.{++_attempts}";
        return (name, [.. Encoding.ASCII.GetBytes($"X-Attempt: {name}\r\n"), .. _body]);
    }

    // 8 bits, dots in bad places, long lines, and from nothing to many records.
    private static byte[] Body(Random random, string canary)
    {
        var body = new List<byte>(Encoding.ASCII.GetBytes($"Subject: {canary}\r\n\r\n"));
        int length = random.Next(10) == 0 ? random.Next(200_000) : random.Next(6_000);
        while (body.Count < length)
        {
            var line = new byte[random.Next(random.Next(20) == 0 ? 990 : 80)];
            random.NextBytes(line);
            for (int i = 0; i < line.Length; i++)
            {
                line[i] = line[i] is (byte)'\r' or (byte)'\n' or 0 ? (byte)'.' : line[i];
            }

            body.AddRange(random.Next(6) switch { 0 => ".\r\n"u8, 1 => "..\r\n"u8, 2 => ".dot"u8, _ => [] });
            body.AddRange(line);
            body.AddRange("\r\n"u8);
        }

        return [.. body];
    }
}

/// <summary>What was sent, what came of it for the client, and what arrived.</summary>
internal sealed class AttemptLog
{
    private readonly ConcurrentDictionary<string, byte[]> _sent = new();
    private readonly ConcurrentDictionary<string, Outcome> _outcomes = new();
    private readonly ConcurrentQueue<(string Name, byte[] Octets)> _arrived = new();

    /// <summary>Attempts so far whose end was sent, and of which the client does not know whether they arrived.</summary>
    public int Unknown => _outcomes.Count(o => o.Value == Outcome.Unknown);

    public void Sent(string name, byte[] octets) => _sent[name] = octets;

    public void Ended(string name, Outcome outcome) => _outcomes[name] = outcome;

    /// <summary>The backend keeps a message, and only then acknowledges it.</summary>
    public void Keep(byte[] octets)
    {
        int end = octets.AsSpan().IndexOf("\r\n"u8);
        var head = Encoding.Latin1.GetString(octets, 0, Math.Max(end, 0));
        _arrived.Enqueue((head.StartsWith("X-Attempt: ", StringComparison.Ordinal) ? head["X-Attempt: ".Length..] : "?", octets));
    }

    /// <summary>Holds what was promised against what is there.</summary>
    /// <returns>The totals, for people.</returns>
    public string Check(int messages)
    {
        var arrived = _arrived.ToList();
        Assert.All(
            arrived, a => Assert.True(_sent.TryGetValue(a.Name, out var sent) && sent.AsSpan().SequenceEqual(a.Octets),
                $"Attempt {a.Name} arrived otherwise than it was sent."));
        var times = arrived.CountBy(a => a.Name).ToDictionary();
        Assert.DoesNotContain(times, t => t.Value > 1);
        Assert.DoesNotContain(times, t => _outcomes[t.Key] == Outcome.NotSent);
        Assert.DoesNotContain(_outcomes, o => o.Value == Outcome.Acknowledged && !times.ContainsKey(o.Key));

        // The client tried each message until it was acknowledged.
        int acknowledged = _outcomes.Where(o => o.Value == Outcome.Acknowledged).Select(o => Id(o.Key)).Distinct().Count();
        Assert.Equal(messages, acknowledged);
        Assert.Equal(messages, times.Keys.Select(Id).Distinct().Count());
        int duplicates = times.Count - messages;
        int lost = times.Keys.Count(k => _outcomes[k] == Outcome.Unknown);
        Assert.Equal(lost, duplicates);
        return $"{messages} messages, {_sent.Count} attempts: {acknowledged} acknowledged and arrived as sent, 0 lost; "
            + $"{duplicates} arrived twice, each behind a lost acknowledgement; {_outcomes.Count(o => o.Value == Outcome.Unknown) - lost} "
            + "ended unknown and had not arrived; "
            + $"{_outcomes.Count(o => o.Value == Outcome.NotSent)} were put off";

        static string Id(string name) => name[..name.IndexOf('.', StringComparison.Ordinal)];
    }
}
