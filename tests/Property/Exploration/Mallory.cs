using System.Buffers;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Records;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What has become of the man in the middle.</summary>
internal sealed record MalloryFacts : Facts
{
    /// <summary>Whether the client verified his Finished, and answered.</summary>
    public bool HasClient { get; init; }

    /// <summary>Whether he verified the server's.</summary>
    public bool HasServer { get; init; }
}

/// <summary>A man in the middle with own shares: a server to the client and a client to the server, who passes on what he reads.</summary>
internal sealed class Mallory : Side
{
    private readonly Suite _suite;
    private readonly Offer _offer;
    private readonly ServerUpgrade _server;
    private readonly PooledBuffer _forServer = new();
    private readonly PooledBuffer _forClient = new();
    private readonly PooledBuffer _read = new();
    private byte[] _command = [];
    private bool _answered;
    private ClientUpgrade? _client;
    private SecureChannel? _toServer;
    private SecureChannel? _toClient;

    public Mallory(Suite suite, IReadOnlyList<Suite> offered, IReadOnlyList<IdentKey> idents)
    {
        _suite = suite;
        _offer = Offer.Create(offered, null);
        _server = new ServerUpgrade(new ServerOptions(new RsaKeys(TimeProvider.System))
        {
            Suites = offered,
            Grease = false,
            Idents = idents,
        }, new CountingRandom((byte)'m'));
        _server.NewOffer();
    }

    public override Facts Facts => new MalloryFacts
    {
        HasClient = _toClient is { IsEstablished: true },
        HasServer = _toServer is { IsEstablished: true },
    };

    public override void Dispose()
    {
        _server.Dispose();
        _client?.Dispose();
        _toServer?.Dispose();
        _toClient?.Dispose();
    }

    public override void Take(Event what, byte[] octets)
    {
        var text = Units.Text(octets);
        if (what == Event.ToServer && text.StartsWith("XBLACKPONY", StringComparison.Ordinal) && !_suite.NeedsContinuation)
        {
            _command = octets[..^2];
            _client?.Dispose();
            _client = new ClientUpgrade(_offer, _suite, 13, new CountingRandom((byte)'M'), new RsaKeys(TimeProvider.System), null);
            _forServer.Write(_client.Command);
        }
        else if (what == Event.ToClient && !_answered && _client is not null
            && new ReplyReader().Read(octets, out _) is { Code: 220 } reply)
        {
            _answered = true;
            Answer(reply, octets);
        }
        else if (what == Event.ToClient && _toServer is not null)
        {
            _toServer.Receive(octets, _read, _forServer);
            Pass(_toServer, _toClient!, _forClient);
        }
        else if (what == Event.ToServer && _toClient is not null)
        {
            _toClient.Receive(octets, _read, _forClient);
            Pass(_toClient, _toServer!, _forServer);
        }
        else
        {
            (what == Event.ToServer ? _forServer : _forClient).Write(octets);
        }

        ToServer.AddRange(Units.Split(Taken(_forServer)));
        ToClient.AddRange(Units.Split(Taken(_forClient)));
    }

    // His 220 instead of the server's.
    private void Answer(Reply reply, byte[] octets)
    {
        if (_client!.OnReply(reply) is { Kind: ClientStepKind.Agreed, Channel: { } channel }
            && _server.Examine(_command, false, true, false).Kind == ServerStepKind.Accepted
            && _server.Exchange() is { Channel: { } ours } step)
        {
            (_toServer, _toClient) = (channel, ours);
            _forClient.Write(step.Reply);
            _toClient.Start(_forClient);
        }
        else
        {
            _forClient.Write(octets);
        }
    }

    private void Pass(SecureChannel from, SecureChannel to, PooledBuffer output)
    {
        if (to is { State: ChannelState.Open, IsEstablished: true } && _read.WrittenCount > 0)
        {
            to.Send(_read.WrittenSpan, output);
            _read.ResetWrittenCount();
        }

        if (from.State == ChannelState.Closed)
        {
            to.Close(output);
        }
        else if (from.State is ChannelState.Failed or ChannelState.Alerted)
        {
            to.Fail(output);
        }
    }
}
