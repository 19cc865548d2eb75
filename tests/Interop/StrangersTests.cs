using System.Net.Sockets;
using System.Text;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>Whoever comes through <c>listen</c> stays a stranger for the mail server behind, whatever it says.</summary>
public sealed class StrangersTests : IDisposable
{
    private readonly string _folder = Lab.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    /// <summary>Ways to say XCLIENT that a mail server may understand.</summary>
    public static TheoryData<string> Spellings =>
    [
        "XCLIENT NAME=localhost ADDR=127.0.0.1", "xclient NAME=localhost ADDR=127.0.0.1", " XCLIENT NAME=localhost ADDR=127.0.0.1", "\tXCLIENT NAME=localhost ADDR=127.0.0.1",
        "XCLIENT\tNAME=localhost ADDR=127.0.0.1", "XCLIENT\vNAME=localhost ADDR=127.0.0.1", "  \t XClient\t NAME=localhost ADDR=127.0.0.1", "NOOP\rXCLIENT NAME=localhost ADDR=127.0.0.1",
        "NOOP\nXCLIENT NAME=localhost ADDR=127.0.0.1", "NOOP\0\r\nXCLIENT NAME=localhost ADDR=127.0.0.1", "XCLIENT\0NAME=localhost ADDR=127.0.0.1", "XFORWARD NAME=localhost ADDR=127.0.0.1",
        "PROXY TCP4 127.0.0.1 127.0.0.1 1 25",
    ];

    /// <summary>Ends of a message that some mail servers take for one, and none of which is.</summary>
    public static TheoryData<string> FalseEnds => ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\n.\r", "\r.\n", "\0\n.\n", "\n\r.\r\n", "\r\n\0.\r\n", "\r\n.\0\r\n"];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Spellings))]
    public async Task Nobody_tells_Postfix_an_address_that_is_not_theirs(string spelling) // [BP-10.1-4]
    {
        await using var door = await PostfixDoor.OpenAsync(_folder);
        var said = await door.SayAsync($"EHLO x.test\r\n{spelling}\r\nEHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<victim@elsewhere.test>\r\nQUIT\r\n");
        Assert.DoesNotContain("2.1.5 Ok", said, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(FalseEnds))]
    public async Task Nobody_hides_XCLIENT_in_a_message(string end) // [BP-10.1-4], [BP-10.2-4]
    {
        await using var door = await PostfixDoor.OpenAsync(_folder);
        var said = await door.SayAsync($"EHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<u@b.test>\r\nDATA\r\n"
            + $"Subject: s\r\n\r\nhello{end}XCLIENT NAME=localhost ADDR=127.0.0.1\r\nEHLO x.test\r\nMAIL FROM:<s@x.test>\r\nRCPT TO:<victim@elsewhere.test>\r\nQUIT\r\n.\r\nQUIT\r\n");
        Assert.Contains("354", said, StringComparison.Ordinal);
        Assert.DoesNotContain("2.1.5 Ok", said[said.IndexOf("354", StringComparison.Ordinal)..], StringComparison.Ordinal);
        await Task.Delay(0, TestContext.Current.CancellationToken);
        Assert.DoesNotContain("victim", door.Log.Replace("<victim@elsewhere.test>: Relay access denied", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    /// <summary>Postfix behind <c>listen --xclient</c>.</summary>
    private sealed class PostfixDoor(Postfix postfix, BlackPonyProgram listen, int port) : IAsyncDisposable
    {
        public string Log => postfix.Log;

        public static async Task<PostfixDoor> OpenAsync(string folder)
        {
            Lab.Need("postfix");
            var postfix = await Postfix.StartAsync(Path.Combine(folder, "postfix"), "mx.b.test", "b.test", "smtpd_authorized_xclient_hosts = 127.0.0.1\nsmtpd_authorized_xforward_hosts = 127.0.0.1");
            int port = Repository.FreePort();
            var listen = await BlackPonyProgram.ListenAsync(port, postfix.Port, "--xclient");
            return new PostfixDoor(postfix, listen, port);
        }

        public async Task<string> SayAsync(string octets)
        {
            using var client = new TcpClient("127.0.0.1", port) { NoDelay = true };
            var reading = ReadAsync();
            await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(octets));
            client.Client.Shutdown(SocketShutdown.Send);
            return await reading.WaitAsync(TimeSpan.FromSeconds(60));

            async Task<string> ReadAsync()
            {
                using var reader = new StreamReader(client.GetStream(), Encoding.Latin1);
                try
                {
                    return await reader.ReadToEndAsync();
                }
                catch (IOException)
                {
                    return "";
                }
            }
        }

        public ValueTask DisposeAsync()
        {
            listen.Dispose();
            postfix.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
