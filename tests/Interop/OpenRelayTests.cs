using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>
/// Mail servers that relay for their own machine, each behind <c>listen</c>, which comes to them from this machine: whatever a stranger
/// says to get a message sent on, in plaintext or inside BlackPony, none leaves the server.
/// </summary>
public sealed class OpenRelayTests(ITestOutputHelper output) : IDisposable
{
    private const string Victim = "victim@elsewhere.test";

    /// <summary>Addresses that have been ways around what a server refuses.</summary>
    private static readonly string[] Recipients =
    [
        $"<{Victim}>", $"<{Victim}.>", "<VICTIM@ELSEWHERE.TEST>", "<\"victim\"@elsewhere.test>", "<postmaster@elsewhere.test>",
        "<victim(x)@elsewhere.test>", Victim,
        $"<@b.test:{Victim}>", $"<@b.test,@mx.b.test:{Victim}>", $"<@elsewhere.test:u@b.test>", $"<@[127.0.0.1]:{Victim}>",
        "<@mx.b.test:victim%elsewhere.test@b.test>",
        "<victim%elsewhere.test@b.test>", "<victim%elsewhere.test@mx.b.test>", "<victim%elsewhere.test>",
        "<victim%elsewhere.test@[127.0.0.1]>", "<victim%elsewhere.test@[127.0.0.2]>", "<victim%elsewhere.test@localhost>",
        "<victim%elsewhere.test%b.test@b.test>",
        $"<\"{Victim}\"@b.test>", $"<\"{Victim}\">", "<\"victim%elsewhere.test\"@b.test>", "<\"elsewhere.test!victim\"@b.test>",
        $"<\"{Victim}\"@[127.0.0.1]>", $"<{Victim}@b.test>", $"<u@b.test@elsewhere.test>",
        "<elsewhere.test!victim>", "<elsewhere.test!victim@b.test>", "<b.test!elsewhere.test!victim>",
        "<elsewhere.test!victim@[127.0.0.1]>", "<b.test!elsewhere.test!victim@b.test>",
        "<victim@[192.0.2.77]>", "<victim@[IPv6:2001:db8::77]>", "<victim@192.0.2.77>", "<victim@[127.0.0.1]>", "<victim@localhost>",
        "<victim@b.test.elsewhere.test>", "<victim@xb.test>", "<victim@elsewhere.test@>", "<victim@elsewhere.test\\@b.test>",
    ];

    private static readonly string[] Senders = ["<>", "<s@stranger.test>", "<u@b.test>", "<root@localhost>", "<@127.0.0.1:u@b.test>",
        "<u@[127.0.0.1]>"];

    /// <summary>What a stranger says first, to be taken for another.</summary>
    private static readonly string[] Spoofs =
    [
        "PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n", "PROXY UNKNOWN\r\n", "PROXY TCP6 ::1 ::1 40000 25\r\n",
        "proxy tcp4 127.0.0.1 127.0.0.1 40000 25\r\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\x7F\0\0\x01\x7F\0\0\x01\x9C\x40\0\x19", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
        "XCLIENT NAME=localhost ADDR=127.0.0.1\r\n", "EHLO localhost\r\nXCLIENT NAME=localhost ADDR=127.0.0.1 LOGIN=u\r\n",
        "EHLO localhost\r\nXFORWARD NAME=localhost ADDR=127.0.0.1 SOURCE=LOCAL\r\n",
        "EHLO localhost\r\nPROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n", "HELO [127.0.0.1]\r\n", "HELO mx.b.test\r\n",
        "EHLO localhost\r\nAUTH PLAIN AHUAdQ==\r\n", "EHLO localhost\r\nSTARTTLS\r\n", "EHLO localhost\r\nETRN elsewhere.test\r\n",
    ];

    /// <summary>An address of this machine that is no loopback address; no octet leaves the machine all the same.</summary>
    private static readonly IPAddress Stranger = NetworkInterface.GetAllNetworkInterfaces()
        .Where(i => i.OperationalStatus == OperationalStatus.Up).SelectMany(i => i.GetIPProperties().UnicastAddresses)
        .Select(a => a.Address)
        .FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a)) ?? IPAddress.Parse("127.0.0.9");

    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // [BP-10.1-1], [BP-10.1-2], [BP-10.1-4], [BP-10.1-9]
    [Theory]
    [InlineData("sendmail")]
    [InlineData("Postfix", "--xclient")]
    [InlineData("Postfix")]
    [InlineData("Postfix", "--proxy-protocol", "v1")]
    [InlineData("Postfix", "--proxy-protocol", "v2")]
    [InlineData("Exim")]
    [InlineData("Exim", "--proxy-protocol", "v1")]
    [InlineData("Exim", "--proxy-protocol", "v2")]
    [InlineData("OpenSMTPD")]
    public async Task A_stranger_gets_nothing_sent_on(string server, params string[] options)
    {
        await using var outside = new MailSink();
        using var own = await StartAsync(server, options, outside.Port);
        int door = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(door, own.Port, options);
        await using var strangers = new WireTap(door, Stranger);

        // This machine's own mail does leave the server: for one that is told who comes, through listen as well.
        int local = options is ["--proxy-protocol", _] ? door : own.Port;
        await SendOnAsync(local, outside, 1);
        int asked = 0;
        var kept = new List<string>();
        foreach (var connect in (Func<Task<SmtpUser>>[])[() => SmtpUser.ConnectAsync(strangers.Port),
            () => SmtpUser.ConnectInsideAsync(strangers.Port)])
        {
            foreach (var sender in Senders)
            {
                foreach (var recipients in Recipients.Chunk(20))
                {
                    asked += recipients.Length;
                    var subject = $"Subject: stolen {asked}";
                    if (await TryAsync(connect, sender, recipients, subject))
                    {
                        kept.Add(subject);
                    }
                }
            }
        }

        foreach (var spoof in Spoofs)
        {
            var answer = await SayAsync(strangers.Port,
                $"{spoof}EHLO localhost\r\nMAIL FROM:<>\r\nRCPT TO:<{Victim}>\r\nDATA\r\nSubject: stolen\r\n\r\n.\r\nQUIT\r\n");
            Assert.DoesNotContain("\n354", answer, StringComparison.Ordinal);
        }

        // What was taken was for the server's own mailboxes, and has come there; nothing went out before this machine's next message.
        await own.Mailbox.HasAsync(kept);
        await SendOnAsync(local, outside, 2);
        Assert.All(outside.Messages, m => Assert.Contains("Subject: own\r\n", m, StringComparison.Ordinal));
        if (options is ["--proxy-protocol", _] or ["--xclient"])
        {
            Assert.Contains($"[{Stranger}]", own.Log, StringComparison.Ordinal);
        }

        output.WriteLine(
            $"{server} {string.Join(' ', options)}: {asked} recipients asked for by {Stranger}, {kept.Count} transactions for the "
                + $"server's own mailboxes, {Spoofs.Length} spoofs; 0 sent on");
    }

    /// <summary>A server behind: its port, what it kept, and what it logged.</summary>
    private sealed record Behind(int Port, Mailbox Mailbox, Func<string> Read, IDisposable Server) : IDisposable
    {
        public string Log => Read();

        public void Dispose() => Server.Dispose();
    }

    private async Task<Behind> StartAsync(string name, string[] options, int outside)
    {
        var folder = Path.Combine(_folder, "b");
        switch (name)
        {
            case "sendmail":
                Sendmail.Need();
                int port = FreePorts.Next();
                var sendmail = await Sendmail.StartAsync(folder, "mx.b.test", "b.test", port, smartHost: outside);
                return new Behind(port, sendmail.Mailbox, () => "", sendmail);
            case "Postfix":
                ServerInstall.Need("postfix");
                var setting = options switch
                {
                    ["--xclient"] => "-o smtpd_authorized_xclient_hosts=127.0.0.1",
                    ["--proxy-protocol", _] => "-o smtpd_upstream_proxy_protocol=haproxy",
                    _ => "",
                };
                return Of(await Postfix.StartAsync(
                    folder, "mx.b.test", "b.test",
                    $"mynetworks = 127.0.0.1/32\nrelayhost = [127.0.0.1]:{outside}\nsmtpd_hard_error_limit = 1000\nsmtpd_error_sleep_time "
                        + "= 0",
                    p => $"127.0.0.1:{p} inet n - n - - smtpd {setting}"));
            case "Exim":
                ServerInstall.Need("exim", "exim-heavy");
                return Of(await Exim.StartAsync(
                    folder, "mx.b.test", ["b.test"],
                    $"each:\n  driver = manualroute\n  transport = direct\n  route_list = * 127.0.0.1::{outside}\n  self = send\n",
                    "direct:\n  driver = smtp\n  allow_localhost\n",
                    options is [] ? null : "127.0.0.1"));
            default:
                ServerInstall.Need("opensmtpd");
                return Of(await OpenSmtpd.StartAsync(folder, "mx.b.test", ["b.test"], [], outside));
        }

        static Behind Of(MailServer server) => new(server.Port, server.Mailbox, () => server.Log, server);
    }

    // The machine's own mail, which shows that the server sends on, and that what came before has gone.
    private static async Task SendOnAsync(int port, MailSink outside, int count)
    {
        await Matrix.Sending.SubmitAsync(port, "Subject: own\r\n\r\n"u8.ToArray(), [Victim]);
        await Wait.EventuallyAsync(() => outside.Messages.Count >= count, () => "The machine's own mail was not sent on.");
    }

    // One transaction; what the server takes gets a message, which may have several recipients that are the same in the end.
    private static async Task<bool> TryAsync(Func<Task<SmtpUser>> connect, string sender, string[] recipients, string subject)
    {
        using var person = await connect();
        await person.SayAsync("EHLO stranger.test", "250");
        if (!await person.AskAsync($"MAIL FROM:{sender}"))
        {
            return false;
        }

        int taken = 0;
        foreach (var recipient in recipients)
        {
            taken += await person.AskAsync($"RCPT TO:{recipient}") ? 1 : 0;
        }

        if (taken == 0)
        {
            return false;
        }

        await person.SayAsync("DATA", "354");
        await person.SayAsync($"{subject}\r\n\r\n.", "250");
        await person.SayAsync("QUIT", "221");
        return true;
    }

    // All at once, whatever comes of it: what was answered until the door was shut.
    private static async Task<string> SayAsync(int port, string octets)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync("127.0.0.1", port);
        var stream = client.GetStream();
        var said = new MemoryStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(octets));
            client.Client.Shutdown(SocketShutdown.Send);
            await stream.CopyToAsync(said).WaitAsync(Wait.HangGuard);
        }
        catch (TimeoutException)
        {
            Assert.Fail($"Said {octets}, and had no more answer than {Encoding.Latin1.GetString(said.ToArray())}");
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            // The door was shut.
        }

        return Encoding.Latin1.GetString(said.ToArray());
    }
}
