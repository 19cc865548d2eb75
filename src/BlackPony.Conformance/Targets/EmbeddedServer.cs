using System.Net;
using BlackPony.Conformance.Peers;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlackPony.Conformance.Targets;

/// <summary>
/// The reference's relay before a <see cref="MailSink"/>, on a free port of 127.0.0.1, with every suite and an IDENT key.
/// </summary>
public sealed class EmbeddedServer : ServerTarget
{
    /// <summary>The bound of sessions where a case asks for one.</summary>
    public const int FewSessions = 8;

    private readonly InboundServer _relay;

    /// <summary>Starts.</summary>
    /// <param name="needs">What a case needs: <see cref="Needs.RotOff"/> and <see cref="Needs.Timeouts"/> are heeded.</param>
    /// <param name="settings">Changes the relay's settings.</param>
    public EmbeddedServer(Needs needs = Needs.Nothing, Func<InboundSettings, InboundSettings>? settings = null)
    {
        var options = new ServerOptions(TestRsaKeys.Server)
        {
            Suites = needs.HasFlag(Needs.RotOff) ? SuiteRegistry.Default : SuiteRegistry.All,
            Idents = [new IdentKey(new byte[32])],
        };
        var usual = new InboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", Sink.Port, options)
        {
            BackendSource = IPAddress.Parse(Limits.BackendSource),
            Time = needs.HasFlag(Needs.Timeouts) ? Time : TimeProvider.System,
            MaxSessions = needs.HasFlag(Needs.Sessions) ? FewSessions : Limits.MaxSessions,
        };
        _relay = new InboundServer(settings?.Invoke(usual) ?? usual, NullLogger.Instance);
        _relay.Start();
    }

    /// <inheritdoc/>
    public override string Name => "embedded reference";

    /// <summary>The mail server behind.</summary>
    public MailSink Sink { get; } = new();

    /// <summary>The relay's clock, if it was made for cases about time.</summary>
    public VirtualTime Time { get; } = new();

    /// <summary>The relay's port.</summary>
    public int Port => _relay.EndPoints[0].Port;

    /// <inheritdoc/>
    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        if ((needs & (Needs.Backend | Needs.RotOff | Needs.Timeouts)) == 0)
        {
            return Task.FromResult(new ServerPlace("127.0.0.1", Port, Sink, () => ValueTask.CompletedTask)
            {
                Mailbox = _ => Task.FromResult(string.Concat(Sink.Messages)),
            });
        }

        // Its own relay, so that its script disturbs no other case.
        var own = new EmbeddedServer(needs);
        return Task.FromResult(new ServerPlace("127.0.0.1", own.Port, own.Sink, own.DisposeAsync)
        {
            Time = own.Time,
            Timeouts = VirtualTime.Limits,
            RotIsOff = needs.HasFlag(Needs.RotOff),
            MaxSessions = FewSessions,
        });
    }

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await _relay.DisposeAsync();
        await Sink.DisposeAsync();
    }
}
