using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Conformance.Tls;
using Org.BouncyCastle.Tls;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>The embedded server of STARTTLS with exactly one requirement broken.</summary>
internal sealed record StartTlsFault(string Breaks, string CaughtBy, string Does) : Fault(Breaks, CaughtBy, Does)
{
    /// <summary>Another answer to a command; null for the usual one.</summary>
    public Func<FaultySession, string, string?>? Answer { get; init; }

    /// <summary>Another reply instead of the usual one, given the command.</summary>
    public Func<FaultySession, string, string, string>? Edit { get; init; }

    /// <summary>Another refusal, given the command and the usual one.</summary>
    public Func<FaultySession, string, string?, string?>? Refuses { get; init; }

    /// <summary>Another command instead of the one that came.</summary>
    public Func<string, string>? Reads { get; init; }

    /// <summary>Other text instead of what it would send.</summary>
    public Func<string, string>? Says { get; init; }

    /// <summary>The next line; null for the usual one.</summary>
    public Func<FaultySession, string?>? Line { get; init; }

    /// <summary>What it does before the switch to TLS, with what came until then.</summary>
    public Func<FaultySession, Task>? Before { get; init; }

    /// <summary>What it keeps of the state outside.</summary>
    public Action<FaultySession, MailState>? Keeps { get; init; }

    /// <summary>What it holds of what came before the switch, for inside.</summary>
    public Func<string, string>? Holds { get; init; }

    /// <summary>What it does with octets off the wire; null ends the connection.</summary>
    public Func<FaultySession, byte[], Task<byte[]?>>? Came { get; init; }

    /// <summary>What it does when TLS is there.</summary>
    public Action<FaultySession>? Secured { get; init; }

    /// <summary>What it does after a failed handshake or record; returns whether that is all.</summary>
    public Func<FaultySession, Task<bool>>? Broken { get; init; }

    /// <summary>Another name in Received.</summary>
    public Func<FaultySession, string?>? Received { get; init; }

    /// <summary>Further recipients.</summary>
    public Func<FaultySession, IEnumerable<string>>? Recipients { get; init; }

    /// <summary>Whether it keeps a message that was cut.</summary>
    public bool KeepsWhatIsCut { get; init; }

    /// <summary>Whether it does not read the octets of a chunk that it refuses.</summary>
    public bool LeavesChunks { get; init; }

    /// <summary>The versions of TLS that it speaks.</summary>
    public IReadOnlyList<ProtocolVersion>? Versions { get; init; }

    /// <summary>Whether it gives up at a KeyUpdate.</summary>
    public bool RefusesKeyUpdate { get; init; }

    /// <summary>Whether it ends without close_notify.</summary>
    public bool EndsWithoutNotify { get; init; }

    /// <summary>What ends its wait for the client in the handshake, given what usually does.</summary>
    public Func<FaultySession, CancellationToken, CancellationToken>? Waits { get; init; }

    /// <summary>Changes its configuration.</summary>
    public Func<StartTlsOptions, StartTlsOptions>? Options { get; init; }
}

/// <summary>A connection to the faulty server.</summary>
internal sealed class FaultySession(Socket socket, StartTlsListener server, StartTlsFault fault) : StartTlsSession(socket, server)
{
    private FaultyTls? _tls;
    private string _held = "";

    /// <summary>What was known outside.</summary>
    public MailState Outside { get; private set; } = new();

    /// <summary>Whether a ClientHello came.</summary>
    public bool SawHello { get; private set; }

    /// <summary>Whatever the faulty server remembers of this connection.</summary>
    public bool Flag { get; set; }

    /// <summary>How many octets are still to be ignored.</summary>
    public int Skip { get; set; }

    /// <summary>The id of the TLS session, if it can be resumed.</summary>
    public string? SessionId => _tls?.SessionId;

    /// <summary>Whether more comes within this time.</summary>
    public bool More(int milliseconds) => Socket.Poll(milliseconds * 1000, SelectMode.SelectRead);

    /// <summary>Receives, up to a ClientHello.</summary>
    public void Receive()
    {
        var octets = new byte[4096];
        int count = Socket.Receive(octets, SocketFlags.Peek), hello = octets.AsSpan(0, count).IndexOf((byte)22);
        count = hello < 0 ? count : hello;
        if (count > 0)
        {
            Input.AddRange(octets[..Socket.Receive(octets, 0, count, SocketFlags.None)]);
        }
    }

    /// <summary>Keeps text for inside.</summary>
    public void Hold(string text) => _held += text;

    /// <summary>Begins TLS with other versions.</summary>
    public void Restart(params ProtocolVersion[] versions)
    {
        Tls = NewProtocol();
        Tls.Accept(_tls = new FaultyTls(Server, versions));
    }

    public override async Task LineAsync(string line)
    {
        line = fault.Reads?.Invoke(line) ?? line;
        await base.LineAsync(line);
        if (SessionId is { } id)
        {
            Server.Kept[id] = State;
        }
    }

    public override Task SayAsync(string text) => base.SayAsync(fault.Says?.Invoke(text) ?? text);

    protected override string? Refusal(string line)
    {
        var usual = base.Refusal(line);
        return fault.Refuses is null ? usual : fault.Refuses(this, line, usual);
    }

    protected override async Task<string> AnswerAsync(string line)
    {
        if (fault.Answer?.Invoke(this, line) is { } answer)
        {
            return answer;
        }

        var reply = await base.AnswerAsync(line);
        return fault.Edit?.Invoke(this, line, reply) ?? reply;
    }

    protected override string? TakeLine() => fault.Line?.Invoke(this) ?? base.TakeLine();

    protected override async Task SwitchAsync()
    {
        if (fault.Before is { } before)
        {
            await before(this);
        }

        _held += fault.Holds?.Invoke(Encoding.Latin1.GetString([.. Input])) ?? "";
        Outside = State;
        await base.SwitchAsync();
        fault.Keeps?.Invoke(this, Outside);
    }

    protected override async Task SecuredAsync()
    {
        Input.InsertRange(0, Encoding.Latin1.GetBytes(_held));
        fault.Secured?.Invoke(this);
        await base.SecuredAsync();
    }

    protected override async Task<byte[]?> CameAsync(byte[] octets)
    {
        var came = fault.Came is null ? octets : await fault.Came(this, octets);
        SawHello |= Tls is not null && came is [22, ..];
        return came;
    }

    protected override async Task BrokenAsync()
    {
        if (fault.Broken is null || !await fault.Broken(this))
        {
            await base.BrokenAsync();
        }
    }

    protected override CancellationToken HandshakeLimit() =>
        fault.Waits?.Invoke(this, base.HandshakeLimit()) ?? base.HandshakeLimit();

    /// <summary>A time-out that begins now.</summary>
    public CancellationToken Again() => NewLimit().Token;

    /// <summary>Sends what TLS has to send.</summary>
    public Task SendTlsAsync() => FlushAsync();

    protected override void Keep(string text)
    {
        State.Name = fault.Received?.Invoke(this) ?? State.Name;
        State.Recipients.AddRange(fault.Recipients?.Invoke(this) ?? []);
        Flag |= text.Contains("\r\nSTARTTLS\r\n", StringComparison.Ordinal);
        base.Keep(text);
    }

    protected override void Cut(string text)
    {
        if (fault.KeepsWhatIsCut)
        {
            base.Keep(text);
        }
    }

    protected override Task<byte[]?> ChunkOctetsAsync(int count) =>
        fault.LeavesChunks && State.Recipients.Count == 0 ? Task.FromResult<byte[]?>([]) : base.ChunkOctetsAsync(count);

    protected override TlsServerProtocol NewProtocol() => fault.RefusesKeyUpdate ? new NoKeyUpdate() : base.NewProtocol();

    protected override MailTlsServer NewTlsServer() => _tls = new FaultyTls(Server, fault.Versions);

    protected override Task EndAsync()
    {
        if (fault.EndsWithoutNotify)
        {
            Tls = null;
        }

        return base.EndAsync();
    }

    private sealed class FaultyTls(StartTlsListener server, IReadOnlyList<ProtocolVersion>? versions) : MailTlsServer(server.Sessions)
    {
        protected override ProtocolVersion[] GetSupportedVersions() => versions is null ? base.GetSupportedVersions() : [.. versions];
    }

    private sealed class NoKeyUpdate : TlsServerProtocol
    {
        protected override void Receive13KeyUpdate(MemoryStream buf) => throw new TlsFatalAlert(AlertDescription.unexpected_message);
    }
}

/// <summary>The faulty server as a target: each case gets a server of its own.</summary>
internal sealed class FaultyStartTlsTarget(StartTlsFault fault) : ServerTarget
{
    public override string Name => fault.ToString();

    public override Task<ServerPlace> TakeAsync(Needs needs, CancellationToken cancel)
    {
        var options = StartTlsOptions.For(needs);
        var server = new StartTlsListener(fault.Options?.Invoke(options) ?? options, (socket, server) =>
            new FaultySession(socket, server, fault));
        return Task.FromResult(server.Place(server.DisposeAsync));
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
