using System.Collections.Concurrent;
using System.Net;

namespace BlackPony.Hosting;

/// <summary>Addresses to which no connection could be made a moment ago. Each costs a time-out, and the one who waits has one too (RFC
/// 5321 4.5.3.2.3).</summary>
internal sealed class UnreachableAddresses(TimeProvider time)
{
    private const int MaxEntries = 1000;
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);
    private readonly ConcurrentDictionary<IPEndPoint, DateTimeOffset> _since = new();

    /// <summary>Notes what became of a connection.</summary>
    public void Note(MailTarget target, bool isReached)
    {
        var key = new IPEndPoint(target.Address, target.Port);
        if (isReached)
        {
            _since.TryRemove(key, out _);
            return;
        }

        if (_since.Count >= MaxEntries)
            _since.Clear();

        _since[key] = time.GetUtcNow();
    }

    /// <summary>The targets in their order, but those that were unreachable come after all others: no target is left out.</summary>
    public IReadOnlyList<MailTarget> InOrder(IReadOnlyList<MailTarget> targets)
    {
        var limit = time.GetUtcNow() - Lifetime;
        return _since.IsEmpty ? targets
            : [.. targets.OrderBy(t => _since.TryGetValue(new IPEndPoint(t.Address, t.Port), out var since) && since > limit)];
    }
}
