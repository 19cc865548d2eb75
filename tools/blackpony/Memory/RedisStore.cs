using System.Diagnostics;
using BlackPony.Hosting;
using BlackPony.Reference.Policy;
using StackExchange.Redis;

namespace BlackPony.Tools;

/// <summary>A Redis or Valkey server that keeps the memory of several programs (spec 9.4).</summary>
/// <remarks>
/// Whatever the server does, a delivery that cannot read the memory is deferred ([BP-9.4-12]). Exceptions of the library are not passed
/// on: their messages may hold what was configured.
/// </remarks>
internal sealed class RedisStore
{
    private const int Patience = 5000;

    // How long a memory that was full is not read again to see whether an entry has expired.
    private static readonly TimeSpan FullTime = TimeSpan.FromMinutes(1);

    // A program has one memory.
    private static readonly SemaphoreSlim Writing = new(1);

    private readonly Lock _connecting = new();
    private readonly Lock _noting = new();
    private readonly Uri _url;
    private readonly string? _passwordFile;
    private readonly string _key;
    private Task<ConnectionMultiplexer>? _connection;
    private volatile bool _exists;
    private (ServerMemory Memory, long At)? _whole;

    private RedisStore(Uri url, string? passwordFile)
    {
        (_url, _passwordFile) = (url, passwordFile);
        var prefix = url.AbsolutePath.Trim('/');
        _key = (prefix.Length > 0 ? prefix : "blackpony") + ":memory";
        Name = $"{url.Scheme}://{url.Host}:{Port}/{prefix}";
    }

    /// <summary>Its address, for messages.</summary>
    public string Name { get; }

    private int Port => _url.Port > 0 ? _url.Port : 6379;

    /// <summary>Whether it is an address of a store, right or wrong, and not a file.</summary>
    public static bool IsOne(string place) => place.StartsWith("redis://", StringComparison.Ordinal)
        || place.StartsWith("rediss://", StringComparison.Ordinal);

    /// <summary>Reads an address.</summary>
    /// <param name="place"><c>redis://USER@HOST:PORT/PREFIX</c>, or <c>rediss</c> for TLS; only the host is needed.</param>
    /// <param name="passwordFile">The file with the password; null for none.</param>
    /// <exception cref="FormatException">It is none; the message says what to write.</exception>
    public static RedisStore Parse(string place, string? passwordFile)
    {
        bool isUrl = Uri.TryCreate(place, UriKind.Absolute, out var url);

        // Not even a wrong address is shown: it may have a password in it.
        if (!isUrl || url!.Host.Length == 0 || url.Query.Length > 0 || url.Fragment.Length > 0 || url.AbsolutePath.Trim('/').Contains('/'))
            throw new FormatException("--memory has a URL that is not of the form redis://HOST:PORT/PREFIX.");

        return url.UserInfo.Contains(':', StringComparison.Ordinal)
            ? throw new FormatException("--memory has a password in its URL, which other users can see: put it in a file, and name "
                + "that with --memory-password.")
            : new RedisStore(url, passwordFile);
    }

    /// <summary>Reads the password, as each connection does.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The same, or others may read it.</exception>
    public string? Password() => _passwordFile is null ? null : PrivateFile.ReadSecret(_passwordFile).TrimEnd('\r', '\n');

    /// <summary>Reads the memory for a delivery.</summary>
    /// <param name="isWritten">Whether it must be possible to write it ([BP-9.4-18]).</param>
    /// <param name="targets">The servers of the delivery, whose entries are read, and those of their mail domains; null reads all.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="IOException">It cannot be read, or not be written: a temporary failure ([BP-9.4-12]).</exception>
    /// <exception cref="UnauthorizedAccessException">The password cannot be read.</exception>
    /// <exception cref="FormatException">It is not a memory.</exception>
    public async Task<IStoredMemory> OpenAsync(bool isWritten, IReadOnlyList<MailTarget>? targets, CancellationToken cancel)
    {
        // It writes nothing, and fails where a write would: on a replica, or without memory, disk or permission.
        if (isWritten)
            _ = await AskAsync(d => d.StringSetRangeAsync(_key + ":probe", 0, ""), cancel);

        var keys = targets?.SelectMany(t => t.Domain is { } domain
            ? [ServerMemory.Key(t.Name, t.Port), ServerMemory.Key(domain, ServerMemory.OfDomain)]
            : (string[])[ServerMemory.Key(t.Name, t.Port)]);
        return new RedisMemory(this, await ReadAsync(keys?.Distinct().ToList(), cancel), TimeProvider.System);
    }

    /// <summary>Whether there may be room for an entry. A memory that was full a moment ago is not read again to know.</summary>
    internal bool MayHaveRoom(string key)
    {
        lock (_noting)
        {
            return _whole is not { } whole || Stopwatch.GetElapsedTime(whole.At) > FullTime || whole.Memory.HasRoom(key);
        }
    }

    /// <summary>
    /// Waits until no other delivery of this program writes: so a write is refused only where another program has written, and those take
    /// turns by chance.
    /// </summary>
    /// <param name="cancel">Ends the waiting.</param>
    /// <returns>Dispose it when all is written.</returns>
    /// <exception cref="IOException">The others have waited too long for the server.</exception>
    internal async Task<IDisposable> WaitForTurnAsync(CancellationToken cancel) =>
        await Writing.WaitAsync(6 * Patience, cancel) ? new Turn() : throw new IOException($"the memory {Name} is slow");

    /// <summary>Notes how full the memory is.</summary>
    internal void Note(ServerMemory whole)
    {
        lock (_noting)
        {
            _whole = (whole, Stopwatch.GetTimestamp());
        }
    }

    /// <summary>Reads fields of the hash, or the whole.</summary>
    /// <param name="keys">The fields; null for all.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    internal async Task<HashEntry[]> ReadAsync(IReadOnlyList<string>? keys, CancellationToken cancel)
    {
        if (keys is not null)
        {
            RedisValue[] fields = [MemoryText.Header, .. keys];
            var values = await AskAsync(d => d.HashGetAsync(_key, fields), cancel);

            // Without the field that says what it is, it is empty, or no memory: the whole shows it.
            if (!values[0].IsNull)
                return [.. fields.Zip(values, (f, v) => new HashEntry(f, v)).Where(e => !e.Value.IsNull)];
        }

        var read = await AskAsync(d => d.HashGetAllAsync(_key), cancel);
        if (read.Length == 0 && _exists)
        {
            throw new IOException($"the memory {Name} was emptied while it was in use. Restore it, or start this program again to begin "
                + "with an empty memory.");
        }

        _exists |= read.Length > 0;
        return read;
    }

    /// <summary>Writes fields, if nobody else has changed them since they were read, nor added others.</summary>
    /// <param name="read">The hash as it was read.</param>
    /// <param name="fields">The fields to write; null removes one.</param>
    /// <param name="stale">More fields to remove.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <returns>Whether they were written; if not, nothing was.</returns>
    /// <exception cref="IOException">It is not known whether they were.</exception>
    internal async Task<bool> TryWriteAsync(
        HashEntry[] read, Dictionary<string, string?> fields, IEnumerable<HashEntry> stale, CancellationToken cancel)
    {
        var before = read.ToDictionary(e => e.Name.ToString(), e => e.Value);
        bool isWritten = await AskAsync(
            database =>
            {
                var transaction = database.CreateTransaction();

                // The bounds of the memory are bounds of the whole ([BP-9.4-13], [BP-9.4-16]).
                if (fields.Keys.Any(f => !before.ContainsKey(f)))
                    transaction.AddCondition(Condition.HashLengthEqual(_key, read.Length));

                foreach (var field in fields.Keys.Concat(stale.Select(s => s.Name.ToString())).Distinct())
                {
                    transaction.AddCondition(before.TryGetValue(field, out var value) ? Condition.HashEqual(_key, field, value)
                        : Condition.HashNotExists(_key, field));
                    _ = fields.GetValueOrDefault(field) is { } now ? (Task)transaction.HashSetAsync(_key, field, now)
                        : transaction.HashDeleteAsync(_key, field);
                }

                if (read.Length == 0)
                    _ = transaction.HashSetAsync(_key, MemoryText.Header, "");

                return transaction.ExecuteAsync();
            },
            cancel);
        _exists |= isWritten;
        return isWritten;
    }

    private async Task<T> AskAsync<T>(Func<IDatabase, Task<T>> ask, CancellationToken cancel)
    {
        try
        {
            var connection = await ConnectAsync().WaitAsync(cancel);
            return await ask(connection.GetDatabase()).WaitAsync(cancel);
        }
        catch (RedisServerException e)
        {
            // Its first word is the kind of the error.
            throw new IOException($"the memory {Name} was refused: {Word(e.Message)}", e);
        }
        catch (RedisConnectionException e)
        {
            throw new IOException($"the memory {Name} cannot be reached: {e.FailureType}", e);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            throw new IOException($"the memory {Name} did not answer: {e.GetType().Name}", e);
        }
    }

    // One connection for all deliveries, which comes back by itself; the first one is tried again by the next delivery.
    private Task<ConnectionMultiplexer> ConnectAsync()
    {
        lock (_connecting)
        {
            return _connection is null or { IsFaulted: true } or { IsCanceled: true }
                ? _connection = ConnectionMultiplexer.ConnectAsync(new ConfigurationOptions
                {
                    AbortOnConnectFail = true,
                    AsyncTimeout = Patience,
                    BacklogPolicy = BacklogPolicy.FailFast,
                    ClientName = "blackpony",
                    ConnectRetry = 1,
                    ConnectTimeout = Patience,
                    EndPoints = { { _url.IdnHost.Trim('[', ']'), Port } },
                    Password = Password(),
                    Ssl = _url.Scheme == "rediss",
                    User = _url.UserInfo.Length > 0 ? Uri.UnescapeDataString(_url.UserInfo) : null,
                })
                : _connection;
        }
    }

    private static string Word(string message) => string.Concat(message.TakeWhile(char.IsAsciiLetterUpper)) is { Length: > 0 } word ? word
        : "an error";

    private sealed class Turn : IDisposable
    {
        public void Dispose() => Writing.Release();
    }
}
