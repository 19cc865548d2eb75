using System.Buffers;
using System.Text;
using BlackPony.Conformance.Peers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Traces.Capture;
using BlackPony.Traces.Network;
using BlackPony.Traces.Sessions;

namespace BlackPony.Tests.Traces;

/// <summary>A session of the reference through an upgrade, as a capture, with its key log.</summary>
internal sealed class Secured
{
    private static readonly Lazy<RsaKeys> ClientKeys = new(() => new RsaKeys(TimeProvider.System));
    private static readonly Lazy<RsaKeys> ServerKeys = new(() => new RsaKeys(TimeProvider.System));

    private readonly List<(Role Sender, byte[] Octets)> _sent = [];
    private readonly Lines _lines = new();

    /// <param name="suite">The suite.</param>
    /// <param name="inside">What is said inside.</param>
    /// <param name="broken">Of what is said, the text whose record is changed on its way; with it the session ends.</param>
    /// <param name="after">Whether the server sends its last record again, after its close.</param>
    /// <param name="refused">A suite that the client asks for first, which the server does not have.</param>
    /// <param name="seed">Of the random octets: sessions with the same have the same keys.</param>
    public Secured(string suite, (char Who, string Text)[]? inside = null, string? broken = null, bool after = false,
        string? refused = null, string seed = "tests")
    {
        inside ??= Inside;
        var found = SuiteRegistry.Find(suite)!;
        using var server = new ServerUpgrade(new ServerOptions(ServerKeys.Value) { Suites = [found], KeyLog = _lines },
            new SeededRandom(seed, "server"));
        Say(Role.Server, "220 mx.b.test ESMTP\r\n");
        Say(Role.Client, "EHLO mail.a.test\r\n");
        var offer = server.NewOffer().ToArray();
        Say(Role.Server, $"250-mx.b.test\r\n250 {Encoding.ASCII.GetString(offer)}\r\n");
        var before = new List<byte[]>();
        if (refused is not null)
        {
            var command = Encoding.ASCII.GetBytes($"XBLACKPONY V1 {refused} AAAA");
            Send(Role.Client, [.. command, .. "\r\n"u8]);
            var reply = server.Examine(command, inside: false, afterEhlo: true, inTransaction: false).Reply;
            Send(Role.Server, reply);
            before.AddRange([command, .. Read(reply).Lines]);
        }

        using var client = new ClientUpgrade(Offer.Parse(offer)!, found, 13, new SeededRandom(seed, "client"), ClientKeys.Value,
            _lines, before);
        Send(Role.Client, client.Command);
        var step = server.Examine(client.Command.AsSpan()[..^2], inside: false, afterEhlo: true, inTransaction: false);
        if (step.Kind == ServerStepKind.Accepted)
        {
            step = server.Exchange();
        }

        Send(Role.Server, step.Reply);
        var answer = client.OnReply(Read(step.Reply));
        if (answer.Kind == ClientStepKind.Send)
        {
            Send(Role.Client, answer.Octets!);
            step = server.Continue(answer.Octets.AsSpan()[..^2]);
            Send(Role.Server, step.Reply);
            answer = client.OnReply(Read(step.Reply));
        }

        Assert.Equal(ClientStepKind.Agreed, answer.Kind);
        if (!found.Encrypts)
        {
            foreach (var (who, text) in inside)
            {
                var octets = Encoding.ASCII.GetBytes(text);
                RotShift.Shift(octets, 13);
                Send(who == 'C' ? Role.Client : Role.Server, octets);
            }

            return;
        }

        Talk(answer.Channel!, step.Channel!, inside, broken);
        if (after)
        {
            Send(Role.Server, _sent.Last(s => s.Sender == Role.Server).Octets);
        }
    }

    public static readonly (char Who, string Text)[] Inside =
        [('C', "EHLO mail.a.test\r\n"), ('S', "250 mx.b.test\r\n"), .. Frames.Lines[3..]];

    public string KeyLog => string.Concat(_lines.All.Select(l => l + "\n"));

    public KeyLog Keys
    {
        get
        {
            var keys = new KeyLog();
            _lines.All.ForEach(keys.Log);
            return keys;
        }
    }

    public byte[] Pcap() => Pcap(int.MaxValue, this);

    /// <summary>Sessions on the same ports one behind the other, in segments of so many octets at most.</summary>
    public static byte[] Pcap(int segment, params Secured[] sessions)
    {
        var file = new MemoryStream();
        using (var writer = new PcapWriter(file, LinkType.Ethernet))
        {
            for (int i = 0; i < sessions.Length; i++)
            {
                var tcp = new TcpWriter(writer, Inspection.Client, Inspection.Server,
                    i + 1) { Time = 1_700_000_000_000_000_000 + (i * 1_000_000_000L) };
                tcp.Open();
                foreach (var (sender, octets) in sessions[i]._sent)
                {
                    for (int at = 0; at < octets.Length; at += Math.Min(segment, octets.Length - at))
                    {
                        tcp.Send(sender, octets.AsSpan(at, Math.Min(segment, octets.Length - at)));
                    }
                }

                tcp.End(Role.Client);
                tcp.End(Role.Server);
            }
        }

        return file.ToArray();
    }

    private void Talk(SecureChannel client, SecureChannel server, (char Who, string Text)[] inside, string? broken)
    {
        var output = new ArrayBufferWriter<byte>();
        server.Start(output);
        Pass(Role.Server, output, client, server);
        foreach (var (who, text) in inside)
        {
            var (from, role) = who == 'C' ? (client, Role.Client) : (server, Role.Server);
            from.Send(Encoding.ASCII.GetBytes(text), output);
            if (text == broken)
            {
                var octets = output.WrittenSpan.ToArray();
                output.ResetWrittenCount();
                octets[^1] ^= 1;
                output.Write(octets);
                Pass(role, output, client, server);
                Assert.Equal((ChannelState.Alerted, ChannelState.Failed),
                    who == 'C' ? (client.State, server.State) : (server.State, client.State));
                return;
            }

            Pass(role, output, client, server);
            if (text.StartsWith("RCPT", StringComparison.Ordinal))
            {
                from.Rekey(output);
                Pass(role, output, client, server);
            }
        }

        server.Close(output);
        Pass(Role.Server, output, client, server);
        Assert.Equal((ChannelState.Closed, ChannelState.Closed), (client.State, server.State));
    }

    // What a side sends goes to the other, and what that answers goes back.
    private void Pass(Role sender, ArrayBufferWriter<byte> output, SecureChannel client, SecureChannel server)
    {
        var inside = new ArrayBufferWriter<byte>();
        while (output.WrittenCount > 0)
        {
            var octets = output.WrittenSpan.ToArray();
            output.ResetWrittenCount();
            Send(sender, octets);
            (sender == Role.Client ? server : client).Receive(octets, inside, output);
            sender = sender == Role.Client ? Role.Server : Role.Client;
        }
    }

    private void Say(Role sender, string text) => Send(sender, Encoding.ASCII.GetBytes(text));

    private void Send(Role sender, byte[] octets) => _sent.Add((sender, octets));

    private static Reply Read(byte[] reply) => new ReplyReader().Read(reply, out _)!;

    private sealed class Lines : IKeyLog
    {
        public List<string> All { get; } = [];

        public void Log(string line) => All.Add(line);
    }
}
