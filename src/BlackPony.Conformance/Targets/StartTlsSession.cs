using System.Net.Sockets;
using System.Text;
using BlackPony.Conformance.Tls;
using BlackPony.Smtp.Lines;
using Org.BouncyCastle.Tls;

namespace BlackPony.Conformance.Targets;

/// <summary>One connection of the embedded server of STARTTLS. The faulty servers of the tests override its virtual members.</summary>
/// <param name="socket">The connection.</param>
/// <param name="server">The server.</param>
internal partial class StartTlsSession(Socket socket, StartTlsListener server)
{
    private const int MostInLine = 2048;

    private readonly byte[] _octets = new byte[65536];
    private readonly List<byte> _raw = [];
    private CancellationTokenSource? _handshake;
    private bool _skips;

    /// <summary>The connection.</summary>
    protected Socket Socket => socket;

    /// <summary>The server.</summary>
    public StartTlsListener Server => server;

    /// <summary>What is known of the client.</summary>
    public MailState State { get; set; } = new();

    /// <summary>What came and is not a line yet, out of the TLS session if there is one.</summary>
    public List<byte> Input { get; } = [];

    /// <summary>The TLS session; null outside.</summary>
    public TlsServerProtocol? Tls { get; set; }

    /// <summary>Whether the TLS session is there.</summary>
    public bool IsInside => Tls is { IsConnected: true };

    /// <summary>Whether the session is over.</summary>
    public bool IsOver { get; set; }

    /// <summary>Serves it.</summary>
    public async Task RunAsync()
    {
        await SayAsync("220 local.test ESMTP\r\n");
        while (!IsOver)
        {
            if (TakeLine() is { } line)
                await LineAsync(line);
            else if (!await FillAsync())
                break;
        }

        _handshake?.Dispose();
        await EndAsync();
    }

    /// <summary>Sends text, inside if the TLS session is there.</summary>
    public virtual async Task SayAsync(string text)
    {
        var octets = Encoding.Latin1.GetBytes(text);
        if (!IsInside)
        {
            await RawAsync(octets);
            return;
        }

        Tls!.WriteApplicationData(octets.AsSpan());
        await FlushAsync();
    }

    /// <summary>Sends octets as they are.</summary>
    public async Task RawAsync(byte[] octets) => await socket.SendAsync(octets);

    /// <summary>Answers a command, outside or inside.</summary>
    public virtual async Task LineAsync(string line)
    {
        var reply = Refusal(line) ?? await AnswerAsync(line);
        if (reply.Length > 0)
            await SayAsync(reply);
    }

    /// <summary>From here on TLS; nothing that came or was said before counts inside.</summary>
    protected virtual Task SwitchAsync()
    {
        Input.Clear();
        State = new MailState();
        Tls = NewProtocol();
        Tls.Accept(NewTlsServer());
        _handshake = NewLimit();
        return Task.CompletedTask;
    }

    /// <summary>Ends the wait for the client in the handshake, from now on.</summary>
    protected CancellationTokenSource NewLimit() =>
        new(Protocol.StartTls.Timeouts[Protocol.HandshakeTimeout], server.Options.IsTimed ? server.Time : TimeProvider.System);

    /// <summary>What ends the next wait for the client in the handshake.</summary>
    protected virtual CancellationToken HandshakeLimit() => _handshake?.Token ?? default;

    /// <summary>The octets of the TLS session.</summary>
    protected virtual TlsServerProtocol NewProtocol() => new();

    /// <summary>What it negotiates.</summary>
    protected virtual MailTlsServer NewTlsServer() => new(server.Sessions);

    /// <summary>Octets came off the wire.</summary>
    /// <returns>What is to be read; null to end the connection.</returns>
    protected virtual Task<byte[]?> CameAsync(byte[] octets) => Task.FromResult<byte[]?>(octets);

    /// <summary>The handshake, or a record, failed: an alert waits to be sent.</summary>
    protected virtual async Task BrokenAsync()
    {
        await FlushAsync();
        IsOver = true;
    }

    /// <summary>The handshake is complete.</summary>
    protected virtual Task SecuredAsync() => Task.CompletedTask;

    /// <summary>The connection ended within a message, of which nothing is kept.</summary>
    protected virtual void Cut(string text)
    {
    }

    /// <summary>The next line without its CRLF; null if it has not come whole.</summary>
    protected virtual string? TakeLine()
    {
        var octets = Input.ToArray();
        if (!ClientLine.Find(octets, out var found))
        {
            // One line, however long, gets one reply.
            if (Input.Count > MostInLine)
            {
                _skips = true;
                Input.RemoveRange(0, Input.Count - 1);
            }

            return null;
        }

        var line = Encoding.Latin1.GetString(found);
        Input.RemoveRange(0, found.Length + 2);
        if (_skips)
        {
            _skips = false;
            return new string('x', MostInLine + 1);
        }

        return line;
    }

    /// <summary>A line; null at the end of the connection.</summary>
    protected async Task<string?> NextLineAsync()
    {
        string? line;
        while ((line = TakeLine()) is null)
        {
            if (IsOver || !await FillAsync())
                return null;
        }

        return line;
    }

    /// <summary>Receives more.</summary>
    /// <returns>Whether the session goes on.</returns>
    protected async Task<bool> FillAsync()
    {
        if (Tls is null || !HasRecord())
        {
            int count = await ReceiveAsync();
            if (count == 0 || await CameAsync(_octets[..count]) is not { } octets)
                return false;

            if (Tls is null)
            {
                Input.AddRange(octets);
                return true;
            }

            _raw.AddRange(octets);
            if (!HasRecord())
                return true;
        }

        // One record after the other: what came before a close_notify is answered before it is.
        int length = Math.Min(_raw.Count, 5 + (_raw[3] << 8) + _raw[4]);
        var record = _raw.GetRange(0, length).ToArray();
        _raw.RemoveRange(0, length);
        bool wasInside = IsInside;
        try
        {
            Tls.OfferInput(record);
        }
        catch (IOException)
        {
            await BrokenAsync();
            return !IsOver;
        }

        await FlushAsync();
        Input.AddRange(Plaintext());
        if (IsInside && !wasInside)
            await SecuredAsync();

        if (Tls is { IsClosed: true })
            IsOver = true;

        return true;
    }

    // A whole record, or octets that begin none, which the TLS session is to refuse.
    private bool HasRecord() => _raw.Count >= 5 && (_raw[0] is < 20 or > 24 || _raw[1] != 3 || _raw.Count >= 5 + (_raw[3] << 8) + _raw[4]);

    // 0 at the end of the connection, a reset included.
    private async Task<int> ReceiveAsync()
    {
        try
        {
            return await socket.ReceiveAsync(_octets, Tls is null || IsInside ? default : HandshakeLimit());
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
        catch (SocketException)
        {
            return 0;
        }
    }

    private byte[] Plaintext()
    {
        var octets = new byte[Tls!.GetAvailableInputBytes()];
        Tls.ReadInput(octets, 0, octets.Length);
        return octets;
    }

    /// <summary>Sends what the TLS session has to send.</summary>
    protected async Task FlushAsync()
    {
        var octets = new byte[Tls!.GetAvailableOutputBytes()];
        Tls.ReadOutput(octets, 0, octets.Length);
        if (octets.Length > 0)
            await RawAsync(octets);
    }

    /// <summary>Ends the connection: close_notify, FIN, and what still comes is thrown away, since RST would destroy the last
    /// reply.</summary>
    protected virtual async Task EndAsync()
    {
        if (Tls is { IsClosed: false })
        {
            Tls.Close();
            await FlushAsync();
        }

        socket.Shutdown(SocketShutdown.Send);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        while (await socket.ReceiveAsync(_octets.AsMemory(), limit.Token) > 0)
        {
        }
    }
}
