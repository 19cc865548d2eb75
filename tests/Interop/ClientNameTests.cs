using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using BlackPony.Conformance.Targets;
using BlackPony.Tests.Interop.Networks;
using BlackPony.Tests.Interop.Servers;

namespace BlackPony.Tests.Interop;

/// <summary>What <c>listen --xclient</c> tells the mail server of a client's name and address.</summary>
public sealed class ClientNameTests : IDisposable
{
    private const string Pointer = "9.0.0.127.in-addr.arpa";

    private readonly string _folder = ServerInstall.Open(Directory.CreateTempSubdirectory("blackpony-").FullName);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("mail.a.test", "127.0.0.9", "", "NAME=mail.a.test REVERSE_NAME=mail.a.test")]
    [InlineData("mail.a.test", "127.0.0.8", "", "NAME=[UNAVAILABLE] REVERSE_NAME=mail.a.test")]
    [InlineData("mail.a.test", "", "", "NAME=[UNAVAILABLE] REVERSE_NAME=mail.a.test")]
    [InlineData("mail.a.test", "", "mail.a.test", "NAME=[TEMPUNAVAIL] REVERSE_NAME=mail.a.test")]
    [InlineData("", "", "", "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]")]
    [InlineData("", "", Pointer, "NAME=[TEMPUNAVAIL] REVERSE_NAME=[TEMPUNAVAIL]")]
    [InlineData("127.0.0.9", "127.0.0.9", "", "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]")]
    [InlineData("a LOGIN=root.test", "127.0.0.9", "", "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]")]
    [InlineData("a\r\nRSET.test", "127.0.0.9", "", "NAME=[UNAVAILABLE] REVERSE_NAME=[UNAVAILABLE]")]
    public async Task A_name_that_leads_back_to_the_client_is_told_and_no_other(string name, string address, string broken, string told)
    {
        using var zone = new ReverseZone();
        if (name.Length > 0)
        {
            zone.Pointer(Pointer, name);
        }

        if (address.Length > 0)
        {
            zone.Address(name, address);
        }

        zone.Break(broken);
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR PORT REVERSE_NAME", "8BITMIME"] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient", "--allow-open-backend", "--dns",
            $"127.0.0.1:{zone.Port}");
        using var person = await FromAsync("127.0.0.9", port);
        Assert.Contains(sink.Sessions.SelectMany(s => s.Commands), c =>
            c.StartsWith($"XCLIENT {told} ADDR=127.0.0.9 PORT=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Attributes_that_the_server_does_not_list_are_not_said()
    {
        await using var sink = new MailSink { Extensions = ["xclient name addr"] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient", "--allow-open-backend");
        using var person = await SmtpUser.ConnectAsync(port);
        Assert.Contains(sink.Sessions.SelectMany(s => s.Commands), c => c == "XCLIENT NAME=localhost ADDR=127.0.0.1");
    }

    [Fact]
    public async Task A_name_server_that_does_not_answer_delays_a_session_and_does_not_end_it()
    {
        using var silent = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        await using var sink = new MailSink { Extensions = ["XCLIENT NAME ADDR"] };
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, sink.Port, "--xclient", "--allow-open-backend", "--dns",
            $"127.0.0.1:{((IPEndPoint)silent.Client.LocalEndPoint!).Port}");
        using var person = await FromAsync("127.0.0.9", port);
        Assert.Contains(sink.Sessions.SelectMany(s => s.Commands), c => c == "XCLIENT NAME=[TEMPUNAVAIL] ADDR=127.0.0.9");
    }

    [Theory]
    [InlineData("reject_unknown_client_hostname")]
    [InlineData("reject_unknown_reverse_client_hostname")]
    public async Task Postfix_that_wants_a_name_takes_mail_from_a_client_that_has_one_and_from_no_other(string restriction)
    {
        using var zone = new ReverseZone();
        zone.Pointer(Pointer, "mail.a.test");
        zone.Address("mail.a.test", "127.0.0.9");
        using var server = await StockServer.StartAsync(
            Path.Combine(_folder, "b"), "postfix", "smtpd_authorized_xclient_hosts=127.0.0.1", $"smtpd_client_restrictions={restriction}");
        int port = FreePorts.Next();
        using var listen = await BlackPonyProgram.ListenAsync(port, server.Port, "--xclient", "--dns", $"127.0.0.1:{zone.Port}");
        await listen.SaysAsync("and refuses");
        foreach (var (address, code) in (List<(string, string)>)[("127.0.0.9", "250"), ("127.0.0.8", "450")])
        {
            using var person = await FromAsync(address, port);
            await person.SayAsync("EHLO a.test", "250");
            await person.SayAsync("MAIL FROM:<>", "250");
            Assert.Equal(code == "450", (await person.SayAsync("RCPT TO:<root@b.test>", code))
                .Contains("cannot find your", StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData("--xclient")]
    [InlineData("--proxy-protocol", "v1")]
    public async Task The_address_of_a_link_local_client_is_told_without_its_scope(string option, string? version = null)
    {
        await using var world = await NetworkScenario.StartAsync(near: [NetworkScenario.Near4 + "/24", NetworkScenario.NearLink + "/64"]);
        var sink = world.MailServer();
        sink.Extensions = ["XCLIENT NAME ADDR"];
        sink.Answer = (_, line) => line.StartsWith("XCLIENT ", StringComparison.Ordinal) ? "220 sink.test again\r\n" : null;

        // With its scope, which the system gives.
        var own = world.InNear(() => NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(i => i.GetIPProperties().UnicastAddresses).Select(a => a.Address)
            .Single(a => $"{a}".StartsWith(NetworkScenario.NearLink + '%', StringComparison.Ordinal)));
        string[] options = version is null ? [option] : [option, version];
        using var listen = world.Listen(
            ["--listen", $"[{own}]:2525", "--backend", $"{NetworkScenario.Good}:25", "--allow-open-backend", .. options]);
        using var person = new SmtpUser(await Wait.RetryAsync(() => Task.FromResult(world.InNear(() =>
        {
            var client = new TcpClient(AddressFamily.InterNetworkV6);
            client.Connect(own, 2525);
            return client;
        }))));

        // A sink does not take PROXY.
        await person.ExpectAsync(version is null ? "220" : "421");
        Assert.Contains(sink.Sessions, s => s.Received.ToString().Contains(
            version is null
                ? $" ADDR=IPV6:{NetworkScenario.NearLink}\r\n"
                : $"PROXY TCP6 {NetworkScenario.NearLink} {NetworkScenario.NearLink} ",
            StringComparison.Ordinal));
    }

    private static async Task<SmtpUser> FromAsync(string address, int port)
    {
        var client = new TcpClient(new IPEndPoint(IPAddress.Parse(address), 0));
        await client.ConnectAsync("127.0.0.1", port, TestContext.Current.CancellationToken);
        var person = new SmtpUser(client);
        await person.ExpectAsync("220");
        return person;
    }
}
