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
        Description = "File in which --policy remembered records the servers and mail domains that encrypted. With opportunistic, "
            + "plaintext to one of them is reported as a downgrade.",
        HelpName = "file",
    };
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

    /// <summary>Adds the options to a command.</summary>
    public ClientOptions(Command command)
    {
        _policy.AcceptOnlyFromAmong("opportunistic", "remembered", "required");
        foreach (var option in (Option[])[_port, _policy, _memory, _refuse, _suites, _shift, _keyLog, _dns])
            command.Options.Add(option);

        command.Validators.Add(r =>
        {
            if (r.GetResult(_policy)?.Tokens is [{ Value: "remembered" }] && r.GetResult(_memory) is not { Implicit: false })
                r.AddError("--policy remembered needs --memory and a file name.");
        });
    }

    public int Port(ParseResult parse) => parse.GetValue(_port);

    public string? MemoryPath(ParseResult parse) => parse.GetValue(_memory);

    /// <summary>Checks that a service can write its files: one that cannot would defer all its mail.</summary>
    /// <exception cref="FormatException">It could not; the message says what to do.</exception>
    /// <param name="parse">The command line.</param>
    /// <param name="isTrial">Whether a file that was not there must not be left behind: it would belong to whoever checks.</param>
    public void CheckFiles(ParseResult parse, bool isTrial)
    {
        try
        {
            if (MemoryPath(parse) is { } memory)
                Trial.Run(memory + ".lock", isTrial, () => MemoryFile.CheckWritable(memory));

            if (parse.GetValue(_keyLog) is { } keyLog)
                Trial.Run(keyLog, isTrial, () => ListenOptions.KeyLog(keyLog));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"--memory: {e.Message} Name a file in a folder that the program may write to.", e);
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
        KeyLog = parse.GetValue(_keyLog) is { } path ? new KeyLogFile(path) : null,
    };
}
