using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Conformance.Targets;

/// <summary>What the embedded client of STARTTLS is asked for.</summary>
/// <param name="Host">The server's name, or its address.</param>
/// <param name="Port">The server's port on 127.0.0.1.</param>
/// <param name="Policy">What it does about TLS.</param>
/// <param name="Authority">The authority that it trusts, in PEM.</param>
/// <param name="From">The sender.</param>
/// <param name="To">The recipient.</param>
/// <param name="Login">The user and the password.</param>
/// <param name="Message">The message, in Latin-1.</param>
/// <param name="Count">How many times it is sent.</param>
internal sealed record MailOrder(string Host, int Port, MailPolicy Policy, string Authority, string From, string To,
    (string User, string Password) Login, string Message, int Count)
{
    /// <summary>The clock of its time-out.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The order for a delivery.</summary>
    public static MailOrder Of(Delivery delivery) => new(delivery.Host, delivery.Port,
        Enum.Parse<MailPolicy>(delivery.Words["policy"], ignoreCase: true), File.ReadAllText(delivery.Words["cafile"]),
        delivery.Words["from"], delivery.Words["to"], (delivery.Words["user"], delivery.Words["password"]), delivery.Message,
        int.Parse(delivery.Words["count"], System.Globalization.CultureInfo.InvariantCulture))
    {
        Time = delivery.Time,
    };
}

/// <summary>The embedded client of STARTTLS: small, and right in every case. The faulty clients of the tests override its virtual
/// members.</summary>
/// <param name="order">What it is asked for.</param>
/// <param name="cancel">Ends it.</param>
internal class MailClient(MailOrder order, CancellationToken cancel)
{
    private readonly byte[] _octets = new byte[16384];
    private bool _hasTlsFailed;

    /// <summary>What it is asked for.</summary>
    public MailOrder Order => order;

    /// <summary>Ends it.</summary>
    protected CancellationToken Cancel => cancel;

    /// <summary>The connection, or the TLS session on it.</summary>
    public Stream Wire { get; set; } = Stream.Null;

    /// <summary>The connection without TLS.</summary>
    public Stream Plain { get; private set; } = Stream.Null;

    /// <summary>What came and was not read yet.</summary>
    public List<byte> Waiting { get; } = [];

    /// <summary>Whether the TLS session is there.</summary>
    public bool IsInside => Wire != Plain;

    /// <summary>Whether it delivers with TLS only.</summary>
    public virtual bool Requires => order.Policy >= MailPolicy.Required;

    /// <summary>What the EHLO reply in force lists.</summary>
    public IReadOnlyList<string> InForce { get; set; } = [];

    /// <summary>Delivers; in plaintext on a new connection where TLS failed and the policy permits it.</summary>
    /// <returns>Whether it was delivered.</returns>
    public virtual async Task<bool> DeliverAsync()
    {
        bool isDelivered = await TryAsync(order.Policy != MailPolicy.Off);
        return isDelivered || (_hasTlsFailed && !Requires && await TryAsync(false));
    }

    /// <summary>One session.</summary>
    protected virtual async Task<bool> TryAsync(bool withTls)
    {
        Waiting.Clear();
        InForce = [];
        using var socket = new TcpClient { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, order.Port, cancel);
            Wire = Plain = socket.GetStream();
            return await SessionAsync(withTls);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return await LostAsync();
        }
    }

    /// <summary>The connection was lost, or what came was no reply: try again later.</summary>
    /// <returns>Whether the message is delivered.</returns>
    protected virtual Task<bool> LostAsync() => Task.FromResult(false);

    /// <summary>The session, from the greeting.</summary>
    protected virtual async Task<bool> SessionAsync(bool withTls)
    {
        if (await GreetingAsync() is not { Code: 220 } || !await HelloAsync())
            return await QuitAsync(false);

        if (withTls && !await SecureAsync())
            return await QuitAsync(false);

        bool isDelivered = true;
        for (int i = 0; i < order.Count && isDelivered; i++)
            isDelivered = (i > 0 || await LogInAsync()) && await MailAsync();

        return await QuitAsync(isDelivered);
    }

    /// <summary>Receives the greeting.</summary>
    protected virtual Task<Reply> GreetingAsync() => ReplyAsync("");

    /// <summary>STARTTLS, as the policy wants it.</summary>
    /// <returns>Whether the session goes on.</returns>
    protected virtual async Task<bool> SecureAsync()
    {
        if (!IsOffered)
            return !Requires;

        if (!Agrees(await CommandAsync("STARTTLS")))
            return !Requires;

        try
        {
            await SwitchAsync();
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException)
        {
            _hasTlsFailed = true;
            throw new IOException("TLS failed", e);
        }

        return await HelloAsync();
    }

    /// <summary>Whether the list in force offers STARTTLS.</summary>
    protected virtual bool IsOffered => Has("STARTTLS");

    /// <summary>Whether a reply to STARTTLS begins TLS.</summary>
    protected virtual bool Agrees(Reply reply) => reply.Code == 220;

    /// <summary>The switch: what came in plaintext and what it offered is discarded.</summary>
    protected virtual async Task SwitchAsync()
    {
        Waiting.Clear();
        InForce = [];
        Wire = await HandshakeAsync(Plain);
    }

    /// <summary>The handshake.</summary>
    protected virtual async Task<Stream> HandshakeAsync(Stream stream)
    {
        var tls = new SslStream(stream, leaveInnerStreamOpen: true);
        using var limit = new CancellationTokenSource(HandshakeTimeout, order.Time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancel);
        try
        {
            await tls.AuthenticateAsClientAsync(Options(), any.Token);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested)
        {
            throw new IOException("the server is silent in the handshake", e);
        }

        return tls;
    }

    /// <summary>How long it waits for a server in the handshake.</summary>
    protected virtual TimeSpan HandshakeTimeout => Protocol.StartTls.Timeouts[Protocol.HandshakeTimeout];

    /// <summary>What it wants of a handshake.</summary>
    protected virtual SslClientAuthenticationOptions Options() => new()
    {
        TargetHost = order.Host,
        CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            CustomTrustStore = { X509Certificate2.CreateFromPem(order.Authority) },
            RevocationMode = X509RevocationMode.NoCheck,
        },
        RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            Trusts((X509Certificate2)certificate!, chain!, errors) || order.Policy != MailPolicy.Verify,
    };

    /// <summary>Whether it trusts a certificate.</summary>
    protected virtual bool Trusts(X509Certificate2 certificate, X509Chain chain, SslPolicyErrors errors) => errors == SslPolicyErrors.None;

    /// <summary>EHLO, or HELO if that is refused.</summary>
    /// <returns>Whether one was accepted.</returns>
    protected virtual async Task<bool> HelloAsync()
    {
        var reply = await CommandAsync("EHLO client.test");
        InForce = reply.Code == 250 ? [.. reply.Texts().Skip(1)] : [];
        return reply.Code == 250 || (reply.Code >= 500 && (await CommandAsync("HELO client.test")).Code == 250);
    }

    /// <summary>AUTH inside, with a mechanism that is offered there.</summary>
    /// <returns>Whether the session goes on.</returns>
    protected virtual async Task<bool> LogInAsync()
    {
        var mechanisms = IsInside ? Mechanisms() : [];
        if (!mechanisms.Contains("PLAIN"))
            return true;

        return (await CommandAsync($"AUTH PLAIN {Credentials}")).Code == 235;
    }

    /// <summary>The credentials, as PLAIN sends them.</summary>
    protected string Credentials => Convert.ToBase64String(Encoding.UTF8.GetBytes($"\0{order.Login.User}\0{order.Login.Password}"));

    /// <summary>The mechanisms that the list in force offers.</summary>
    protected string[] Mechanisms() =>
        InForce.FirstOrDefault(l => Is(l, "AUTH"))?.ToUpperInvariant().Split(' ')[1..] ?? [];

    /// <summary>The transaction.</summary>
    protected virtual async Task<bool> MailAsync()
    {
        bool hasEightBits = order.Message.Any(c => c > 127), hasUtf8 = order.To.Any(c => c > 127);
        if ((hasEightBits && !Has("8BITMIME")) || (hasUtf8 && !Has("SMTPUTF8")))
            return false;

        var parameters = (Has("SIZE") ? $" SIZE={order.Message.Length}" : "") + (hasEightBits ? " BODY=8BITMIME" : "")
            + (hasUtf8 ? " SMTPUTF8" : "");
        return (await CommandAsync($"MAIL FROM:<{order.From}>{parameters}")).Code == 250
            && (await CommandAsync($"RCPT TO:<{order.To}>")).Code is 250 or 251
            && MayFollow(await CommandAsync("DATA"))
            && IsDelivered(await CommandAsync(Stuffed(order.Message) + "."));
    }

    /// <summary>Whether the message may follow a reply to DATA.</summary>
    protected virtual bool MayFollow(Reply reply) => reply.Code == 354;

    /// <summary>Whether a reply to the end of data says that the message is delivered.</summary>
    protected virtual bool IsDelivered(Reply reply) => reply.Code is >= 200 and < 300;

    /// <summary>The message with its periods stuffed.</summary>
    protected virtual string Stuffed(string message) =>
        (message.StartsWith('.') ? "." : "") + message.Replace("\r\n.", "\r\n..", StringComparison.Ordinal);

    /// <summary>QUIT, and the end.</summary>
    /// <returns>What it was given.</returns>
    protected virtual async Task<bool> QuitAsync(bool isDelivered)
    {
        try
        {
            await CommandAsync("QUIT");
            await EndAsync();
        }
        catch (IOException)
        {
            // The server was faster; what was delivered stays so.
        }

        return isDelivered;
    }

    /// <summary>close_notify, if TLS is there.</summary>
    protected virtual async Task EndAsync()
    {
        if (Wire is SslStream tls)
            await tls.ShutdownAsync();
    }

    /// <summary>Sends a line, and receives the reply; 421 ends the session.</summary>
    protected virtual async Task<Reply> CommandAsync(string line)
    {
        await SendAsync(line + "\r\n");
        var reply = await ReplyAsync(line);
        return reply.Code == 421 && !line.StartsWith("QUIT", StringComparison.Ordinal) ? throw new IOException("421") : reply;
    }

    /// <summary>Sends text in Latin-1.</summary>
    public virtual async Task SendAsync(string text)
    {
        await Wire.WriteAsync(Encoding.Latin1.GetBytes(text), cancel);
        await Wire.FlushAsync(cancel);
    }

    /// <summary>Receives a reply.</summary>
    /// <param name="line">What it is to answer.</param>
    /// <exception cref="IOException">The connection ended, or what came is no reply.</exception>
    protected virtual async Task<Reply> ReplyAsync(string line)
    {
        var reader = new ReplyReader();
        while (true)
        {
            var reply = reader.Read([.. Waiting], out int consumed);
            Waiting.RemoveRange(0, consumed);
            if (reply is not null)
                return reply;

            if (reader.IsMalformed || !await FillAsync())
                throw new IOException($"no reply to {line}");
        }
    }

    /// <summary>Receives more.</summary>
    /// <returns>Whether something came.</returns>
    protected virtual async Task<bool> FillAsync()
    {
        int count = await Wire.ReadAsync(_octets, cancel);
        Waiting.AddRange(_octets.AsSpan(0, count));
        return count > 0;
    }

    /// <summary>Whether the list in force has a keyword.</summary>
    public bool Has(string keyword) => InForce.Any(l => Is(l, keyword));

    private static bool Is(string line, string keyword) => line.Split(' ')[0].Equals(keyword, StringComparison.OrdinalIgnoreCase);
}

/// <summary>The embedded client of STARTTLS as a target.</summary>
public sealed class EmbeddedMailClient : ClientTarget
{
    /// <inheritdoc/>
    public override string Name => "embedded client";

    /// <inheritdoc/>
    public override Needs Can => All;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => Protocol.StartTls.Timeouts;

    /// <inheritdoc/>
    public override bool HasVirtualTime => true;

    /// <summary>What a client can that has every placeholder.</summary>
    internal static Needs All => Needs.RequiredPolicy | Needs.VerifyPolicy | Needs.OpportunisticPolicy | Needs.Login | Needs.Recipient
        | Needs.HostName | Needs.Several | Needs.Timeouts;

    /// <inheritdoc/>
    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel) =>
        new(await new MailClient(MailOrder.Of(delivery), cancel).DeliverAsync(), "");
}
