using System.Net;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Conformance.Targets;

/// <summary>The reference's relay before a <see cref="MailSink"/>, on a free port of 127.0.0.1, with every suite and an IDENT key.</summary>
public sealed class EmbeddedServer : ServerTarget
{
    private readonly RelayServer _relay;
    private readonly IKeyLog? _keyLog;

    /// <summary>Starts.</summary>
    /// <param name="keyLog">Who learns the sessions' secrets.</param>
    /// <param name="rot">Whether ROT is switched on.</param>
    /// <param name="time">The clock of its time-outs.</param>
    /// <param name="backendPort">The port of 127.0.0.1 where it looks for its mail server; 0 for the <see cref="Sink"/>'s own.</param>
    /// <param name="source">The address from which it comes to its mail server.</param>
    public EmbeddedServer(IKeyLog? keyLog = null, bool rot = true, TimeProvider? time = null, int backendPort = 0, string source = "127.0.0.2")
    {
        _keyLog = keyLog;
        var options = new ServerOptions(TestRsaKeys.Server) { Suites = rot ? SuiteRegistry.All : SuiteRegistry.Default, Idents = [new IdentKey(new byte[32])], KeyLog = keyLog };
        _relay = new RelayServer(
            new RelaySettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", backendPort == 0 ? Sink.Port : backendPort, options)
            {
                BackendSource = IPAddress.Parse(source),
                Time = time ?? TimeProvider.System,
            },
            NullLogger.Instance);
        _relay.Start();
    }

    /// <inheritdoc/>
    public override string Name => "embedded reference";

    /// <summary>The mail server behind.</summary>
    public MailSink Sink { get; } = new();

    /// <summary>The relay's port.</summary>
    public int Port => _relay.EndPoints[0].Port;

    /// <inheritdoc/>
    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        if ((needs & (Needs.Backend | Needs.RotOff | Needs.Timeouts)) == 0)
        {
            return Task.FromResult(new ServerPlace("127.0.0.1", Port, Sink, () => ValueTask.CompletedTask));
        }

        // Its own relay, so that its script disturbs no other case.
        var own = new EmbeddedServer(_keyLog, !needs.HasFlag(Needs.RotOff), needs.HasFlag(Needs.Timeouts) ? new HastyTime() : null);
        return Task.FromResult(new ServerPlace("127.0.0.1", own.Port, own.Sink, own.DisposeAsync) { Timeouts = HastyTime.Limits });
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await Sink.DisposeAsync();
    }
}
