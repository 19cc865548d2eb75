using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Outbound;
using BlackPony.Tests.Interop.Servers;
using Microsoft.Extensions.Time.Testing;

namespace BlackPony.Tests.Interop.InProcess;

/// <summary>What hosts log and count. It runs alone: the counters are the process's.</summary>
[CollectionDefinition(nameof(HostReportTests), DisableParallelization = true)]
[Collection(nameof(HostReportTests))]
public sealed partial class HostReportTests
{
    [Fact]
    public void A_session_is_counted_by_what_became_of_it() // spec 11.1
    {
        using var meter = new Counts();
        Telemetry.ShowZeros();
        var reasons = SpecificationReasons().Matches(Repository.Read("spec", "blackpony.md")).Single().Value;
        Assert.Equal(
            [
                .. ((string[])["backend", "client", "full", "proxy"]).Select(r => $"blackpony.connections.refused 0 reason={r}"),
                .. Word().Matches(reasons).Select(m => m.Groups[1].Value).Concat(["dns", "memory"]).Order(StringComparer.Ordinal)
                    .Select(r => $"blackpony.deferrals 0 reason={r}"),
                "blackpony.downgrades 0", "blackpony.messages 0",
            ], meter.Take());
        Telemetry.SessionBegan();
        Telemetry.SessionEnded(new SessionReport { Suite = "A-SUITE", Encrypted = true, Closed = "close" }, 3, null);
        Assert.Equal(["blackpony.messages 3", "blackpony.sessions 1 suite=A-SUITE encrypted=yes closed=close"], meter.Take());
        Telemetry.SessionBegan();
        Telemetry.SessionEnded(new SessionReport { Reason = "broken", Downgrade = true }, 0, "refused-504");
        Assert.Equal(["blackpony.downgrades 1", "blackpony.fallbacks 1 reason=broken", "blackpony.handshake.failures 1 reason=refused-504",
            "blackpony.messages 0", "blackpony.sessions 1 suite=none encrypted=no closed=lost"], meter.Take());
        Telemetry.SessionBegan();
        Telemetry.SessionEnded(new SessionReport { Reason = "not-offered", Deferred = true }, 0, null);
        Assert.Contains("blackpony.deferrals 1 reason=not-offered", meter.Take());
        Telemetry.ConnectionRefused("full");
        Assert.Equal(["blackpony.connections.refused 1 reason=full"], meter.Take());
    }

    [Fact]
    public void Open_sessions_octets_and_RSA_keys_are_counted() // spec 11.1
    {
        using var meter = new Counts();
        var before = meter.Observe();
        Telemetry.SessionBegan();
        Telemetry.SessionBegan();
        Telemetry.SessionEnded(new SessionReport(), 0, null);
        Telemetry.Received(100);
        Telemetry.Received(20);
        Telemetry.Sent(3);
        Telemetry.MakeRsaKey().Dispose();
        var after = meter.Observe();
        Assert.Equal((1, 120, 3, 1), (Grown("blackpony.sessions.open"), Grown("blackpony.network.io direction=in"),
            Grown("blackpony.network.io direction=out"), Grown("blackpony.rsa.keys")));
        Telemetry.SessionEnded(new SessionReport(), 0, null);

        long Grown(string name) => after[name] - before[name];
    }

    [Fact]
    public async Task A_relay_counts_the_octets_of_its_clients_and_whom_it_refuses()
    {
        using var meter = new Counts();
        await using (var server = new EmbeddedServer(settings: s => s with { MaxSessions = 1 }))
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", server.Port, TestContext.Current.CancellationToken);
            var stream = client.GetStream();
            await ReadAsync(stream, "220");
            var before = meter.Observe();
            await SmtpUser.RefusedAsync(server.Port);
            Assert.Contains("blackpony.connections.refused 1 reason=full", meter.Take());
            await stream.WriteAsync("EHLO a.test\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
            int heard = await ReadAsync(stream, "250 ");
            await stream.WriteAsync("NOOP\r\n"u8.ToArray(), TestContext.Current.CancellationToken);
            heard += await ReadAsync(stream, "250 ");
            var after = meter.Observe();
            Assert.Equal((19, heard), (after["blackpony.network.io direction=in"] - before["blackpony.network.io direction=in"],
                (int)(after["blackpony.network.io direction=out"] - before["blackpony.network.io direction=out"])));
            client.Client.Shutdown(SocketShutdown.Send);
            while (await stream.ReadAsync(new byte[100], TestContext.Current.CancellationToken) > 0)
            {
            }
        }

        Assert.Contains(meter.Take(), m => m.StartsWith("blackpony.sessions 1 suite=none encrypted=no", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_relay_of_outgoing_mail_counts_sessions_messages_and_octets()
    {
        using var meter = new Counts();
        await using var sink = new MailSink();
        var settings = new OutboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], new MailerOptions(TestRsaKeys.Client))
        {
            Routes = new RouteTable(new Dictionary<string, Route> { ["*"] = new("[127.0.0.1]", sink.Port) }, sink.Port),
        };
        var before = meter.Observe();
        await using (var relay = new OutboundServer(settings, new LogLines()))
        {
            relay.Start();
            var person = await SmtpUser.ConnectAsync(relay.EndPoints[0].Port);
            await person.BeginMessageAsync("b@sink.test");
            Assert.Equal(1, meter.Observe()["blackpony.sessions.open"] - before.GetValueOrDefault("blackpony.sessions.open"));
            await person.SayAsync("Subject: s\r\n\r\nx\r\n.", "250");
            await person.SayAsync("QUIT", "221");
            person.Dispose();
            await relay.StopAsync(TestContext.Current.CancellationToken);
        }

        await Assert.Single(sink.Sessions).Ended.WaitAsync(Wait.HangGuard, TestContext.Current.CancellationToken);
        var after = meter.Observe();
        int sent = sink.Sessions.Single().Received.Length;
        // What it heard: the greeting, the reply to EHLO, and one to each other command and to the message.
        string[] replies = ["220 sink.test ESMTP", "250-sink.test", .. sink.Extensions.Select(e => "250 " + e), "250 2.0.0 Ok",
            "250 2.0.0 Ok", "354 Go ahead", "250 2.0.0 Kept", "221 2.0.0 Bye"];
        Assert.Equal((sent, replies.Sum(r => r.Length + 2)), ((int)Grown("blackpony.network.io direction=out"),
            (int)Grown("blackpony.network.io direction=in")));
        Assert.Equal(0, Grown("blackpony.sessions.open"));
        var counted = meter.Take();
        Assert.Equal(["blackpony.fallbacks 1 reason=not-offered", "blackpony.messages 1"], counted[..2]);
        Assert.StartsWith("blackpony.sessions 1 suite=none encrypted=no closed=", Assert.Single(counted[2..]), StringComparison.Ordinal);

        long Grown(string name) => after[name] - before.GetValueOrDefault(name);
    }

    [Fact]
    public void Each_domain_has_a_line_with_what_became_of_its_mail()
    {
        var log = new LogLines();
        var deliveries = new DeliveryLog(log) { Tls = "Tls13" };
        deliveries.Note(new DeliveryOutcome("a.test", DeliveryResult.Delivered, 250, IsMessage: false));
        deliveries.Note(new DeliveryOutcome("a.test", DeliveryResult.Delivered, 250, IsMessage: true));
        deliveries.Note(new DeliveryOutcome("b.test", DeliveryResult.Refused, 550, IsMessage: false));
        deliveries.Note(new DeliveryOutcome("b.test", DeliveryResult.Delivered, 250, IsMessage: true));
        deliveries.Note(new DeliveryOutcome("c.test", DeliveryResult.Deferred, 0, IsMessage: true));
        deliveries.Note(new DeliveryOutcome("d.test", DeliveryResult.TimedOut, 0, IsMessage: true));
        deliveries.Note(new DeliveryOutcome("e.test", DeliveryResult.Lost, 0, IsMessage: true));
        Assert.Empty(log.Text);
        deliveries.Write(new SessionReport { Peer = "mx.test", Suite = "S", Encrypted = true, Closed = "close" }, "[host.test]");
        const string Peer = "peer=mx.test suite=S encrypted=yes tls=Tls13";
        Assert.Equal(
            [$"Information: delivery to=a.test {Peer} reason=none deferred=no closed=close messages=1 outcome=delivered code=250",
                $"Information: delivery to=b.test {Peer} reason=reply-550 deferred=no closed=close messages=1 outcome=refused code=550",
                $"Information: delivery to=c.test {Peer} reason=none deferred=yes closed=close messages=0 outcome=deferred code=none",
                $"Information: delivery to=d.test {Peer} reason=timed-out deferred=yes closed=close messages=0 outcome=timed-out code=none",
                $"Information: delivery to=e.test {Peer} reason=lost deferred=yes closed=close messages=0 outcome=lost code=none"],
            log.Text.Split('\n'));

        // What comes to be known later has a line of its own, and no other is written again.
        deliveries.Note(new DeliveryOutcome("f.test", DeliveryResult.Abandoned, 0, IsMessage: true));
        Assert.Equal($"Information: delivery to=f.test {Peer} reason=none deferred=no closed=close messages=0 outcome=abandoned code=none",
            Assert.Single(log.Text.Split('\n')[5..]));
    }

    [Fact]
    public void Without_a_server_or_a_domain_the_host_has_a_line_and_many_domains_do_not_wait()
    {
        var log = new LogLines();
        new DeliveryLog(log).Write(null, "[host.test]");
        Assert.Equal("Information: delivery to=host.test peer=none suite=none encrypted=no tls=no reason=none deferred=no closed=none "
            + "messages=0 outcome=none code=none", log.Text);
        log = new LogLines();
        new DeliveryLog(log).Write(new SessionReport { Unremembered = "mx.test:25" }, "host.test");
        Assert.Equal("Warning: not remembered: the memory has no room for mx.test:25, which may get plaintext next time to=host.test",
            log.Text.Split('\n')[1]);
        log = new LogLines();
        var deliveries = new DeliveryLog(log);
        for (int i = 0; i < 99; i++)
        {
            deliveries.Note(new DeliveryOutcome($"{i}.test", DeliveryResult.Delivered, 250, IsMessage: true));
        }

        Assert.Empty(log.Text);
        deliveries.Note(new DeliveryOutcome("99.test", DeliveryResult.Delivered, 250, IsMessage: true));
        Assert.Equal(100, log.Text.Split('\n').Length);
    }

    [Fact]
    public void The_queue_ids_of_mail_servers_are_found_in_replies_that_come_in_parts()
    {
        Assert.Equal("none", Ids(("250 2.0.0 Ok: queued as AAAAA\r\n", 0)));
        Assert.Equal("AAAAA", Ids(("250 2.0.0 Ok: queued as AAAAA\r\n", 1)));
        Assert.Equal("AAAAA", Ids(("250 2.0.0 Ok: que", 0), ("ued as AAAAA\r\n", 1)));
        Assert.Equal("AAAAA", Ids(("250 Ok\r\n250 2.0.0 O", 0), ("k: queued", 0), (" as AAAAA\r\n", 1)));
        Assert.Equal("none", Ids(("250 2.0.0 Ok: que" + new string('x', 512), 0), ("250 Ok\r\n", 1)));
        Assert.Equal("4Xy12z,1abcDE-0000-12,4AS12345", Ids(("250 2.0.0 Ok: 123 bytes queued as 4Xy12z\r\n", 1),
            ("250 OK id=1abcDE-0000-12\r\n", 1), ("250 2.0.0 4AS12345 Message accepted for delivery\r\n", 1)));
        Assert.Equal("AAAA1", Ids(("250 Ok: queued as AAAA1\r\n250 Ok: queued as AAAA2\r\n", 1)));
        string[] eight = [.. Enumerable.Range(1, 8).Select(i => $"AAAA{i}")];
        Assert.Equal(string.Join(',', eight), Ids([.. eight.Select(i => ($"250 Ok: queued as {i}\r\n", 1))]));
        Assert.Equal(string.Join(',', eight) + ",...", Ids([.. eight.Append("AAAA9").Select(i => ($"250 Ok: queued as {i}\r\n", 1))]));
        Assert.Equal("none", Ids(("550 Ok: queued as AAAAA\r\n", 1), ("xx250 Ok: queued as AAAAA\r\n", 1),
            ("250 Ok: queued as AAAA\r\n", 1)));

        static string Ids(params (string Text, int Accepted)[] said)
        {
            var ids = new QueueIds();
            foreach (var (text, accepted) in said)
            {
                ids.Take(Encoding.ASCII.GetBytes(text), accepted);
            }

            return ids.ToString();
        }
    }

    [Fact]
    public void The_time_of_a_peer_begins_again_with_progress_another_patience_or_a_restart()
    {
        var clock = new FakeTimeProvider();
        var timeout = new ProgressTimeout(clock);
        Assert.Equal(10, Left(0, 10));
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(6, Left(0, 10));
        timeout.Restart();
        Assert.Equal(10, Left(0, 10));
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(10, Left(1, 10));
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Equal(20, Left(1, 20));
        clock.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal(0, Left(1, 20));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Left(1, 20));
        Assert.Equal(Timeout.InfiniteTimeSpan, timeout.Left(1, Timeout.InfiniteTimeSpan));

        double Left(long progress, int seconds) => timeout.Left(progress, TimeSpan.FromSeconds(seconds)).TotalSeconds;
    }

    [Theory]
    [InlineData(SocketError.AddressAlreadyInUse, "Another program has the port", true)]
    [InlineData(SocketError.AccessDenied, "needs root or the capability", false)]
    [InlineData(SocketError.AddressNotAvailable, "It is not an address of this machine.", false)]
    [InlineData(SocketError.NetworkDown, "Name another address or port.", false)]
    public void An_address_that_cannot_be_listened_on_says_why_and_what_to_do(SocketError error, string advice, bool isInUse)
    {
        var exception = new ListenException(IPEndPoint.Parse("192.0.2.1:25"), new SocketException((int)error));
        Assert.StartsWith("cannot listen on 192.0.2.1:25: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(advice, exception.Message, StringComparison.Ordinal);
        Assert.Equal(isInUse, exception.IsInUse);
    }

    // Up to the end of a line that begins so.
    private static async Task<int> ReadAsync(NetworkStream stream, string code)
    {
        var heard = new List<byte>();
        var one = new byte[1];
        while (!Encoding.ASCII.GetString([.. heard]).Split('\n')[..^1].Any(l => l.StartsWith(code, StringComparison.Ordinal)))
        {
            Assert.Equal(1, await stream.ReadAsync(one, TestContext.Current.CancellationToken));
            heard.Add(one[0]);
        }

        return heard.Count;
    }

    [GeneratedRegex("The reasons are .*?`unreachable`", RegexOptions.Singleline)]
    private static partial Regex SpecificationReasons();

    [GeneratedRegex("`([a-z-]+)`")]
    private static partial Regex Word();

    private sealed class Counts : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly List<string> _counts = [];
        private readonly Dictionary<string, long> _observed = [];

        public Counts()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == Telemetry.MeterName)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            {
                var labels = string.Concat(tags.ToArray().Select(t => $" {t.Key}={t.Value}"));
                lock (_counts)
                {
                    if (instrument.IsObservable)
                    {
                        _observed[instrument.Name + labels] = value;
                    }
                    else
                    {
                        _counts.Add($"{instrument.Name} {value}{labels}");
                    }
                }
            });
            _listener.Start();
        }

        public string[] Take()
        {
            lock (_counts)
            {
                string[] taken = [.. _counts.Order(StringComparer.Ordinal)];
                _counts.Clear();
                return taken;
            }
        }

        public Dictionary<string, long> Observe()
        {
            _listener.RecordObservableInstruments();
            lock (_counts)
            {
                return new Dictionary<string, long>(_observed);
            }
        }

        public void Dispose() => _listener.Dispose();
    }
}
