using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;
using BlackPony.Smtp.Inbound;
using BlackPony.Smtp.Lines;
using BlackPony.Tests.Property.Exploration;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>A relay with a client before it, outside or inside, and a mail server behind it; both are the test's.</summary>
internal sealed class RelayRun : IDisposable
{
    private static readonly Suite Toy = new ToySuite(ToySuite.Weak);
    private static readonly RsaKeys NoKeys = new(TimeProvider.System, () => throw new NotSupportedException());
    private readonly InboundSession _relay;
    private readonly Func<byte[], byte[]> _backend;
    private readonly PooledBuffer _heard = new();
    private readonly List<byte> _forwarded = [];

    // The commands since the offer that were answered with 504, and the replies.
    private readonly List<byte[]> _refused = [];
    private byte[] _said = [];
    private SecureChannel? _client;

    /// <summary>The client has connected.</summary>
    /// <param name="backend">What the mail server answers to octets; none are those of a fresh connection.</param>
    public RelayRun(Func<byte[], byte[]> backend)
    {
        _backend = backend;
        _relay = new InboundSession(new ServerOptions(NoKeys) { Suites = [Toy], Grease = false }, new CountingRandom((byte)'s'), "test");
        _relay.BackendReady("220 b\r\n"u8);
        Pump();
    }

    /// <summary>What the client heard since the last time it was asked.</summary>
    public string Heard
    {
        get
        {
            var text = Encoding.Latin1.GetString(_heard.WrittenSpan);
            _heard.ResetWrittenCount();
            return text;
        }
    }

    /// <summary>What reached the mail server of this session.</summary>
    public byte[] Forwarded => [.. _forwarded];

    public SessionReport Report => _relay.Report;

    public bool IsOver => _relay.Request == SessionRequest.Close;

    public bool IsInside => _client is not null;

    /// <summary>A good command, with the share of a client that is ready.</summary>
    public static string Command { get; } = $"XBLACKPONY V1 {ToySuite.Weak} {Base64Share.Encode([.. Enumerable.Repeat((byte)'c', 31), 1])}";

    /// <summary>EHLO and the upgrade; what was forwarded until then is forgotten.</summary>
    public void Upgrade()
    {
        Say("EHLO a\r\n"u8.ToArray());
        Say(Encoding.ASCII.GetBytes(Command + "\r\n"));
        _ = Heard;
    }

    /// <summary>The client sends octets in one piece.</summary>
    public void Say(byte[] octets)
    {
        if (_client is null)
        {
            _said = octets.Length > 2 ? octets[..^2] : [];
            _relay.FromClient(octets);
        }
        else if (_client.State == ChannelState.Open)
        {
            var records = new PooledBuffer();
            _client.Send(octets, records);
            _relay.FromClient(records.WrittenSpan);
        }

        Pump();
    }

    public void Dispose()
    {
        _relay.Dispose();
        _client?.Dispose();
    }

    private void Pump()
    {
        while (_relay.ToServer.WrittenCount + _relay.ToClient.WrittenCount > 0 || _relay.Request == SessionRequest.Connect)
        {
            if (_relay.Request == SessionRequest.Connect)
            {
                _relay.BackendReady("220 b\r\n"u8);
                if (_relay.SwitchedBackend)
                {
                    // The fresh connection is one to a mail server that heard nothing yet.
                    _forwarded.Clear();
                    _backend([]);
                }
            }

            var forBackend = Taken(_relay.ToServer);
            if (forBackend.Length > 0)
            {
                _forwarded.AddRange(forBackend);
                _relay.FromServer(_backend(forBackend));
            }

            Hear(Taken(_relay.ToClient));
        }
    }

    private void Hear(byte[] octets)
    {
        var records = new PooledBuffer();
        if (_client is not null)
        {
            _client.Receive(octets, _heard, records);
        }
        else if (octets.AsSpan().StartsWith("220 K="u8))
        {
            using var upgrade = new ClientUpgrade(
                Offer.Create([Toy], null), Toy, 13, new CountingRandom((byte)'c'), NoKeys, null, _refused);
            _client = upgrade.OnReply(new ReplyReader().Read(octets, out int reply)!).Channel!;
            _heard.Write(octets.AsSpan(0, reply));
            _client.Receive(octets.AsSpan(reply), _heard, records);
        }
        else
        {
            if (octets.AsSpan().IndexOf("250 XBLACKPONY V1"u8) >= 0)
            {
                _refused.Clear();
            }
            else if (octets.AsSpan().StartsWith("504 "u8))
            {
                _refused.AddRange([_said, octets[..^2]]);
            }

            _heard.Write(octets);
        }

        if (records.WrittenCount > 0)
        {
            _relay.FromClient(records.WrittenSpan);
        }
    }

    private static byte[] Taken(PooledBuffer output)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }
}
