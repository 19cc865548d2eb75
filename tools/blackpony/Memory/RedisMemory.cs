using System.Security.Cryptography;
using BlackPony.Hosting;
using BlackPony.Reference.Policy;
using StackExchange.Redis;

namespace BlackPony.Tools;

/// <summary>
/// A memory in a hash of Redis or Valkey, which several programs share (spec 9.4): a field for each server, and one that says what it is.
/// A delivery reads only the entries that it may look up. Before it adds one, it reads the whole hash, to see whether there is room.
/// </summary>
internal sealed class RedisMemory : IStoredMemory
{
    // Each time that a write is refused, another program has written.
    private const int MostTries = 100;

    // Milliseconds: the pause before the next try, by chance up to this.
    private const int MostPause = 64;

    private readonly RedisStore _store;
    private readonly TimeProvider _time;

    /// <summary>Takes the hash, or some of its fields, as they were read.</summary>
    /// <exception cref="FormatException">It is not a memory.</exception>
    public RedisMemory(RedisStore store, HashEntry[] read, TimeProvider time)
    {
        (_store, _time) = (store, time);
        (Memory, Warnings) = Parse(read);
    }

    /// <inheritdoc/>
    public ServerMemory Memory { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Warnings { get; }

    /// <inheritdoc/>
    public async Task SaveAsync(CancellationToken cancel = default)
    {
        using var turn = await _store.WaitForTurnAsync(cancel);
        for (int tries = 0; tries < MostTries; tries++)
        {
            if (tries > 0)
                await Task.Delay(RandomNumberGenerator.GetInt32(Math.Min(1 << Math.Min(tries, 10), MostPause)), cancel);

            var read = await _store.ReadAsync([.. Memory.Changes.Keys], cancel);
            bool isNew = Memory.Changes.Keys.Any(k => Memory.Entries.ContainsKey(k) && !read.Any(e => e.Name == k)
                && _store.MayHaveRoom(k));
            if (isNew)
                read = await _store.ReadAsync(null, cancel);

            var (latest, _) = Parse(read);
            if (isNew)
                _store.Note(new ServerMemory(_time, latest));

            var refused = MemoryText.CopyChanges(Memory, latest, isNew ? latest.HasRoom : _ => false);
            var fields = Fields(MemoryText.OfChanges(latest));
            if (fields.Count == 0 || await _store.TryWriteAsync(read, fields, Stale(read, latest), cancel))
            {
                if (refused.Count > 0)
                    throw new IOException($"no room for {string.Join(", ", refused)}; an entry is removed only when it expires");

                return;
            }
        }

        throw new IOException($"the memory {_store.Name} is changed by others all the time");
    }

    private (ServerMemory Memory, IReadOnlyList<string> Warnings) Parse(HashEntry[] read)
    {
        if (read.Length == 0)
            return (new ServerMemory(_time), []);

        if (!read.Any(e => e.Name == MemoryText.Header))
            throw new FormatException($"The hash at {_store.Name} is not a memory of version 2.");

        var lines = read.Where(e => e.Name != MemoryText.Header).Select(e => $"{e.Name} {e.Value}\n");
        var memory = MemoryText.Parse(string.Concat(lines.Prepend(MemoryText.Header + "\n")), _time, out var warnings);
        return (memory, warnings);
    }

    // A server without times was forgotten.
    private static Dictionary<string, string?> Fields(string changes) => changes.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(l => l.Split(' ', 3)).ToDictionary(p => $"{p[0]} {p[1]}", p => p[2].StartsWith('-') ? null : p[2]);

    // What has expired, and what is no entry, goes when something is written.
    private static IEnumerable<HashEntry> Stale(HashEntry[] read, ServerMemory latest) =>
        read.Where(e => e.Name != MemoryText.Header && !latest.Entries.ContainsKey(e.Name.ToString()));
}
