using System.Net;
using BlackPony.Conformance.Peers;
using BlackPony.Conformance.Targets;
using BlackPony.Hosting;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Interop.Servers;

/// <summary>What <c>blackpony listen</c> runs, in this process, in front of a sink and with a clock that the test advances.</summary>
internal sealed class Listener : IAsyncDisposable
{
    private readonly InboundServer _server;

    /// <summary>Begins to listen.</summary>
    /// <param name="sink">The mail server.</param>
    /// <param name="settings">Changes the settings.</param>
    /// <param name="asks">Whether it asks the mail server if it relays.</param>
    public Listener(MailSink sink, Func<InboundSettings, InboundSettings>? settings = null, bool asks = true)
    {
        var usual = new InboundSettings([new IPEndPoint(IPAddress.Loopback, 0)], "127.0.0.1", sink.Port,
            new ServerOptions(TestRsaKeys.Server) { Suites = SuiteRegistry.All })
        {
            BackendSource = IPAddress.Parse(Limits.BackendSource),
            Time = Clock,
        };
        Settings = settings?.Invoke(usual) ?? usual;
        Probe = new OpenRelayProbe(Settings, Log);
        Settings = asks ? Settings with { Probe = Probe } : Settings;
        _server = new InboundServer(Settings, Log);
        _server.Start();
    }

    public WatchedClock Clock { get; } = new();

    public LogLines Log { get; } = new();

    public InboundSettings Settings { get; }

    public OpenRelayProbe Probe { get; }

    public InboundServer Server => _server;

    public int Port => _server.EndPoints[0].Port;

    /// <summary>Asks the mail server, as the program does before it serves anybody.</summary>
    public Task CheckAsync() => Probe.CheckAsync(TestContext.Current.CancellationToken);

    /// <summary>Lets time go by, and waits for the answers to what is asked then.</summary>
    public async Task AdvanceAsync(TimeSpan time)
    {
        Clock.Advance(time);
        await Probe.AnsweredAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Probe.Dispose();
    }
}
