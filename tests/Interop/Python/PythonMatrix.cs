using System.Collections.Concurrent;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Policy;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Python;

/// <summary>What the suite says of the Python implementation, and its mail to and from the reference; each is found out once.</summary>
public sealed class PythonMatrix
{
    /// <summary>The suites of both, and neither.</summary>
    public static readonly IReadOnlyList<string> Suites = ["X25519-CHACHA20POLY1305", "RSA-BLOWFISH", "ROT", "none"];

    /// <summary>Who sends to whom.</summary>
    public static readonly IReadOnlyList<string> Ways =
        ["Python client → `listen`", "`mailer` → Python server", "Python client → Python server"];

    /// <summary>The profiles that it claims.</summary>
    public static readonly IReadOnlyList<Profile> Profiles = [Profile.Core, Profile.Classic, Profile.Manual];

    private const string Secret = "Nobody else reads this";
    private const int Shift = 13;
    private const string Mailer = "mailer --port {port} --policy {policy} --suites {suites} '[127.0.0.1]'";

    // 8 bits, dots, an empty line, tabs, and the longest line that SMTP has.
    private static readonly string Message =
        $"From: a@probe.test\r\nSubject: \xE9\xFF\x80 {Secret}\r\n\r\n.\r\n..\r\n.dot\r\n\r\n\ttab \x7F\r\n"
        + $"{new string('x', 998)}\r\n{string.Concat(Enumerable.Range(128, 128).Select(i => (char)i))}\r\n";

    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(60), 4);
    private static readonly Dictionary<string, TimeSpan> NoTimeouts = [];

    private readonly Lazy<Task<IReadOnlyList<CaseResult>>> _server = new(ServerSuiteAsync), _client = new(ClientSuiteAsync);
    private readonly ConcurrentDictionary<(string Suite, string Way), Lazy<Task<string>>> _cells = new();

    /// <summary>The suite against <c>blackpony.server</c>.</summary>
    public Task<IReadOnlyList<CaseResult>> ServerAsync() => _server.Value;

    /// <summary>The suite against <c>blackpony.client</c>.</summary>
    public Task<IReadOnlyList<CaseResult>> ClientAsync() => _client.Value;

    /// <summary>One message with one suite, compared octet for octet.</summary>
    /// <returns>What a tap on the wire saw: <c>encrypted</c>, <c>shifted</c> or <c>plain</c>.</returns>
    public Task<string> CellAsync(string suite, string way) =>
        _cells.GetOrAdd((suite, way), c => new(() => DeliverAsync(c.Suite, c.Way))).Value;

    /// <summary>What is green, for README.</summary>
    public async Task<string> SuiteTableAsync()
    {
        var (server, client) = (await ServerAsync(), await ClientAsync());
        return Table(["role", .. Profiles.Select(p => p.ToString().ToLowerInvariant())])
            + Row(["server", .. Profiles.Select(p => Verdict(server, p))])
            + Row(["client", .. Profiles.Select(p => Verdict(client, p))]);

        static string Verdict(IReadOnlyList<CaseResult> results, Profile profile) =>
            results.Where(r => r.Case.Profile == profile).All(IsGood) ? "passed" : "**failed**";
    }

    /// <summary>How mail crossed the wire, for README.</summary>
    public async Task<string> TableAsync()
    {
        var text = new StringBuilder(Table(["suite", .. Ways]));
        foreach (var suite in Suites)
        {
            text.Append(Row([suite, .. await Task.WhenAll(Ways.Select(w => CellAsync(suite, w)))]));
        }

        return text.ToString();
    }

    private static string Table(string[] columns) => $"{Row(columns)}|{string.Concat(columns.Select(_ => "---|"))}\n";

    private static string Row(string[] cells) => $"| {string.Join(" | ", cells)} |\n";

    /// <summary>
    /// Whether a case passed, or asks for what neither a server that is no relay nor a client that is no mailer has, or for CHUNKING,
    /// which aiosmtpd does not have.
    /// </summary>
    public static bool IsGood(CaseResult result) => result.Verdict == Verdict.Pass || (result.Verdict == Verdict.NotApplicable
        && new[] { "relay", "mailer", "CHUNKING" }.Any(w => result.Detail.Contains(w, StringComparison.Ordinal)));

    // With ROT switched on, and the case about a server without ROT.
    private static async Task<IReadOnlyList<CaseResult>> ServerSuiteAsync()
    {
        const string Without = "S-5.5-6", Encrypting = "X25519-CHACHA20POLY1305,RSA-BLOWFISH";
        var all = await ServerSuiteAsync($"{Encrypting},ROT", new Selection { Profiles = Profiles, Exclude = [Without] });
        return [.. all, .. await ServerSuiteAsync(Encrypting, new Selection { Select = [Without] })];
    }

    private static async Task<IReadOnlyList<CaseResult>> ServerSuiteAsync(string suites, Selection selection)
    {
        using var python = await PythonServer.StartAsync(suites);
        await using var target = new RemoteServer("127.0.0.1", python.Port, 0, NoTimeouts, python.Mailbox);
        var results = await CaseRunner.RunAsync(target, selection.From(ServerCases.All), Options);
        Assert.Equal("", python.Log.Trim());
        return results;
    }

    private static Task<IReadOnlyList<CaseResult>> ClientSuiteAsync() => CaseRunner.RunAsync(
        new PlainClientCommand(PythonImplementation.Client, NoTimeouts),
        new Selection { Profiles = Profiles }.From(ClientCases.All),
        Options);

    private static async Task<string> DeliverAsync(string suite, string way)
    {
        bool secure = suite is not ("ROT" or "none");
        var policy = secure ? ClientPolicy.Required : ClientPolicy.Opportunistic;
        if (way.EndsWith("Python server", StringComparison.Ordinal))
        {
            using var python = await PythonServer.StartAsync(suite == "none" ? "" : suite);
            await using var wire = new WireTap(python.Port);
            ClientCommand client = way.StartsWith('`')
                ? new MailerCommand($"'{BlackPonyProgram.File}' {Mailer}", NoTimeouts)
                : new PlainClientCommand(PythonImplementation.Client, NoTimeouts);
            await SendAsync(client, wire.Port, policy, suite);
            var (fields, message) = await python.MessageAsync();
            Assert.Equal(Message, message);
            Assert.Equal(secure, fields.Contains($"(XBLACKPONY V1 {suite})", StringComparison.Ordinal));
            return Seen(wire);
        }

        await using var sink = new MailSink();
        int port = FreePorts.Next();
        string[] offer = suite == "ROT" ? ["--suites", "none", "--allow-rot"] : ["--suites", suite];
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, [.. offer, "--allow-open-backend"]);
        await using var tap = new WireTap(port);
        await SendAsync(new PlainClientCommand(PythonImplementation.Client, NoTimeouts), tap.Port, policy, suite);
        Assert.Equal(Message, Assert.Single(sink.Messages));
        return Seen(tap);
    }

    private static async Task SendAsync(ClientCommand client, int port, ClientPolicy policy, string suite)
    {
        var memory = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
        var delivery = new Delivery(port) { Policy = policy, Suites = suite, Message = Message, Memory = memory };
        var outcome = await client.DeliverAsync(delivery, TestContext.Current.CancellationToken);
        Assert.True(outcome.Delivered, $"{delivery.Log}{outcome.Replies}");
    }

    private static string Seen(WireTap wire) =>
        wire.Saw(Secret) ? "plain" : wire.Saw(ClientProbe.Rot(Secret, Shift)) ? "shifted" : "encrypted";
}
