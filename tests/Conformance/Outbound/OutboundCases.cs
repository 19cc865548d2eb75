using System.Net;
using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;
using Microsoft.Extensions.Logging.Abstractions;
using static BlackPony.Tests.Conformance.Outbound.OutboundDialogue;

namespace BlackPony.Tests.Conformance.Outbound;

/// <summary>A case for an outbound relay.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Title">What a good relay does.</param>
/// <param name="Requirements">What it checks; a failure that names none violates the first.</param>
/// <param name="Run">Throws a <see cref="BlackPony.Conformance.CaseFailedException"/>, or the relay passed.</param>
internal sealed record OutboundCase(string Id, string Title, string Requirements, Func<FaultyOutbound, Task> Run)
{
    public IReadOnlyList<string> Cites => Requirements.Split(' ');
}

/// <summary>The outbound relay, spec 10.5: between a client and a next server, and as a host.</summary>
internal static class OutboundCases
{
    public static IReadOnlyList<OutboundCase> All { get; } =
    [
        // [BP-10.5-1] An outbound relay MUST keep to Section 9 and to what Section 10.4 says of servers and DNS with every next hop.
        new("O-10.5-1", "Under required a next server without encryption gets no mail", "BP-10.5-1", async fault =>
        {
            await using var sink = new MailSink();
            using var client = await HostAsync(fault, s => s with
            {
                Mailer = s.Mailer with { Policy = ClientPolicy.Required },
                Routes = new RouteTable(new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", sink.Port) }, sink.Port),
            });
            That((await client.SayAsync("EHLO a.test")).StartsWith("250", StringComparison.Ordinal), "EHLO is refused.");
            await client.SayAsync("MAIL FROM:<s@a.test>");
            var reply = await client.SayAsync("RCPT TO:<r@b.test>");
            That(reply.StartsWith('4'), $"The recipient gets {reply}.");
            That(!sink.Sessions.Any(s => s.Commands.Any(c => c.StartsWith("MAIL", StringComparison.Ordinal))), "The next server got MAIL.");
        }),
        // [BP-10.5-2] An outbound relay MUST greet with 554 and close a client that is not allowed to use it; only loopback addresses are
        //   allowed if nothing else is set.
        new("O-10.5-2", "A client that is not allowed to use it gets 554 and the end", "BP-10.5-2", async fault =>
        {
            using var client = await HostAsync(fault, s => s with { Allowed = [IPNetwork.Parse("192.0.2.0/24")] });
            That(client.Greeting.StartsWith("554", StringComparison.Ordinal), $"The client is greeted with {client.Greeting}.");
            That(await client.LineAsync() is null, "The connection stays open.");
        }),
        // [BP-10.5-4] An outbound relay MUST answer EHLO itself, and offer PIPELINING, 8BITMIME, SMTPUTF8 and SIZE without a number, and
        //   nothing else.
        Case("O-10.5-4", "EHLO is answered with PIPELINING, 8BITMIME, SMTPUTF8 and SIZE without a number, and nothing else",
            "BP-10.5-4", d =>
        {
            d.Client();
            var lines = d.Say("EHLO a.test").Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(l => l[4..]).Order();
            That(lines.SequenceEqual(["8BITMIME", "PIPELINING", "SIZE", "SMTPUTF8"]), $"The reply lists {string.Join(", ", lines)}.");
        }),
        // [BP-10.5-5] An outbound relay MUST answer MAIL with 250 and keep it back until a recipient tells the route, and connect then, or
        //   go on with the connection of the transaction before if it has the same route.
        Case("O-10.5-5", "MAIL gets 250 and waits for a recipient; the next transaction to the same route goes on with the same connection",
            "BP-10.5-5", d =>
        {
            d.Client();
            d.Say("EHLO a.test");
            var reply = d.Say("MAIL FROM:<waits@a.test>");
            That(reply.StartsWith("250", StringComparison.Ordinal), $"MAIL is answered with {reply}");
            That(d.Take().Request == SessionRequest.None, "The relay connects before it knows the route.");
            d.Say("RCPT TO:<r@b.test>");
            That(d.Take() == (SessionRequest.Connect, "b.test"), "The relay does not connect to the route.");
            d.Next("220 mx\r\n");
            d.Next("250 mx\r\n");
            d.Next("250 ok\r\n");
            d.Next("250 ok\r\n");
            d.Say("DATA");
            d.Next("354 go\r\n");
            d.Say("x\r\n.");
            d.Next("250 queued\r\n");
            d.Sent();
            d.Say("MAIL FROM:<again@a.test>");
            d.Say("RCPT TO:<r@alias.test>");
            That(d.Take().Request == SessionRequest.None && d.Sent().StartsWith("MAIL FROM:<again@a.test>", StringComparison.Ordinal),
                "The relay does not go on with the connection that it has.");
        }),
        // [BP-10.5-6] An outbound relay MUST answer a recipient with what the next hop, or the mailer for it, replied instead of taking
        //   MAIL: to its greeting, EHLO or MAIL.
        Case("O-10.5-6", "A recipient gets what the next server replied to greeting, EHLO or MAIL instead of taking the mail",
            "BP-10.5-6", d =>
        {
            d.Begin();
            d.Next("220 mx\r\n");
            d.Next("250 mx\r\n");
            var reply = d.Next("553-bad\r\n553 sender\r\n");
            That(reply == "553-bad\r\n553 sender\r\n", $"The recipient gets {reply}");
            That(d.Say("RCPT TO:<s@b.test>") == reply, "The second recipient gets another reply.");
        }),
        // [BP-10.5-7] An outbound relay MUST answer 452 to a recipient whose route is another than that of the recipients which were
        //   accepted in the transaction.
        Case("O-10.5-7", "A recipient of another route gets 452", "BP-10.5-7", d =>
        {
            d.Open("250-mx\r\n250 PIPELINING\r\n");
            d.Next("250 ok\r\n250 ok\r\n");
            d.Sent();
            var reply = d.Say("RCPT TO:<r@c.test>");
            That(reply.StartsWith("452", StringComparison.Ordinal),
                $"The recipient of another route gets {(reply.Length == 0 ? "the next server's reply" : reply)}.");
            That(d.Sent().Length == 0, "The recipient went to the route of another.");
        }),
        // [BP-10.5-8] An outbound relay MUST remove SIZE and BODY from MAIL if the next hop does not offer SIZE or 8BITMIME.
        Case("O-10.5-8", "SIZE and BODY do not go to a server that offers neither", "BP-10.5-8", d =>
        {
            d.Open("250 mx\r\n", "MAIL FROM:<s@a.test> SIZE=1000 BODY=8BITMIME");
            var sent = d.Sent();
            That(sent.EndsWith("MAIL FROM:<s@a.test>\r\n", StringComparison.Ordinal), $"The next server got {sent}");
        }),
        // [BP-10.5-9] An outbound relay MUST pass on a message octet by octet, 8-bit octets included, whatever the next hop offers.
        Case("O-10.5-9", "A message passes octet by octet", "BP-10.5-9", d =>
        {
            const string Message = "bare \r and \n, NUL \0, \x80\xFF\r\n..\r\n\n.\n\r\n.\r\n";
            d.StartData();
            d.Octets(Message);
            That(d.Sent() == Message, "The next server got other octets.");
        }),
        // [BP-10.5-10] An outbound relay MUST answer 550 to the recipients of a MAIL with SMTPUTF8 if the next hop does not offer it.
        Case("O-10.5-10", "Internationalized mail gets 550 where the next server does not offer SMTPUTF8", "BP-10.5-10", d =>
        {
            d.Begin("MAIL FROM:<s@a.test> SMTPUTF8");
            d.Next("220 mx\r\n");
            d.Sent();
            var reply = d.Next("250 mx\r\n");
            That(reply.StartsWith("550", StringComparison.Ordinal),
                $"The recipient gets {(reply.Length == 0 ? $"nothing, and the next server {d.Sent()}" : reply)}.");
        }),
        // [BP-10.5-11] An outbound relay MUST pass on the next hop's replies to RCPT, DATA and the message octet by octet, but with 451
        //   instead of 421.
        Case("O-10.5-11", "Replies pass octet by octet, but with 451 in the place of 421", "BP-10.5-11", d =>
        {
            d.Open("250 mx\r\n");
            d.Next("250 ok\r\n");
            var reply = d.Next("250-fine\r\n250 really \r\n");
            That(reply == "250-fine\r\n250 really \r\n", $"The recipient gets {reply}");
            d.Say("DATA");
            reply = d.Next("421 stopping\r\n");
            That(reply == "451 stopping\r\n", $"DATA gets {reply}");
        }),
        // [BP-10.5-13] An outbound relay SHOULD use STARTTLS, without authenticating the server, with a next hop that offers it and where
        //   its policy has turned the session to plaintext.
        Case("O-10.5-13", "A next server without encryption that offers STARTTLS is spoken to in TLS", "BP-10.5-13", d =>
        {
            d.Begin();
            d.Next("220 mx\r\n");
            d.Next("250-mx\r\n250 STARTTLS\r\n");
            var sent = d.Sent();
            That(sent == "EHLO a.test\r\nSTARTTLS\r\n", $"The next server got {sent}");
        }),
        // [BP-10.5-14] An outbound relay whose TLS does not come about SHOULD make one fresh connection without it.
        Case("O-10.5-14", "Where TLS fails there is one fresh connection without it", "BP-10.5-14", d =>
        {
            d.Begin();
            d.Next("220 mx\r\n");
            d.Next("250-mx\r\n250 STARTTLS\r\n");
            d.Next("220 go\r\n");
            d.Take();
            d.TlsDone(secured: false);
            That(d.Take().Request == SessionRequest.Connect, "There is no fresh connection.");
            d.Sent();
            d.Next("220 mx\r\n");
            d.Next("250-mx\r\n250 STARTTLS\r\n");
            That(d.Sent() == "EHLO a.test\r\nMAIL FROM:<s@a.test>\r\n", "The fresh connection is not plain.");
        }),
        // [BP-10.5-15] An outbound relay MUST NOT acknowledge a message before the next hop has, and answer 451 if the next hop is lost
        //   before its reply.
        Case("O-10.5-15", "No message is acknowledged before the next server has; where that is lost it gets 451", "BP-10.5-15", d =>
        {
            d.StartData();
            var early = d.Say("message\r\n.");
            That(early.Length == 0, $"Before the next server has answered the message gets {early}");
            d.NextEnds();
            var reply = d.Client();
            That(reply.StartsWith("451", StringComparison.Ordinal), $"A message whose next server is lost gets {reply}");
        }),
        // [BP-10.5-16] An outbound relay MUST NOT complete a message whose client did not complete it.
        Case("O-10.5-16", "A message that its client did not complete is not completed", "BP-10.5-16", d =>
        {
            d.StartData();
            d.Say("half");
            d.ClientEnds();
            That(!d.Sent().Contains("\r\n.\r\n", StringComparison.Ordinal), "The next server got the whole of half a message.");
        }),
        // [BP-10.5-17] An outbound relay MUST NOT interpret an octet that came after the 220 to STARTTLS and before TLS; it answers the
        //   recipient with 451.
        Case("O-10.5-17", "Octets behind the 220 to STARTTLS are not interpreted, and the recipient gets 451", "BP-10.5-17", d =>
        {
            d.Begin();
            d.Next("220 mx\r\n");
            d.Next("250-mx\r\n250 STARTTLS\r\n");
            var reply = d.Next("220 go\r\n250 forged\r\n");
            That(reply.StartsWith("451", StringComparison.Ordinal), $"The recipient gets {(reply.Length == 0 ? "nothing" : reply)}.");
        }),
        // [BP-10.5-18] An outbound relay MUST answer a command line with a bare LF, a bare CR or a NUL with 501, one longer than
        //   `MaxOtherCommandLine` with 500, and close.
        Case("O-10.5-18", "A command with a bare LF, bare CR or NUL gets 501, one that is too long 500, and each the end",
            "BP-10.5-18", fault =>
        {
            foreach (var (line, code) in (List<(string, string)>)[("NOOP\nNOOP\r\n", "501"), ("NO\rOP\r\n", "501"), ("NO\0OP\r\n", "501"),
                ("NOOP " + new string('x', 13_000) + "\r\n", "500")])
            {
                var d = new OutboundDialogue(fault);
                d.Client();
                var reply = d.Octets(line);
                That(reply.StartsWith(code, StringComparison.Ordinal), $"The line gets {reply}");
                That(d.Take().Request == SessionRequest.Close, "The session goes on.");
            }
        }),
        // [BP-10.5-19] An outbound relay MUST accept a reply to MAIL, RCPT, DATA, RSET or the message that has lines which are too long,
        //   too many lines, or lines that end in a bare LF, and pass on no more than `MaxReplyLine` octets of a line and `MaxEhloLines`
        //   lines.
        Case("O-10.5-19", "A message that was taken with too long a reply is acknowledged, with a shorter one", "BP-10.5-19", d =>
        {
            d.StartData();
            d.Say("message\r\n.");
            var line = "250-" + new string('x', 5000) + "\r\n";
            var lines = d.Next(string.Concat(Enumerable.Repeat(line, 200)) + "250 done\r\n").Split("\r\n")[..^1];
            That(lines.Length > 0 && lines.All(l => l.StartsWith("250", StringComparison.Ordinal)),
                $"The message gets {lines.FirstOrDefault()}.");
            That(lines.Length <= Limits.MaxEhloLines && lines.All(l => l.Length + 2 <= Limits.MaxReplyLine),
                $"The reply has {lines.Length} lines.");
        }),
        // [BP-10.5-20] An outbound relay MUST answer 555 to a parameter of MAIL or RCPT that it does not offer, and to BODY=BINARYMIME.
        Case("O-10.5-20", "A parameter that is not offered gets 555", "BP-10.5-20", d =>
        {
            d.Client();
            d.Say("EHLO a.test");
            foreach (var parameter in (string[])["RET=HDRS", "BODY=BINARYMIME"])
            {
                var reply = d.Say("MAIL FROM:<s@a.test> " + parameter);
                That(reply.StartsWith("555", StringComparison.Ordinal), $"{parameter} gets {reply}");
            }
        }),
        // [BP-10.5-21] An outbound relay that gets 421 or is left by the next hop in a connection kept from an earlier transaction, before
        //   a recipient of the new one was accepted, SHOULD make one fresh connection.
        Case("O-10.5-21", "A kept connection that ends at MAIL is followed by a fresh one", "BP-10.5-21", d =>
        {
            d.StartData();
            d.Say("x\r\n.");
            d.Next("250 queued\r\n");
            d.Say("MAIL FROM:<kept@a.test>");
            d.Say("RCPT TO:<r@b.test>");
            d.Sent();
            var reply = d.Next("421 4.7.0 no more\r\n");
            That(reply.Length == 0, $"The recipient gets {reply}");
            That(d.Take().Request == SessionRequest.Connect, "There is no fresh connection.");
        }),
        // [BP-10.5-22] An outbound relay MUST answer a recipient after `RecipientTimeout` if it has found no next hop by then.
        Case("O-10.5-22", "A recipient for whom no next server is found gets its answer all the same", "BP-10.5-22", d =>
        {
            d.Begin(recipient: "RCPT TO:<r@slow.test>");
            d.SearchTimesOut();
            var reply = d.Client();
            That(reply.StartsWith("451", StringComparison.Ordinal), $"The recipient gets {(reply.Length == 0 ? "nothing" : reply)}.");
        }),
        // [BP-10.5-23] An outbound relay MUST treat as malformed a multi-line reply with another code in it, or a line without a code; the
        //   code counts all the same if the first line has a 4yz or 5yz and no other line has another code.
        Case("O-10.5-23", "The code of a malformed reply of several lines counts if it is clear", "BP-10.5-23", f =>
        {
            foreach (var (malformed, code) in ((string, string)[])[("550-no\r\nsuch user\r\n", "550"), ("250-yes\r\n550 no\r\n", "451"),
                ("550-no\r\n250 yes\r\n", "451")])
            {
                var d = new OutboundDialogue(f);
                d.Open("250 mx\r\n");
                d.Next("250 ok\r\n");
                var reply = d.Next(malformed);
                That(reply.StartsWith(code, StringComparison.Ordinal), $"The recipient gets {reply}");
            }
        }),
    ];

    private static OutboundCase Case(string id, string title, string requirements, Action<OutboundDialogue> run) =>
        Case(id, title, requirements, f => run(new OutboundDialogue(f)));

    private static OutboundCase Case(string id, string title, string requirements, Action<FaultyOutbound> run) =>
        new(id, title, requirements, fault =>
        {
            run(fault);
            return Task.CompletedTask;
        });

    private static async Task<HostClient> HostAsync(FaultyOutbound fault, Func<OutboundSettings, OutboundSettings> settings)
    {
        var usual = settings(new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client)));
        var server = new OutboundServer(fault.Settings(usual), NullLogger.Instance);
        server.Start();
        var client = new HostClient(server);
        await client.ConnectAsync();
        return client;
    }

    private sealed class HostClient(OutboundServer server) : IDisposable
    {
        private readonly TcpClient _socket = new();
        private StreamReader _reader = null!;

        public string Greeting { get; private set; } = "";

        public async Task ConnectAsync()
        {
            await _socket.ConnectAsync(server.EndPoints[0]);
            _reader = new StreamReader(_socket.GetStream(), Encoding.Latin1);
            Greeting = await ReplyAsync();
        }

        public Task<string?> LineAsync() => _reader.ReadLineAsync();

        public async Task<string> SayAsync(string line)
        {
            await _socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"));
            return await ReplyAsync();
        }

        public void Dispose()
        {
            _socket.Dispose();
            server.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }

        private async Task<string> ReplyAsync()
        {
            while (await LineAsync() is { } line)
            {
                if (line.Length < 4 || line[3] == ' ')
                {
                    return line;
                }
            }

            return "the end of the connection";
        }
    }
}
