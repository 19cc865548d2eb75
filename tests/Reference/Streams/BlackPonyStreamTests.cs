using System.Security.Authentication;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Suites;
using BlackPony.Streams;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Reference.Streams;

/// <summary>The stream over a connection within the process, with itself and with SMTP that is written by hand.</summary>
public sealed class BlackPonyStreamTests
{
    private static readonly byte[] Seed = [.. Enumerable.Repeat((byte)7, 32)];

    private readonly MemoryConnection _connection = new();

    public static TheoryData<string> Suites => [.. SuiteRegistry.Default.Select(s => s.Name)];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Suites))]
    public async Task Both_sides_upgrade_and_exchange_what_they_like(string suite)
    {
        var (client, server) = await BothAsync(new() { Suites = [SuiteRegistry.Find(suite)!] });
        Assert.True(client is { IsEncrypted: true, IsServer: false } && server is { IsEncrypted: true, IsServer: true });
        Assert.Equal((suite, suite), (client.NegotiatedSuite, server.NegotiatedSuite));
        await SaysAsync(client, "EHLO a.test\r\n");
        Assert.Equal("EHLO a.test", await LineAsync(server));
        await SaysAsync(server, "250 mx.test\r\n");
        Assert.Equal("250 mx.test", await LineAsync(client));
        await EndAsync(client, server);
    }

    [Fact]
    public async Task A_library_that_begins_with_a_greeting_gets_it_and_gives_it_on_either_side()
    {
        var (client, server) = await BothAsync(
            new() { BeginsWithGreeting = true }, new() { BeginsWithGreeting = true, ServerName = "mx.test" });
        Assert.Equal("220 mx.test ESMTP", await LineAsync(client));
        await SaysAsync(client, "EHLO a.test\r\n");
        Assert.Equal("EHLO a.test", await LineAsync(server));
        await SaysAsync(server, "250 this reply is sent\r\n");
        Assert.Equal("250 this reply is sent", await LineAsync(client));
        await EndAsync(client, server);
    }

    [Fact]
    public async Task Megabytes_go_both_ways_at_once_and_arrive_unchanged()
    {
        var (client, server) = await BothAsync(new());
        await SaysAsync(client, "DATA\r\n");
        Assert.Equal("DATA", await LineAsync(server));
        await SaysAsync(server, "354 go\r\n");
        Assert.Equal("354 go", await LineAsync(client));
        var body = string.Concat(Enumerable.Range(0, 60_000).Select(i => $"line {i} of the message\r\n")) + ".\r\n";
        var replies = string.Concat(Enumerable.Range(0, 60_000).Select(i => $"250 reply {i}\r\n"));
        var sends = Task.WhenAll(SaysAsync(client, body), SaysAsync(server, replies));
        var (up, down) = (CountAsync(server, body.Length), CountAsync(client, replies.Length));
        await sends;
        Assert.Equal((body, replies), (await up, await down));
        await EndAsync(client, server);
    }

    [Fact]
    public async Task A_server_without_BlackPony_gets_EHLO_and_QUIT_and_no_mail()
    {
        var (said, failure) = await RefusedAsync(new(), "220 old.test", "250-old.test\r\n250 STARTTLS");
        Assert.Contains("not-offered", failure, StringComparison.Ordinal);
        Assert.Equal(["EHLO a.test", "QUIT"], said);
    }

    [Theory]
    [InlineData("554 go away", "", "replied 554")]
    [InlineData("220 x", "451 later", "ehlo-refused")]
    [InlineData("220 x", "500 what", "ehlo-refused")]
    [InlineData("no reply at all", "", "")]
    public async Task What_a_server_says_instead_of_an_offer_is_the_reason(string greeting, string ehlo, string reason)
    {
        var (said, failure) = await RefusedAsync(new(), greeting, ehlo);
        Assert.Contains(reason, failure, StringComparison.Ordinal);
        Assert.DoesNotContain(said, l => l.StartsWith("MAIL", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_opportunistic_client_goes_on_in_plaintext_and_says_so()
    {
        var options = Client(new() { Policy = ClientPolicy.Opportunistic, BeginsWithGreeting = true });
        var opening = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, options, Cancel);
        await SaysAsync(_connection.Server, "220 old.test\r\n");
        Assert.Equal("EHLO a.test", await LineAsync(_connection.Server));
        await SaysAsync(_connection.Server, "250 old.test\r\n");
        var stream = await opening;
        Assert.True(stream is { IsEncrypted: false, NegotiatedSuite: null, Report.Reason: "not-offered" });
        Assert.Equal("220 old.test", await LineAsync(stream));
        await SaysAsync(stream, "MAIL FROM:<>\r\n");
        Assert.Equal("MAIL FROM:<>", await LineAsync(_connection.Server));
        await stream.DisposeAsync();
    }

    [Fact]
    public async Task A_remembered_server_that_offers_nothing_any_more_gets_no_plaintext() // [BP-9.1-3]
    {
        var memory = new ServerMemory(TimeProvider.System);
        BlackPonyClientAuthenticationOptions Options() =>
            new() { Policy = ClientPolicy.Remembered, Memory = memory, TargetHost = "mx.test" };
        var (client, server) = await BothAsync(Options());
        await EndAsync(client, server);
        var (_, failure) = await new BlackPonyStreamTests().RefusedAsync(Options(), "220 mx.test", "250 mx.test");
        Assert.Contains("remembered", failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_callback_sees_the_servers_keys_and_decides()
    {
        var key = Convert.ToHexStringLower(new IdentKey(Seed).PublicKey);
        var (client, server) = await BothAsync(
            new() { RemoteIdentValidationCallback = keys => keys is [var one] && one.Key == key }, new() { Idents = [new IdentKey(Seed)] });
        Assert.Equal(key, Assert.Single(client.RemoteIdents).Key);
        await EndAsync(client, server);

        var other = new BlackPonyStreamTests();
        var opening = BlackPonyStream.AuthenticateAsClientAsync(
            other._connection.Client, Client(new() { RemoteIdentValidationCallback = keys => keys.Count > 0 }), Cancel);
        await using var left = await BlackPonyStream.AuthenticateAsServerAsync(other._connection.Server, Server(new()), Cancel);
        Assert.Equal("EHLO a.test", await LineAsync(left));
        await SaysAsync(left, "250 mx.test\r\n");
        var refused = await Assert.ThrowsAsync<AuthenticationException>(() => opening);
        Assert.Contains("ident-missing", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await left.ReadAsync(new byte[1], Cancel));
    }

    [Fact]
    public async Task A_server_that_allows_plaintext_hands_the_session_over_as_if_it_had_just_begun()
    {
        var upgrade = BlackPonyStream.AuthenticateAsServerAsync(_connection.Server,
            Server(new() { AllowPlaintext = true, PlaintextExtensions = ["SIZE 100"], BeginsWithGreeting = true }), Cancel);
        var client = _connection.Client;
        Assert.Equal("220 mx.test ESMTP", await LineAsync(client));
        await SaysAsync(client, "EHLO old.test\r\n");
        Assert.Equal("250-mx.test", await LineAsync(client));
        Assert.Equal("250-SIZE 100", await LineAsync(client));
        Assert.StartsWith("250 XBLACKPONY V1 ", await LineAsync(client), StringComparison.Ordinal);
        await SaysAsync(client, "MAIL FROM:<>\r\nRCPT TO:<b@b.test>\r\n");
        await using var server = await upgrade;
        Assert.False(server.IsEncrypted);
        await SaysAsync(server, "220 the library's greeting\r\n");
        Assert.Equal("EHLO old.test", await LineAsync(server));
        await SaysAsync(server, "250-the library\r\n250 STARTTLS\r\n");
        Assert.Equal("MAIL FROM:<>", await LineAsync(server));
        await SaysAsync(server, "250 sender\r\n");
        Assert.Equal("RCPT TO:<b@b.test>", await LineAsync(server));
        Assert.Equal("250 sender", await LineAsync(client));
        await SaysAsync(server, "250 recipient\r\n");
        Assert.Equal("250 recipient", await LineAsync(client));

        // Too late, for the library's session cannot begin again.
        await SaysAsync(client, "RSET\r\n");
        Assert.Equal("RSET", await LineAsync(server));
        await SaysAsync(server, "250 reset\r\n");
        Assert.Equal("250 reset", await LineAsync(client));
        await SaysAsync(client, "XBLACKPONY V1 X25519-CHACHA20POLY1305 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\r\n");
        var nothing = server.ReadAsync(new byte[1], Cancel);
        Assert.StartsWith("454 ", await LineAsync(client), StringComparison.Ordinal);
        Assert.False(nothing.IsCompleted);
        await client.DisposeAsync();
        Assert.Equal(0, await nothing);
    }

    [Fact]
    public async Task A_server_that_does_not_allow_plaintext_takes_no_mail_in_it()
    {
        var upgrade = BlackPonyStream.AuthenticateAsServerAsync(_connection.Server, Server(new()), Cancel);
        var client = _connection.Client;
        await LineAsync(client);
        await SaysAsync(client, "EHLO old.test\r\n");
        Assert.Equal("250-mx.test", await LineAsync(client));
        Assert.StartsWith("250 XBLACKPONY V1 ", await LineAsync(client), StringComparison.Ordinal);
        foreach (var (command, reply) in ((string, string)[])[("MAIL FROM:<>", "530"), ("HELO x", "250"), ("DATA", "530"), ("NOOP", "250"),
            ("BDAT 5 LAST", "530"), ("QUIT", "221")])
        {
            await SaysAsync(client, command + "\r\n");
            Assert.StartsWith(reply, await LineAsync(client), StringComparison.Ordinal);
        }

        Assert.Contains("without an upgrade", (await Assert.ThrowsAsync<AuthenticationException>(() => upgrade)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_only_talks_is_left_at_some_point()
    {
        var upgrade = BlackPonyStream.AuthenticateAsServerAsync(_connection.Server, Server(new()), Cancel);
        await SaysAsync(_connection.Client, string.Concat(Enumerable.Repeat("NOOP\r\n", 200)));
        await Assert.ThrowsAsync<AuthenticationException>(() => upgrade);
        await _connection.Server.DisposeAsync();
        Assert.Contains("421 4.7.0 Too many commands", await CountAsync(_connection.Client, int.MaxValue), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_end_without_a_close_is_not_the_end_of_a_stream() // [BP-8.2-1]
    {
        var (client, server) = await BothAsync(new());
        await SaysAsync(client, "NOOP\r\n");
        await _connection.Client.DisposeAsync();
        Assert.Equal("NOOP", await LineAsync(server));
        var lost = await Assert.ThrowsAsync<IOException>(() => ReadAsync(server));
        Assert.Contains("truncated", lost.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(async () => await SaysAsync(server, "250 too late\r\n"));
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_record_that_does_not_verify_ends_both_sides_and_nothing_of_it_is_read() // [BP-8.3-1]
    {
        var (client, server) = await BothAsync(new());
        await _connection.Client.WriteAsync(new byte[300], Cancel);
        var failed = await Assert.ThrowsAsync<IOException>(() => ReadAsync(server));
        Assert.Contains("failure", failed.Message, StringComparison.Ordinal);
        var alerted = await Assert.ThrowsAsync<IOException>(() => ReadAsync(client));
        Assert.Contains("alert", alerted.Message, StringComparison.Ordinal);
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task After_221_the_session_closes_and_both_reads_end()
    {
        var (client, server) = await BothAsync(new());
        await SaysAsync(client, "QUIT\r\n");
        Assert.Equal("QUIT", await LineAsync(server));
        await SaysAsync(server, "221 bye\r\n");
        Assert.Equal("221 bye", await LineAsync(client));
        Assert.Equal(0, await client.ReadAsync(new byte[1], Cancel));
        Assert.Equal(0, await server.ReadAsync(new byte[1], Cancel));
        Assert.Equal(("close", "close"), (client.Report.Closed, server.Report.Closed));
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_is_disposed_of_says_421_and_closes()
    {
        var (client, server) = await BothAsync(new());
        var disposing = server.DisposeAsync().AsTask();
        Assert.StartsWith("421 ", await LineAsync(client), StringComparison.Ordinal);
        Assert.Equal(0, await client.ReadAsync(new byte[1], Cancel));
        await disposing;
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_stream_that_is_left_open_can_be_read_by_another_afterwards()
    {
        var (client, server) = await BothAsync(new() { LeaveInnerStreamOpen = true }, new() { LeaveInnerStreamOpen = true });
        await EndAsync(client, server);
        await SaysAsync(_connection.Client, "plain\r\n");
        Assert.Equal("plain", await LineAsync(_connection.Server));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ReadAsync(client));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await SaysAsync(client, "x"));
    }

    [Fact]
    public async Task A_peer_that_does_not_close_is_left_after_CloseTimeout() // [BP-8.1-6]
    {
        var clock = new FakeTimeProvider();
        var (client, server) = await BothAsync(new() { TimeProvider = clock });
        var disposing = client.DisposeAsync().AsTask();
        while (!disposing.IsCompleted)
        {
            clock.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        await disposing;
        Assert.Equal(0, await server.ReadAsync(new byte[1], Cancel));
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_does_not_greet_is_left_after_GreetingTimeout()
    {
        var clock = new FakeTimeProvider();
        var opening = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, Client(new() { TimeProvider = clock }), Cancel);
        clock.Advance(TimeSpan.FromSeconds(299));
        Assert.False(opening.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<AuthenticationException>(() => opening);
    }

    [Fact]
    public async Task A_call_that_is_cancelled_leaves_no_read_behind()
    {
        using var cancel = new CancellationTokenSource();
        var opening = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, Client(new()), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
        await SaysAsync(_connection.Server, "220 late\r\n");
        Assert.Equal("220 late", await LineAsync(_connection.Client));
    }

    [Fact]
    public async Task A_read_that_is_cancelled_loses_nothing()
    {
        var (client, server) = await BothAsync(new());
        using (var cancel = new CancellationTokenSource())
        {
            var reading = client.ReadAsync(new byte[10], cancel.Token).AsTask();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
        }

        await SaysAsync(server, "250 later\r\n");
        Assert.Equal("250 later", await LineAsync(client));
        client.ReadTimeout = 1;
        Assert.Throws<IOException>(() => client.Read(new byte[1], 0, 1));
        await EndAsync(client, server);
    }

    [Theory]
    [InlineData("a.test\r\nMAIL FROM:<>")]
    [InlineData("a test")]
    [InlineData("")]
    public void A_name_that_is_none_is_refused(string name) =>
        Assert.Throws<ArgumentException>(() =>
            { _ = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, new() { ClientName = name }, Cancel); });

    [Fact]
    public void ROT_is_refused_because_it_protects_nothing()
    {
        Assert.Throws<ArgumentException>(() =>
            { _ = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, new() { Suites = SuiteRegistry.All }, Cancel); });
        Assert.Throws<ArgumentException>(() =>
            { _ = BlackPonyStream.AuthenticateAsServerAsync(_connection.Server, new() { Suites = [] }, Cancel); });
    }

    private static BlackPonyClientAuthenticationOptions Client(BlackPonyClientAuthenticationOptions options)
    {
        (options.ClientName, options.RsaKeys) = ("a.test", TestRsaKeys.Client);
        return options;
    }

    private static BlackPonyServerAuthenticationOptions Server(BlackPonyServerAuthenticationOptions options)
    {
        (options.ServerName, options.RsaKeys) = ("mx.test", TestRsaKeys.Server);
        return options;
    }

    // What the client says inside by itself is read here, and answered.
    private async Task<(BlackPonyStream Client, BlackPonyStream Server)> BothAsync(
        BlackPonyClientAuthenticationOptions client, BlackPonyServerAuthenticationOptions? server = null)
    {
        bool greets = server?.BeginsWithGreeting ?? false;
        var opening = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, Client(client), Cancel);
        var there = await BlackPonyStream.AuthenticateAsServerAsync(_connection.Server, Server(server ?? new()), Cancel);
        Assert.Equal("EHLO a.test", await LineAsync(there));
        await SaysAsync(there, greets ? "220-this greeting\r\n220 is not sent\r\n250 mx.test\r\n" : "250 mx.test\r\n");
        return (await opening, there);
    }

    // The client's call against a server that is written by hand, which ends after its replies.
    private async Task<(List<string> Said, string Failure)> RefusedAsync(
        BlackPonyClientAuthenticationOptions options, string greeting, string ehlo)
    {
        var opening = BlackPonyStream.AuthenticateAsClientAsync(_connection.Client, Client(options), Cancel);
        await SaysAsync(_connection.Server, greeting + "\r\n");
        if (ehlo.Length > 0)
        {
            await SaysAsync(_connection.Server, ehlo + "\r\n");
        }

        var failure = await Assert.ThrowsAsync<AuthenticationException>(() => opening);
        await _connection.Client.DisposeAsync();
        var said = await CountAsync(_connection.Server, int.MaxValue);
        return ([.. said.Split("\r\n", StringSplitOptions.RemoveEmptyEntries)], failure.Message);
    }

    private static async Task EndAsync(BlackPonyStream client, BlackPonyStream server)
    {
        var disposing = client.DisposeAsync().AsTask();
        Assert.Equal(0, await server.ReadAsync(new byte[1], Cancel));
        await disposing;
        await server.DisposeAsync();
        Assert.Equal(("close", "close"), (client.Report.Closed, server.Report.Closed));
    }

    private static Task<int> ReadAsync(Stream stream) => stream.ReadAsync(new byte[1], Cancel).AsTask();

    private static Task SaysAsync(Stream stream, string text) => stream.WriteAsync(Encoding.ASCII.GetBytes(text), Cancel).AsTask();

    private static async Task<string> LineAsync(Stream stream)
    {
        var line = new StringBuilder();
        var octet = new byte[1];
        while (await stream.ReadAsync(octet, Cancel) > 0 && octet[0] != '\n')
        {
            line.Append((char)octet[0]);
        }

        return line.ToString().TrimEnd('\r');
    }

    private static async Task<string> CountAsync(Stream stream, int length)
    {
        var text = new StringBuilder();
        var octets = new byte[7000];
        while (text.Length < length && await stream.ReadAsync(octets, Cancel) is > 0 and var count)
        {
            text.Append(Encoding.ASCII.GetString(octets, 0, count));
        }

        return text.ToString();
    }
}
