using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>Whoever comes through <c>listen</c> stays a stranger for the mail server behind, whatever it says.</summary>
public sealed class StrangersTests(StrangersTests.PostfixDoor door) : IClassFixture<StrangersTests.PostfixDoor>
{
    /// <summary>Ways to say XCLIENT that a mail server may understand.</summary>
    public static TheoryData<string> Spellings =>
    [
        "XCLIENT NAME=localhost ADDR=127.0.0.1", "xclient NAME=localhost ADDR=127.0.0.1", " XCLIENT NAME=localhost ADDR=127.0.0.1",
        "\tXCLIENT NAME=localhost ADDR=127.0.0.1",
        "XCLIENT\tNAME=localhost ADDR=127.0.0.1", "XCLIENT\vNAME=localhost ADDR=127.0.0.1", "  \t XClient\t NAME=localhost ADDR=127.0.0.1",
        "NOOP\rXCLIENT NAME=localhost ADDR=127.0.0.1",
        "NOOP\nXCLIENT NAME=localhost ADDR=127.0.0.1", "NOOP\0\r\nXCLIENT NAME=localhost ADDR=127.0.0.1",
        "XCLIENT\0NAME=localhost ADDR=127.0.0.1", "XFORWARD NAME=localhost ADDR=127.0.0.1",
        "PROXY TCP4 127.0.0.1 127.0.0.1 1 25",
    ];

    /// <summary>Ends of a message that some mail servers take for one, and none of which is.</summary>
    public static TheoryData<string> FalseEnds => ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\n",
        "\0\n.\n", "\n\r.\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n"];

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task Nobody_tells_Postfix_an_address_that_is_not_theirs(string spelling) // [BP-10.1-4], [BP-10.1-10]
    {
        var said = await door.SayAsync(
            $"EHLO x.test\r\n{spelling}\r\nEHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<victim@elsewhere.test>\r\nQUIT\r\n");
        Assert.Matches("Relay access denied|Bare LF, bare CR or NUL", said);
        Assert.DoesNotContain("2.1.5 Ok", said, StringComparison.Ordinal);

        // Not even asked: what Postfix says to it.
        Assert.DoesNotContain("insufficient authorization", said, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(FalseEnds))]
    public async Task Nobody_hides_XCLIENT_in_a_message(string end) // [BP-10.1-11]
    {
        var said = await door.SayAsync($"EHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<u@b.test>\r\nDATA\r\n"
            + $"Subject: s\r\n\r\nhello{end}XCLIENT NAME=localhost ADDR=127.0.0.1\r\nEHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT "
            + "TO:<victim@elsewhere.test>\r\nQUIT\r\n.\r\nQUIT\r\n");
        Assert.Contains("354", said, StringComparison.Ordinal);
        Assert.DoesNotContain("2.1.5 Ok", said[said.IndexOf("354", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_says_XCLIENT_within_TLS() // [BP-10.1-11]
    {
        var said = await door.SayInTlsAsync(
            "EHLO x.test\r\nXCLIENT NAME=localhost ADDR=127.0.0.1\r\nEHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT "
                + "TO:<victim@elsewhere.test>\r\nQUIT\r\n");
        Assert.DoesNotContain("2.1.5 Ok", said, StringComparison.Ordinal);
    }

    /// <summary>Postfix behind <c>listen --xclient</c>.</summary>
    public sealed class PostfixDoor : IAsyncLifetime
    {
        private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);
        private readonly int _port = FreePorts.Next();
        private Postfix? _postfix;
        private BlackPonyProgram? _listen;

        /// <summary>What Postfix logged.</summary>
        public string Log => _postfix!.Log;

        private readonly Lazy<Task> _started;

        /// <summary>Starts nothing yet.</summary>
        public PostfixDoor() => _started = new(StartAsync);

        /// <inheritdoc/>
        public ValueTask InitializeAsync() => ValueTask.CompletedTask;

        // Within a test, because a fixture cannot skip tests.
        private async Task StartAsync()
        {
            ServerInstall.Need("postfix");
            _postfix = await Postfix.StartAsync(Path.Combine(_folder, "postfix"), "mx.b.test", "b.test",
                "smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_authorized_xforward_hosts = 127.0.0.1");
            _listen = await BlackPonyProgram.ListenAsync(_port, _postfix.Port, "--xclient");
        }

        /// <inheritdoc/>
        public ValueTask DisposeAsync()
        {
            _listen?.Dispose();
            _postfix?.Dispose();
            Directory.Delete(_folder, recursive: true);
            return ValueTask.CompletedTask;
        }

        /// <summary>Says it all at once.</summary>
        public async Task<string> SayAsync(string octets)
        {
            await _started.Value;
            // From an address that Postfix does not trust.
            using var client = new TcpClient(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 0)) { NoDelay = true };
            await client.ConnectAsync("127.0.0.1", _port);
            var said = new MemoryStream();
            var reading = client.GetStream().CopyToAsync(said);
            try
            {
                await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(octets));
                client.Client.Shutdown(SocketShutdown.Send);
                await reading.WaitAsync(Wait.HangGuard);
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                // The door was shut: what came before counts.
                await reading.WaitAsync(Wait.HangGuard).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            return Encoding.Latin1.GetString(said.ToArray());
        }

        /// <summary>Says it line by line behind STARTTLS.</summary>
        public async Task<string> SayInTlsAsync(string octets)
        {
            await _started.Value;
            using var client = new TcpClient(new IPEndPoint(IPAddress.Parse("127.0.0.9"), 0)) { NoDelay = true };
            await client.ConnectAsync("127.0.0.1", _port);
            var person = new SmtpUser(client);
            await person.ExpectAsync("220");
            await person.SayAsync("EHLO x.test", "250");
            await person.SayAsync("STARTTLS", "220");
#pragma warning disable CA5359 // A stranger does not care who the server is.
            using var tls = new SslStream(client.GetStream(), false, (_, _, _, _) => true);
#pragma warning restore CA5359
            await tls.AuthenticateAsClientAsync("mx.b.test");
            var said = new StringBuilder();
            using var reader = new StreamReader(tls, Encoding.Latin1);
            foreach (var line in octets.Split("\r\n", StringSplitOptions.RemoveEmptyEntries))
            {
                await tls.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"));
                string? reply;
                do
                {
                    reply = await reader.ReadLineAsync();
                    said.Append(reply).Append('\n');
                }
                while (reply is [_, _, _, '-', ..]);
            }

            return said.ToString();
        }
    }
}
