using System.Collections.Concurrent;
using System.Diagnostics;
using BlackPony.Conformance;
using BlackPony.Conformance.Cases;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop.Python;

/// <summary>
/// The mistakes of half-done implementations, made in the Python implementation (<c>mistakes.py</c>): the suite's look at the target names
/// each of them.
/// </summary>
public sealed class MistakeTests(MistakenServers servers) : IClassFixture<MistakenServers>
{
    private static readonly RunOptions Options = new(TimeSpan.FromSeconds(60), 4);
    private static readonly IReadOnlyList<CaseInfo> Core = [.. ServerCases.All.Select(c => c.Info).Where(c => c.Profile == Profile.Core)];

    public static TheoryData<string, string> Mistakes { get; } = new()
    {
        { "no-prefix", "verify without the label's prefix \"bp1 \" (Section 6.2)" },
        { "tls-prefix", "verify with the label's prefix \"tls13 \" (Section 6.2)" },
        { "prefix-without-space", "verify with the label's prefix \"bp1\" (Section 6.2)" },
        { "label-length", "verify with a label length that does not count \"bp1 \" (Section 6.2)" },
        { "little-endian-length", "verify with the length in little-endian (Section 6.2)" },
        { "no-length", "verify without the length (Section 6.2)" },
        { "no-length-octets", "verify with label and context as they are, without length octets (Section 6.2)" },
        { "no-context-length", "verify without the context's length octet (Section 6.2)" },
        { "nul-after-label", "verify with a NUL after the label, which its length octet counts (Section 6.2)" },
        { "iv-cut-from-32", "verify with an iv cut from 32 octets (Section 6.2)" },
        { "no-salt", "verify without a salt (Section 6.2)" },
        { "name-as-salt", "verify with the suite's name as the salt, not its SHA-256 (Section 6.2)" },
        { "lower-case-salt", "verify with SHA-256 of x25519-chacha20poly1305 as the salt (Section 6.2)" },
        { "th-as-salt", "verify with th as the salt (Section 6.2)" },
        { "extract-arguments", "verify with salt and shared secret exchanged in HKDF-Extract (Section 6.2)" },
        { "reversed-secret", "verify with the octets of the shared secret in reverse (Section 5.2)" },
        { "hashed-secret", "verify with SHA-256 of the shared secret instead of it (Section 5.2)" },
        { "th-without-offer", "verify with th without the offer (Section 6.1)" },
        { "th-with-crlf", "verify with CRLF after each line of th (Section 6.1)" },
        { "th-without-lengths", "verify with th without the length octets (Section 6.1)" },
        { "th-without-label", "verify with th without \"BLACKPONY V1\" (Section 6.1)" },
        { "th-little-endian", "verify with the length octets of th in little-endian (Section 6.1)" },
        { "th-upper-case", "verify with the command hashed as \"XBLACKPONY V1 X25519-CHACHA20POLY1305 " },
        { "keys-swapped", "verify with client and server keys swapped (Section 6.2)" },
        { "other-label", "verify with the label \"s ap traffic\" instead of \"s traffic\" (Section 6.2)" },
        { "from-1", "verify with the sequence number from 1 (Section 7.2)" },
        { "no-iv", "verify with the sequence number as the nonce, without the iv (Section 7.2)" },
        { "little-endian-seq", "verify with the sequence number in little-endian (Section 7.2)" },
        { "seq-at-the-beginning", "verify with the sequence number at the beginning of the nonce (Section 7.2)" },
        { "seq-after-iv", "verify with four octets of the iv before the sequence number (Section 7.2)" },
        { "no-aad", "verify without additional data (Section 7.2)" },
        { "little-endian-aad", "verify with the length in little-endian as additional data (Section 7.2)" },
        { "aad-without-tag", "verify with the length without the tag as additional data (Section 7.2)" },
        { "tls-aad", "verify with TLS's header as additional data (Section 7.2)" },
        { "two-at-once", "verify with the label's prefix \"tls13 \" (Section 6.2), and without additional data (Section 7.2)" },
        { "finished-swapped", "It is right with the other side's Finished key." },
        { "finished-as-tls", "It is right with a key made of the traffic secret, as in TLS 1.3." },
        { "finished-cut", "It is right with only its first 12 octets." },
        { "finished-label", "It is right with the label \"server finished\"." },
        { "finished-sha512", "It is right with HMAC-SHA-512." },
        { "finished-hex", "It is right with each octet written as two hexadecimal digits." },
        { "expand-sha512", "verify with HKDF-Expand over SHA512 instead of SHA-256 (Section 6.2)" },
        { "key-label", "verify with the label \"k\" instead of \"key\" (Section 6.2)" },
        { "iv-label", "verify with the label \"IV\" instead of \"iv\" (Section 6.2)" },
        { "type-in-front", "Its type comes before the data; it belongs after them (Section 7.1)." },
        { "no-type", "It has no type after the data (Section 7.1)." },
        { "padding-before-type", "zero octets after it: padding comes after the type (Section 7.1)." },
        { "receives-with-own-keys", "The server's own records verify, so it sends with the right keys. Look at how it receives" },
        { "wrong-220", "The line \"220 Go ahead\" does not have \"K=\" directly after code and separator." },
        { "220-without-k", "does not have \"K=\" directly after code and separator." },
        { "answers-250", "Expected 220, got \"250 K=" },
        { "no-offer", "There is no XBLACKPONY line in the reply to EHLO" },
        { "oaep-sha1", "verify with OAEP with SHA-1 for the server's half (Section 5.4)" },
        { "oaep-mgf1-sha1", "verify with OAEP with SHA-256 and MGF1 with SHA-1 for the server's half (Section 5.4)" },
        { "oaep-pkcs1", "verify with PKCS #1 v1.5 padding instead of OAEP for the server's half (Section 5.4)" },
        { "oaep-sha1-both-ways", "Its part of the key exchange decrypts with OAEP with SHA-1 for the server's half (Section 5.4)." },
        { "oaep-pkcs1-both-ways", "decrypts with PKCS #1 v1.5 padding instead of OAEP for the server's half (Section 5.4)." },
        { "oaep-no-letter", "verify with OAEP with SHA-256 and no letter \"S\" before the server's half (Section 5.4)" },
        { "oaep-label", "verify with OAEP with the label \"BLACKPONY V1\" for the server's half (Section 5.4)" },
        { "mac-label", "verify with the label \"hmac\" instead of \"mac\" (Section 6.2)" },
        { "blowfish-key-label", "make sense with the label \"enc\" instead of \"key\" (Section 6.2)" },
        { "mac-without-seq", "verify with the HMAC over the length and the ciphertext, without the sequence number (Section 7.3)" },
        { "mac-over-ciphertext", "verify with the HMAC over the ciphertext alone (Section 7.3)" },
        { "mac-seq-32", "verify with the sequence number as 32 bits in the HMAC (Section 7.3)" },
        { "little-endian-counter", "make sense with the block's number in little-endian (Section 7.3)" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task A_server_is_told_what_its_mistake_is(string mistake, string expected)
    {
        var result = await LookAsync(mistake);
        Assert.Contains(expected, Assert.Single(result.Failures).Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_mistake_it_comes_through_and_every_mistake_is_tried()
    {
        Assert.Empty((await LookAsync("none")).Failures);
        Assert.Equal((await servers.NamesAsync()).Except(["none", "hangs-in-upgrade"]).Order(), Mistakes.Select(m => m.Data.Item1).Order());
    }

    /// <summary>The names of the requirements too: they are what a gate shows.</summary>
    [Theory]
    [InlineData("keys-swapped", "BP-6.2-2", "Section 6.2")]
    [InlineData("no-aad", "BP-7.2-2", "Section 7.2")]
    [InlineData("th-without-offer", "BP-6.1-1", "Section 6.1")]
    [InlineData("name-as-salt", "BP-6.2-1", "Section 6.2")]
    [InlineData("tls-prefix", "BP-6.3-1", "Section 6.2")]
    [InlineData("finished-label", "BP-6.3-1", "Section 6.3")]
    [InlineData("type-in-front", "BP-6.3-1", "Section 7.1")]
    [InlineData("oaep-sha1-both-ways", "BP-6.3-1", "Section 5.4")]
    public async Task It_says_which_requirement_and_section_to_read(string mistake, string requirement, string read)
    {
        var failure = Assert.Single((await LookAsync(mistake)).Failures);
        Assert.Equal((requirement, read), (failure.Requirement, failure.Read));
    }

    [Theory]
    [InlineData("keys-swapped", "verify with client and server keys swapped (Section 6.2)")]
    [InlineData("th-without-offer", "verify with th without the offer (Section 6.1)")]
    [InlineData("oaep-sha1", "verify with OAEP with SHA-1 for the client's half (Section 5.4)")]
    [InlineData("oaep-sha1-both-ways", "Its part of the key exchange decrypts with OAEP with SHA-1 for the client's half (Section 5.4).")]
    [InlineData("receives-with-own-keys", "Its own record verifies, so it sends with the right keys. Look at how it receives")]
    public async Task A_client_is_told_what_its_mistake_is(string mistake, string expected)
    {
        await PythonImplementation.NeedAsync();
        var client = new PlainClientCommand(MistakenServers.Client(mistake), new Dictionary<string, TimeSpan>());
        bool classic = mistake.StartsWith("oaep", StringComparison.Ordinal);
        var cases = ClientCases.All.Select(c => c.Info).Where(c => c.Profile == (classic ? Profile.Classic : Profile.Core)).ToList();
        var result = await new Preflight(Options, cases).RunAsync(client);
        Assert.Contains(expected, Assert.Single(result.Failures).Detail, StringComparison.Ordinal);
    }

    private async Task<PreflightResult> LookAsync(string mistake)
    {
        await PythonImplementation.NeedAsync();
        await using var target = new RemoteServer("127.0.0.1", await servers.PortAsync(mistake), 0, new Dictionary<string, TimeSpan>());
        // A mistake with RSA-BLOWFISH needs the cases of classic.
        bool classic = mistake.StartsWith("oaep-", StringComparison.Ordinal) || mistake.StartsWith("mac-", StringComparison.Ordinal)
            || mistake.StartsWith("blowfish-", StringComparison.Ordinal) || mistake == "little-endian-counter";
        return await new Preflight(Options, classic ? [.. ServerCases.All.Select(c => c.Info)] : Core).RunAsync(target);
    }
}

/// <summary>One process of <c>mistakes.py</c> that serves every mistake on a port of its own.</summary>
public sealed class MistakenServers : IDisposable
{
    private static readonly string Script = Repository.At("tests", "Interop", "Python", "mistakes.py");

    private readonly ConcurrentDictionary<string, int> _ports = new();
    private readonly Lazy<Task> _started;
    private Process? _process;

    public MistakenServers() => _started = new Lazy<Task>(StartAsync);

    /// <summary>The command of a client with a mistake.</summary>
    public static string Client(string mistake) =>
        $"PYTHONPATH='{PythonImplementation.Folder}' {PythonImplementation.Program} '{Script}' client {mistake} {{host}} {{port}} "
            + $"{{suites}}";

    /// <summary>The port of a mistake.</summary>
    public async Task<int> PortAsync(string mistake)
    {
        await _started.Value;
        return _ports[mistake];
    }

    /// <summary>The mistakes that it knows.</summary>
    public async Task<IEnumerable<string>> NamesAsync()
    {
        await _started.Value;
        return _ports.Keys;
    }

    public void Dispose()
    {
        // The end of its input is its end, and that of its children.
        _process?.StandardInput.Close();
        _process?.WaitForExit(10_000);
        _process?.Dispose();
    }

    private async Task StartAsync()
    {
        // More than it has mistakes.
        var ports = Enumerable.Range(0, 200).Select(_ => $"{FreePorts.Next()}");
        var start = PythonImplementation.Start([Script, "server", .. ports]);
        start.RedirectStandardInput = true;
        _process = Process.Start(start)!;
        var error = _process.StandardError.ReadToEndAsync();
        while (await _process.StandardOutput.ReadLineAsync().WaitAsync(Wait.HangGuard) is { } line && line != "ready")
        {
            var words = line.Split(' ');
            _ports[words[0]] = int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
        }

        Assert.True(_ports.ContainsKey("none"), _process.HasExited ? await error : "It has no port.");
    }
}
