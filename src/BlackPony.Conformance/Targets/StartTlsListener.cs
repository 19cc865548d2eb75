using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Targets;

/// <summary>How the embedded server of STARTTLS is configured.</summary>
internal sealed record StartTlsOptions
{
    public bool HasCertificate { get; init; } = true;

    public bool RequiresTls { get; init; }

    public bool PlainAuth { get; init; }

    public bool WantsCertificate { get; init; }

    /// <summary>Whether its time-out runs by the clock that the suite turns.</summary>
    public bool IsTimed { get; init; }

    /// <summary>The configuration for what a case needs.</summary>
    public static StartTlsOptions For(Needs needs) => new()
    {
        HasCertificate = !needs.HasFlag(Needs.NoCertificate),
        RequiresTls = needs.HasFlag(Needs.TlsRequired),
        PlainAuth = needs.HasFlag(Needs.PlainAuth),
        WantsCertificate = needs.HasFlag(Needs.WantsCertificate),
        IsTimed = needs.HasFlag(Needs.Timeouts),
    };
}

/// <summary>The embedded server of STARTTLS on a free port of 127.0.0.1: small, and right in every case.</summary>
internal sealed class StartTlsListener : IAsyncDisposable
{
    public const string User = "user";
    public const string Password = "a secret";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<Socket, StartTlsListener, StartTlsSession> _make;
    private readonly ConcurrentDictionary<Socket, Task> _open = new();
    private readonly Task _accepting;

    public StartTlsListener(StartTlsOptions options, Func<Socket, StartTlsListener, StartTlsSession> make)
    {
        (Options, _make) = (options, make);
        _listener.Start(512);
        _accepting = AcceptAsync();
    }

    public StartTlsOptions Options { get; }

    /// <summary>The clock that the suite turns.</summary>
    public VirtualTime Time { get; } = new();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The sessions that can be resumed.</summary>
    public ConcurrentDictionary<string, TlsSession> Sessions { get; } = new();

    /// <summary>What it accepted, once for each recipient.</summary>
    public ConcurrentQueue<string> Messages { get; } = new();

    /// <summary>Whatever a faulty server keeps from one connection to the next.</summary>
    public ConcurrentDictionary<string, object> Kept { get; } = new();

    /// <summary>Where a case finds it.</summary>
    /// <param name="release">Gives the place back.</param>
    public ServerPlace Place(Func<ValueTask> release) => new("127.0.0.1", Port, null, release)
    {
        Time = Options.IsTimed ? Time : null,
        Timeouts = Protocol.StartTls.Timeouts,
        Mailbox = _ => Task.FromResult(string.Concat(Messages)),
        Facts = new MailFacts
        {
            Local = ["one@local.test", "two@local.test"],
            Foreign = "somebody@foreign.test",
            Credentials = (User, Password),
            RequiresTls = Options.RequiresTls,
            IsPublic = !Options.RequiresTls,
            WantsCertificate = Options.WantsCertificate,
        },
    };

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var (socket, serving) in _open)
        {
            socket.Dispose();
            await serving;
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                _open[socket] = Task.Run(async () =>
                {
                    await ServeAsync(socket);
                    _open.TryRemove(socket, out _);
                });
            }
        }
        catch (Exception e) when (e is SocketException or InvalidOperationException)
        {
            // It was stopped.
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                socket.NoDelay = true;
                await _make(socket, this).RunAsync();
            }
            catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                // The client is gone, or the server was stopped.
            }
        }
    }
}

/// <summary>The embedded server of STARTTLS as a target.</summary>
public sealed class EmbeddedStartTlsServer : ServerTarget
{
    private readonly StartTlsListener _server = new(new StartTlsOptions(), (socket, server) => new StartTlsSession(socket, server));

    /// <inheritdoc/>
    public override string Name => "embedded server";

    /// <inheritdoc/>
    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        var options = StartTlsOptions.For(needs);
        if (options == _server.Options)
            return Task.FromResult(_server.Place(() => ValueTask.CompletedTask));

        var own = new StartTlsListener(options, (socket, server) => new StartTlsSession(socket, server));
        return Task.FromResult(own.Place(own.DisposeAsync));
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _server.DisposeAsync();
}
