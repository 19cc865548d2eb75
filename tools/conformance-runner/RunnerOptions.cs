using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Reflection;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Reference;

namespace BlackPony.Tools.ConformanceRunner;

/// <summary>The options of the command line.</summary>
internal sealed class RunnerOptions
{
    public RunnerOptions()
    {
        Root = new RootCommand(
            "Test an implementation of BlackPony against the specification; by default the embedded reference, server and client. "
                + "Or test any mail server's STARTTLS (RFC 3207): --protocol starttls.")
        {
            Protocol, Server, Backend, Mailbox, Client, Mailer, Local, Foreign, Auth, RequiresTls, Public,
            WantsCertificate, WithoutCertificate, Policies,
            List, Select, Exclude, LastFailed, Profiles, Format, Output, Compare, Spec, Annotate, Save, NoPreflight,
            MaxFailures, Timeout, Timeouts, Jobs, Seed, Shard, Strict, Expected, WriteBaseline, Durations, Verbose,
        };
    }

    public RootCommand Root { get; }

    public Option<Protocol> Protocol { get; } = new("--protocol")
    {
        Description = "What to test: blackpony, or starttls.",
        HelpName = "name",
        DefaultValueFactory = _ => Conformance.Protocol.BlackPony,
        CustomParser = r => Conformance.Protocol.All.FirstOrDefault(p => p.Name.Equals(r.Tokens[0].Value,
            StringComparison.OrdinalIgnoreCase))
            ?? Bad<Protocol>(r, $"'{r.Tokens[0].Value}' is not a protocol: blackpony or starttls."),
    };

    public Option<string[]> Local { get; } = new("--local")
    {
        Description = "STARTTLS: an address to which the server accepts mail. Twice for a case with two recipients.",
        HelpName = "address",
    };

    public Option<string?> Foreign { get; } = new("--foreign")
    {
        Description = "STARTTLS: an address for which the server relays only for its users.",
        HelpName = "address",
    };

    public Option<(string, string)?> Auth { get; } = new("--auth")
    {
        Description = "STARTTLS: a user that the server knows, made for the test, and the password.",
        HelpName = "user:password",
        CustomParser = r => r.Tokens[0].Value.Split(':', 2) is [{ Length: > 0 } user, { Length: > 0 } password]
            ? (user, password)
            : Bad<(string, string)?>(r, "--auth is a user, a colon and the password."),
    };

    public Option<bool> RequiresTls { get; } = new("--requires-tls")
    {
        Description = "STARTTLS: the server is configured to require TLS.",
    };

    public Option<bool> Public { get; } = new("--public")
    {
        Description = "STARTTLS: MX records name the server, so it must take local mail without TLS too.",
    };

    public Option<bool> WantsCertificate { get; } = new("--wants-certificate")
    {
        Description = "STARTTLS: the server takes no mail from a client without a certificate.",
    };

    public Option<DnsEndPoint?> WithoutCertificate { get; } = new("--without-certificate")
    {
        Description = "STARTTLS: address of a second server, configured for TLS but without its certificate.",
        HelpName = "host:port",
        CustomParser = r => Address(r),
    };

    public Option<MailPolicy[]> Policies { get; } = new("--policies")
    {
        Description = "STARTTLS: the policies that the client has, of opportunistic, required and verify: what it may replace {policy} "
            + "with, or without {policy} the one that the command always has. [default: all, if the command has {policy}]",
        HelpName = "list",
        CustomParser = ParsePolicies,
    };

    /// <summary>The options that only a run for STARTTLS has.</summary>
    public Option[] OfStartTls => [Local, Foreign, Auth, RequiresTls, Public, WantsCertificate, WithoutCertificate, Policies];

    public Option<DnsEndPoint?> Server { get; } = new("--server")
    {
        Description = "Test the server at this address.",
        HelpName = "host:port",
        CustomParser = r => Address(r),
    };

    public Option<int> Backend { get; } = new("--backend")
    {
        Description = "The server is a relay, whose backend is this port of 127.0.0.1; the suite plays the backend.",
        HelpName = "port",
        CustomParser = r => Number(r, 1, 65535),
    };

    public Option<string?> Mailbox { get; } = new("--mailbox")
    {
        Description = "Command that prints all mail that the server has accepted, in whatever form: the suite looks for messages whose "
            + "session was cut.",
        HelpName = "command",
    };

    public Option<string?> Client { get; } = new("--client")
    {
        Description = "Test a client: a command with {host} and {port} that delivers the message on its standard input and exits with 0. "
            + "It may contain {policy}, {memory} and {suites}; for STARTTLS {policy}, {cafile}, {from}, {to}, {user}, {password}, "
            + "{message} and {count}.",
        HelpName = "command",
    };

    public Option<string?> Mailer { get; } = new("--mailer")
    {
        Description = "Test a client: a command with {host} and {port} that speaks SMTP on its standard input and output, as sendmail's "
            + "mailers do. It may contain {policy}, {memory} and {suites}.",
        HelpName = "command",
    };

    public Option<bool> List { get; } = new("--list") { Description = "List the cases and run none; with --format json as JSON." };

    public Option<string[]> Select { get; } = new("--select")
    {
        Description = "Only cases whose id, section or requirement matches: S-4.2-*, 4.2, BP-7.4-5.",
        HelpName = "glob",
    };

    public Option<string[]> Exclude { get; } = new("--exclude") { Description = "Do not run these cases.", HelpName = "glob" };

    public Option<bool> LastFailed { get; } = new("--last-failed")
    {
        Description = "Only the cases that failed when this target was tested last; all if none failed.",
    };

    public Option<Profile[]> Profiles { get; } = new("--profile")
    {
        Description = "core, hybrid, classic, manual, timeouts, or all; separated by commas. [default: all but timeouts] "
            + "STARTTLS: core, injection, policy, submission, truncation, tls.",
        HelpName = "profiles",
        AllowMultipleArgumentsPerToken = false,
        CustomParser = ParseProfiles,
    };

    public Option<string[]> Format { get; } = new("--format")
    {
        Description = "console, json, junit, html, tap, sarif or badge (an SVG image); may be given several times, each but one with its "
            + "--output.",
        HelpName = "format",
        CustomParser = ParseFormats,
    };

    public Option<string[]> Output { get; } = new("--output")
    {
        Description = "File for the preceding --format. Without a --format, the file's extension decides: .json, .xml, .html, .tap, "
            + ".sarif, .svg.",
        HelpName = "file",
    };

    public Option<string[]> Compare { get; } = new("--compare")
    {
        Description = "JSON report of another run, to show beside this one in the HTML report.",
        HelpName = "file",
    };

    public Option<string?> Spec { get; } = new("--spec")
    {
        Description = "Where the rendered specification is, for the links of the HTML report. [default: its sentences are in the report]",
        HelpName = "url",
    };

    public Option<string> Annotate { get; } = new("--annotate")
    {
        Description = "File of your repository at which SARIF shows the findings.",
        HelpName = "file",
        DefaultValueFactory = _ => "README.md",
    };

    public Option<string?> Save { get; } = new("--save")
    {
        Description = "Folder for a capture (pcap), a key log and a transcript of each case that fails, for Wireshark.",
        HelpName = "folder",
    };

    public Option<bool> NoPreflight { get; } = new("--no-preflight")
    {
        Description = "Run the cases even if the look at the target before them finds something wrong.",
    };

    public Option<int> MaxFailures { get; } = new("--max-failures")
    {
        Description = "Begin no further case after this many failures.",
        HelpName = "n",
        CustomParser = r => Number(r, 1, 10_000),
    };

    public Option<double> Timeout { get; } = new("--timeout")
    {
        Description = "Seconds to wait for an answer. If there is none, the case is run again, alone and with four times the time.",
        HelpName = "seconds",
        DefaultValueFactory = _ => 20,
        CustomParser = r =>
            double.TryParse(r.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double s) && s is > 0 and <= 3600
                ? s
                : Bad<double>(r, $"--timeout is a number of seconds up to 3600, not '{r.Tokens[0].Value}'."),
    };

    public Option<Dictionary<string, TimeSpan>> Timeouts { get; } = new("--timeouts")
    {
        Description = "The target's own time-outs in seconds, for --profile timeouts: FinishedTimeout=1,CloseTimeout=0.5. 'default' stands "
            + "for those of the specification; the run then takes a quarter of an hour. STARTTLS: HandshakeTimeout.",
        HelpName = "list",
        CustomParser = ParseTimeouts,
    };

    public Option<int> Jobs { get; } = new("--jobs", "-j")
    {
        Description = "Number of cases to run concurrently.",
        HelpName = "n",
        DefaultValueFactory = _ => 8,
        CustomParser = r => Number(r, 1, 256),
    };

    public Option<string> Seed { get; } = new("--seed")
    {
        Description = "Seed of the suite's random values.",
        HelpName = "text",
        DefaultValueFactory = _ => "blackpony",
    };

    public Option<(int K, int N)?> Shard { get; } = new("--shard")
    {
        Description = "Run only the k-th of n parts of the cases, for CI matrices.",
        HelpName = "k/n",
        CustomParser = ParseShard,
    };

    public Option<bool> Strict { get; } = new("--strict") { Description = "Treat warnings as failures." };

    public Option<string?> Expected { get; } = new("--expected-failures")
    {
        Description =
            "File of the ids of cases that are expected to fail. Any other failure fails the run, and so does a listed case that passes.",
        HelpName = "file",
    };

    public Option<bool> WriteBaseline { get; } = new("--write-baseline")
    {
        Description = "Write this run's failures to the file of --expected-failures.",
    };

    public Option<int> Durations { get; } = new("--durations")
    {
        Description = "Show the slowest cases, so many.",
        HelpName = "n",
        CustomParser = r => Number(r, 1, 10_000),
    };

    public Option<bool> Verbose { get; } = new("--verbose", "-v")
    {
        Description = "Show every case, and the dialogue of each that failed.",
    };

    private static T? Bad<T>(ArgumentResult result, string message)
    {
        result.AddError(message);
        return default;
    }

    private static int Number(ArgumentResult result, int least, int most) =>
        int.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n >= least && n <= most
            ? n
            : Bad<int>(result, $"'{result.Tokens[0].Value}' is not a number from {least} to {most}.");

    private static DnsEndPoint? Address(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        int colon = text.LastIndexOf(':');
        var host = text[..Math.Max(colon, 0)].Trim('[', ']');
        return host.Length > 0 && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            && port is >= 1 and <= 65535
            ? new DnsEndPoint(host, port)
            : Bad<DnsEndPoint>(result, $"'{text}' is not a host and port; write 127.0.0.1:2525.");
    }

    private static Profile[] ParseProfiles(ArgumentResult result)
    {
        var names = result.Tokens.SelectMany(t => t.Value.Split(',')).ToList();
        if (names.Contains("all"))
            return Enum.GetValues<Profile>();

        foreach (var name in names.Where(n => !Enum.GetNames<Profile>().Contains(n, StringComparer.OrdinalIgnoreCase)))
        {
            result.AddError($"'{name}' is not a profile: core, hybrid, classic, manual, timeouts, or all; "
                + "of STARTTLS: core, injection, policy, submission, truncation, tls, or all.");
            return [];
        }

        return [.. names.Select(n => Enum.Parse<Profile>(n, true))];
    }

    private static MailPolicy[] ParsePolicies(ArgumentResult result)
    {
        var names = result.Tokens.SelectMany(t => t.Value.Split(',')).ToList();
        if (names.FirstOrDefault(n => n is not ("opportunistic" or "required" or "verify")) is { } wrong)
            return Bad<MailPolicy[]>(result, $"'{wrong}' is not a policy: opportunistic, required or verify.")!;

        return [.. names.Select(n => Enum.Parse<MailPolicy>(n, true))];
    }

    private static string[] ParseFormats(ArgumentResult result)
    {
        var names = result.Tokens.SelectMany(t => t.Value.Split(',')).ToArray();
        foreach (var name in names.Where(n => n is not ("console" or "json" or "junit" or "html" or "tap" or "sarif" or "badge")))
            result.AddError($"'{name}' is not a format: console, json, junit, html, tap, sarif or badge.");

        return names;
    }

    private static Dictionary<string, TimeSpan> ParseTimeouts(ArgumentResult result)
    {
        if (result.Tokens[0].Value == "default")
            return new Dictionary<string, TimeSpan>(Conformance.Protocol.All.SelectMany(p => p.Timeouts));

        var timeouts = new Dictionary<string, TimeSpan>();
        foreach (var part in result.Tokens[0].Value.Split(','))
        {
            var pair = part.Split('=');
            var limit = typeof(Limits).GetField(pair[0], BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic);
            if (pair.Length != 2 || (limit?.FieldType != typeof(TimeSpan) && pair[0] != Conformance.Protocol.HandshakeTimeout)
                || !double.TryParse(pair[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds)
                || seconds is <= 0 or > 3600)
            {
                return Bad<Dictionary<string, TimeSpan>>(result,
                    $"'{part}' is not a time-out: write a name from the specification's Section 13 and seconds, such as "
                        + "FinishedTimeout=2.")!;
            }

            timeouts[pair[0]] = TimeSpan.FromSeconds(seconds);
        }

        return timeouts;
    }

    private static (int K, int N)? ParseShard(ArgumentResult result)
    {
        var parts = result.Tokens[0].Value.Split('/');
        return parts.Length == 2 && int.TryParse(parts[0], out int k) && int.TryParse(parts[1], out int n) && n is >= 1 and <= 1000
            && k >= 1 && k <= n
            ? (k, n)
            : Bad<(int, int)?>(result, $"'{result.Tokens[0].Value}' is not a shard; write 1/4.");
    }
}
