using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using BlackPony.Conformance;
using BlackPony.Conformance.Targets;
using BlackPony.Reference.Negotiation;

namespace BlackPony.Tests.Conformance.StartTls;

/// <summary>The embedded client of STARTTLS with exactly one requirement broken.</summary>
internal sealed record MailClientFault(string Breaks, string CaughtBy, string Does) : Fault(Breaks, CaughtBy, Does)
{
    /// <summary>Other text instead of a command.</summary>
    public Func<FaultyMailClient, string, string>? Sends { get; init; }

    /// <summary>What it does before it waits for the reply to a command.</summary>
    public Func<FaultyMailClient, string, Task>? Sent { get; init; }

    /// <summary>Another reply than the one that came to a command, or null for it.</summary>
    public Func<FaultyMailClient, string, Reply, Reply?>? Hears { get; init; }

    /// <summary>Whether STARTTLS is offered, given what it would find.</summary>
    public Func<FaultyMailClient, bool, bool>? Offered { get; init; }

    /// <summary>Whether a reply to STARTTLS begins TLS, given what it would find.</summary>
    public Func<Reply, bool, bool>? Agrees { get; init; }

    /// <summary>What it keeps for inside of what came in plaintext.</summary>
    public Func<string, string>? Keeps { get; init; }

    /// <summary>What is in force inside, given the lists outside and inside.</summary>
    public Func<IReadOnlyList<string>, IReadOnlyList<string>, IReadOnlyList<string>>? Lists { get; init; }

    /// <summary>Whether it goes on in plaintext with what its policy forbids, given the step.</summary>
    public Func<FaultyMailClient, string, bool>? GivesIn { get; init; }

    /// <summary>A reply that it believes where the connection ended, or what came is none; null for none.</summary>
    public Func<FaultyMailClient, string, Reply?>? Ends { get; init; }

    /// <summary>What it does after a reply.</summary>
    public Func<FaultyMailClient, string, Reply, Task>? Replied { get; init; }

    /// <summary>What it does when the connection is lost; whether the message counts as delivered.</summary>
    public Func<FaultyMailClient, bool>? Lost { get; init; }

    /// <summary>Whether it trusts a certificate, given what it would find.</summary>
    public Func<FaultyMailClient, X509Certificate2, SslPolicyErrors, X509Chain, bool>? Trusts { get; init; }

    /// <summary>Changes what it wants of a handshake.</summary>
    public Action<FaultyMailClient, SslClientAuthenticationOptions>? Tls { get; init; }

    /// <summary>Another handshake; null for the usual one.</summary>
    public Func<FaultyMailClient, Stream, Task<Stream>>? Shakes { get; init; }

    /// <summary>What it does to the octets off the wire before TLS reads them; null ends the connection.</summary>
    public Func<FaultyMailClient, byte[], Task<byte[]?>>? Came { get; init; }

    /// <summary>What it does to the octets that TLS sends.</summary>
    public Func<byte[], byte[]>? Goes { get; init; }

    /// <summary>What it does when the handshake failed.</summary>
    public Func<FaultyMailClient, Task>? Broken { get; init; }

    /// <summary>Other text instead of the message.</summary>
    public Func<string, string>? Stuffs { get; init; }

    /// <summary>What it does instead of a transaction; null for the usual one.</summary>
    public Func<FaultyMailClient, Task<bool?>>? Mails { get; init; }

    /// <summary>What it does instead of AUTH; null for the usual.</summary>
    public Func<FaultyMailClient, Task<bool?>>? LogsIn { get; init; }

    /// <summary>What it does before it begins at the greeting.</summary>
    public Func<FaultyMailClient, Task>? Greets { get; init; }

    /// <summary>Whether it ends without QUIT.</summary>
    public bool LeavesWithoutQuit { get; init; }

    /// <summary>Whether it ends without close_notify.</summary>
    public bool EndsWithoutNotify { get; init; }

    /// <summary>Whether it waits for ever for a server in the handshake.</summary>
    public bool WaitsForEver { get; init; }
}

/// <summary>The faulty client.</summary>
internal sealed class FaultyMailClient(MailOrder order, MailClientFault fault, IDictionary<string, object> kept, CancellationToken cancel)
    : MailClient(order, cancel)
{
    private IReadOnlyList<string> _outside = [];
    private string _held = "";

    /// <summary>Whatever the faulty client keeps from one delivery to the next.</summary>
    public IDictionary<string, object> Kept => kept;

    /// <summary>Whether it sent STARTTLS.</summary>
    public bool HasAsked { get; private set; }

    /// <summary>Whether something waited to be read when it sent STARTTLS.</summary>
    public bool WasEarly { get; private set; }

    /// <summary>Whether it began a transaction.</summary>
    public bool HasMailed { get; private set; }

    /// <summary>Whether it began a handshake.</summary>
    public bool HasBegun { get; private set; }

    /// <summary>Whatever it remembers of this delivery.</summary>
    public bool Flag { get; set; }

    /// <summary>What it noticed among the octets off the wire.</summary>
    public string Noticed { get; set; } = "";

    /// <summary>The list of extensions outside.</summary>
    public IReadOnlyList<string> Outside => _outside;

    protected override TimeSpan HandshakeTimeout => fault.WaitsForEver ? Timeout.InfiniteTimeSpan : base.HandshakeTimeout;

    public override bool Requires => base.Requires && fault.GivesIn is null;

    public static Reply Ok(int code = 250, params string[] lines) =>
        new(code, [.. lines.DefaultIfEmpty("localhost").Select(l => Encoding.Latin1.GetBytes($"{code}-{l}"))]);

    /// <summary>Sends a command and takes the reply, as it came.</summary>
    public Task<Reply> AskAsync(string line) => CommandAsync(line);

    /// <summary>A transaction, wherever it is.</summary>
    public Task<bool> TransactAsync() => base.MailAsync();

    /// <summary>The next reply.</summary>
    public Task<Reply> NextAsync() => base.ReplyAsync("");

    /// <summary>Receives more.</summary>
    public Task<bool> MoreAsync() => base.FillAsync();

    /// <summary>What came and was not read yet.</summary>
    public string Unread => Encoding.Latin1.GetString([.. Waiting]);

    /// <summary>The message as it goes out.</summary>
    public string Text => Stuffed(Order.Message);

    /// <summary>The credentials.</summary>
    public string Secret => Credentials;

    /// <summary>Leaves TLS.</summary>
    public void Leave() => Wire = Plain;

    public override async Task<bool> DeliverAsync() => await base.DeliverAsync()
        || (base.Requires && fault.GivesIn?.Invoke(this, "end") == true && await TryAsync(false));

    protected override async Task<Reply> GreetingAsync()
    {
        if (fault.Greets is { } greets)
        {
            await greets(this);
        }

        return await base.GreetingAsync();
    }

    protected override async Task<Reply> CommandAsync(string line)
    {
        await SendAsync(fault.Sends?.Invoke(this, line + "\r\n") ?? line + "\r\n");
        if (fault.Sent is { } sent)
        {
            await sent(this, line);
        }

        Reply reply;
        try
        {
            reply = await ReplyAsync(line);
        }
        catch (IOException) when (fault.Ends?.Invoke(this, line) is { } believed)
        {
            reply = believed;
        }

        reply = fault.Hears?.Invoke(this, line, reply) ?? reply;
        if (fault.Replied is { } replied)
        {
            await replied(this, line, reply);
        }

        return reply.Code == 421 && line != "QUIT" ? throw new IOException("421") : reply;
    }

    protected override bool IsOffered => fault.Offered?.Invoke(this, base.IsOffered) ?? base.IsOffered;

    protected override bool Agrees(Reply reply) => fault.Agrees?.Invoke(reply, base.Agrees(reply)) ?? base.Agrees(reply);

    protected override async Task<bool> SecureAsync()
    {
        _outside = InForce;
        (HasAsked, WasEarly) = (IsOffered, Waiting.Count > 0);
        if (fault.GivesIn is null)
        {
            return await base.SecureAsync();
        }

        if (!IsOffered)
        {
            return !base.Requires || fault.GivesIn(this, "offer");
        }

        if (!Agrees(await CommandAsync("STARTTLS")))
        {
            return !base.Requires || fault.GivesIn(this, "reply");
        }

        try
        {
            await SwitchAsync();
        }
        catch (System.Security.Authentication.AuthenticationException e)
        {
            throw new IOException("TLS failed", e);
        }

        return await HelloAsync();
    }

    protected override async Task SwitchAsync()
    {
        HasBegun = true;
        _held = fault.Keeps?.Invoke(Encoding.Latin1.GetString([.. Waiting])) ?? "";
        try
        {
            await base.SwitchAsync();
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException && fault.Broken is not null)
        {
            await fault.Broken(this);
            throw;
        }

        Waiting.AddRange(Encoding.Latin1.GetBytes(_held + Noticed));
        Noticed = "";
    }

    protected override async Task<bool> HelloAsync()
    {
        bool isAccepted = await base.HelloAsync();
        if (IsInside && fault.Lists is { } lists)
        {
            InForce = lists(_outside, InForce);
        }

        return isAccepted;
    }

    protected override Task<Stream> HandshakeAsync(Stream stream)
    {
        stream = new WatchedStream(stream, octets => fault.Came?.Invoke(this, octets) ?? Task.FromResult<byte[]?>(octets),
            octets => fault.Goes?.Invoke(octets) ?? octets);
        return fault.Shakes is null ? base.HandshakeAsync(stream) : fault.Shakes(this, stream);
    }

    /// <summary>The usual handshake.</summary>
    public Task<Stream> ShakeAsync(Stream stream) => base.HandshakeAsync(stream);

    protected override SslClientAuthenticationOptions Options()
    {
        var options = base.Options();
        fault.Tls?.Invoke(this, options);
        return options;
    }

    protected override bool Trusts(X509Certificate2 certificate, X509Chain chain, SslPolicyErrors errors) =>
        fault.Trusts?.Invoke(this, certificate, errors, chain) ?? base.Trusts(certificate, chain, errors);

    protected override Task<bool> LostAsync() => Task.FromResult(fault.Lost?.Invoke(this) ?? false);

    protected override string Stuffed(string message) => fault.Stuffs?.Invoke(message) ?? base.Stuffed(message);

    protected override async Task<bool> LogInAsync() =>
        (fault.LogsIn is null ? null : await fault.LogsIn(this)) ?? await base.LogInAsync();

    protected override async Task<bool> MailAsync()
    {
        HasMailed = true;
        return (fault.Mails is null ? null : await fault.Mails(this)) ?? await base.MailAsync();
    }

    protected override async Task<bool> QuitAsync(bool isDelivered)
    {
        if (!fault.LeavesWithoutQuit)
        {
            return await base.QuitAsync(isDelivered);
        }

        await EndAsync();
        return isDelivered;
    }

    protected override Task EndAsync() => fault.EndsWithoutNotify ? Task.CompletedTask : base.EndAsync();

    /// <summary>The octets off the wire, as the faulty client changes them.</summary>
    private sealed class WatchedStream(Stream inner, Func<byte[], Task<byte[]?>> came, Func<byte[], byte[]> goes) : Stream
    {
        private readonly List<byte> _waiting = [];

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            // SslStream asks first whether there is anything.
            while (_waiting.Count == 0 && buffer.Length > 0)
            {
                var octets = new byte[16384];
                int read = await inner.ReadAsync(octets, cancellationToken);
                if (read == 0 || await came(octets[..read]) is not { } changed)
                {
                    return 0;
                }

                _waiting.AddRange(changed);
            }

            int count = Math.Min(buffer.Length, _waiting.Count);
            _waiting.GetRange(0, count).ToArray().CopyTo(buffer);
            _waiting.RemoveRange(0, count);
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) =>
            ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.WriteAsync(goes(buffer.ToArray()), cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => inner.Write(goes(buffer[offset..(offset + count)]));

        public override void Flush() => inner.Flush();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

/// <summary>The faulty client as a target.</summary>
internal sealed class FaultyMailTarget(MailClientFault fault) : ClientTarget
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<int, IDictionary<string, object>> _kept = new();

    public override string Name => fault.ToString();

    public override Needs Can => EmbeddedMailClient.All;

    public override IReadOnlyDictionary<string, TimeSpan> Timeouts => BlackPony.Conformance.Protocol.StartTls.Timeouts;

    public override bool HasVirtualTime => true;

    // What it keeps belongs to one case, whose port is its own.
    public override async Task<Outcome> DeliverAsync(Delivery delivery, CancellationToken cancel) => new(await new FaultyMailClient(
        MailOrder.Of(delivery), fault, _kept.GetOrAdd(delivery.Port, _ => new Dictionary<string, object>()), cancel).DeliverAsync(), "");
}
