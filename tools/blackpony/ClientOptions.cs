using System.CommandLine;
using System.Net;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;

namespace BlackPony.Tools;

/// <summary>The options of every command that sends: how, where to, and under which policy.</summary>
internal sealed class ClientOptions
{
    private readonly Option<int> _port = new("--port", "-p")
    {
        Description = "TCP port of the servers.",
        HelpName = "port",
        DefaultValueFactory = _ => Limits.DefaultPort,
        CustomParser = r => Parse.Number(r, 1, 65535),
    };
    private readonly Option<string> _policy = new("--policy")
    {
        Description = "What to do if a server does not encrypt. opportunistic: deliver in plain SMTP. "
            + "remembered: the same, but defer mail to a server that encrypted before. required: defer the mail.",
        DefaultValueFactory = _ => "opportunistic",
    };

    private readonly Option<string?> _memory = new("--memory")
    {
        Description = "File in which --policy remembered records the servers and mail domains that encrypted; or redis://host:port/prefix "
            + "(rediss for TLS), a Redis or Valkey server that several machines share. With opportunistic, plaintext to one of them is "
            + "reported as a downgrade.",
        HelpName = "file",
    };
    private readonly Option<string?> _memoryPassword = MemoryPassword();
    private readonly Option<bool> _refuse = new("--refuse-forgotten")
    {
        Description = "With --policy remembered: refuse the mail with 554, so that it bounces, where it would be sent in plaintext because "
            + "a remembered server has not encrypted for 72 hours.",
    };

    private readonly Option<Suite[]> _suites = new("--suites")
    {
        Description = "Suites to use, in order of preference, separated by commas; 'none' switches encryption off. [default: "
            + string.Join(',', SuiteRegistry.Default) + "]",
        HelpName = "names",
        CustomParser = Parse.Suites,
    };
    private readonly Option<int> _shift = new("--rot-shift")
    {
        Description = "Shift of ROT, which protects nothing; only used if --suites has ROT.",
        HelpName = "n",
        DefaultValueFactory = _ => 13,
        CustomParser = r => Parse.Number(r, 1, 25),
    };

    private readonly Option<string?> _keyLog = new("--keylog")
    {
        Description = "Append the session's secrets to this file, for decrypting captures. Anyone who has the file can read the mail.",
        HelpName = "file",
    };
    private readonly Option<IPEndPoint?> _dns = new("--dns")
    {
        Description = "DNS server for MX, A and AAAA, instead of those of /etc/resolv.conf.",
        HelpName = "address:port",
        CustomParser = Parse.EndPoint,
    };

    // One connection for the whole process, also after the configuration is read again.
    private (string Place, string? Password, RedisStore Store)? _store;

    /// <summary>Adds the options to a command.</summary>
    public ClientOptions(Command command)
    {
        _policy.AcceptOnlyFromAmong("opportunistic", "remembered", "required");
        foreach (var option in (Option[])[_port, _policy, _memory, _memoryPassword, _refuse, _suites, _shift, _keyLog, _dns])
            command.Options.Add(option);

        command.Validators.Add(r =>
        {
            if (r.GetResult(_policy)?.Tokens is [{ Value: "remembered" }] && r.GetResult(_memory) is not { Implicit: false })
                r.AddError("--policy remembered needs --memory and a file name or a URL.");
        });
    }

    /// <summary>Makes the option that names the file with the password of the memory's server.</summary>
    public static Option<string?> MemoryPassword() => new("--memory-password")
    {
        Description = "File with the password of the Redis or Valkey server of --memory; readable by its owner only.",
        HelpName = "file",
    };

    public int Port(ParseResult parse) => parse.GetValue(_port);

    /// <summary>The file of the memory; null if it is in none.</summary>
    public string? MemoryPath(ParseResult parse) => parse.GetValue(_memory) is { } place && !RedisStore.IsOne(place) ? place : null;

    /// <summary>The server of the memory; null if there is none.</summary>
    /// <exception cref="FormatException">Its URL is wrong.</exception>
    public RedisStore? Store(ParseResult parse)
    {
        if (parse.GetValue(_memory) is not { } place || !RedisStore.IsOne(place))
            return null;

        var password = parse.GetValue(_memoryPassword);
        if (_store is not { } known || known.Place != place || known.Password != password)
            _store = (place, password, RedisStore.Parse(place, password));

        return _store.Value.Store;
    }

    /// <summary>Reads the memory for a delivery; null if there is none.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="targets">The servers of the delivery.</param>
    /// <param name="cancel">Ends the waiting.</param>
    /// <exception cref="IOException">A temporary failure ([BP-9.4-12]).</exception>
    /// <exception cref="UnauthorizedAccessException">The same.</exception>
    /// <exception cref="FormatException">It is not a memory.</exception>
    public async Task<IStoredMemory?> OpenMemoryAsync(ParseResult parse, IReadOnlyList<MailTarget> targets, CancellationToken cancel) =>
        Store(parse) is { } store ? await store.OpenAsync(isWritten: true, targets, cancel)
        : MemoryPath(parse) is { } path ? new MemoryFile(path, TimeProvider.System) : null;

    /// <summary>What a service must be able to write: one that cannot would defer all its mail.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="isTrial">Whether a file that was not there must not be left behind: it would belong to whoever checks.</param>
    public IEnumerable<Trial> Files(ParseResult parse, bool isTrial)
    {
        if (parse.GetValue(_memory) is { } memory)
            yield return new Trial(RedisStore.IsOne(memory) ? "--memory" : $"--memory {memory}", () => OpenAsync(parse, isTrial));

        if (parse.GetValue(_keyLog) is { } keyLog)
            yield return ListenOptions.KeyLogTrial(keyLog, isTrial);
    }

    private async Task OpenAsync(ParseResult parse, bool isTrial)
    {
        try
        {
            if (MemoryPath(parse) is { } memory)
                Trial.Run(memory + ".lock", isTrial, () => MemoryFile.CheckWritable(memory));

            // A server that is away now only defers the mail; --check reports it.
            if (Store(parse) is { } store)
            {
                _ = store.Password();
                if (isTrial)
                    await store.OpenAsync(isWritten: true, null, CancellationToken.None);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException(Store(parse) is null ? $"--memory: {e.Message} Name a file in a folder that the program may write to."
                : $"--memory: {e.Message}", e);
        }
    }

    public MailRouter Router(ParseResult parse) => new(parse.GetValue(_dns));

    /// <summary>What the mailer accepts; the memory is the caller's.</summary>
    public MailerOptions Mailer(ParseResult parse, RsaKeys rsaKeys) => new(rsaKeys)
    {
        Policy = Enum.Parse<ClientPolicy>(parse.GetValue(_policy)!, ignoreCase: true),
        // An option that is not given has an empty array as its value.
        Suites = parse.GetResult(_suites) is null ? SuiteRegistry.Default : parse.GetValue(_suites)!,
        Shift = parse.GetValue(_shift),
        RefusesForgotten = parse.GetValue(_refuse),
        KeyLog = parse.GetValue(_keyLog) is { } path ? new KeyLogFile(path, CommandLine.Complain) : null,
    };
}
