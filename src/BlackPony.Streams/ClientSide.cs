using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Keys;
using BlackPony.Reference.Negotiation;
using BlackPony.Reference.Policy;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Mailer;

namespace BlackPony.Streams;

/// <summary>A client: the session of the mailer (spec 10.4), which gets its EHLO from this class, not from a mail server.</summary>
internal sealed class ClientSide : StreamSide
{
    private readonly BlackPonyClientAuthenticationOptions _options;
    private readonly MailerSession _session;
    private readonly ReplyReader _replies = new();
    private Reply? _greeting;

    public ClientSide(BlackPonyClientAuthenticationOptions options)
    {
        // A line of its own would be a command of its own.
        if (options.ClientName.AsSpan().ContainsAnyExceptInRange('!', '~') || options.ClientName.Length is 0 or > 255)
            throw new ArgumentException("The client's name is no host name or address literal.", nameof(options));

        if (options is { Policy: ClientPolicy.Remembered, Memory: null } or { Memory: not null, TargetHost: "" })
            throw new ArgumentException("The policy remembered needs a memory, and a memory needs the target's host.", nameof(options));

        _options = options;
        _session = new MailerSession(
            new MailerOptions(Keys(options.RsaKeys))
            {
                Policy = options.Policy,
                Suites = Encrypting(options.Suites),
                Memory = options.Memory,
                KeyLog = options.KeyLog,
            },
            options.Random);
        _session.Connected(options.TargetHost, options.TargetPort, moreTargets: false, options.MailDomain);
    }

    public override PooledBuffer ToWire => _session.ToServer;

    public override SessionReport Report => _session.Report;

    public override IReadOnlyList<PeerIdent> RemoteIdents => _session.Channel?.PeerIdents ?? [];

    public override bool IsOver => _session.Request == SessionRequest.Close;

    public override ISession Session => _session;

    public override void FromWire(ReadOnlySpan<byte> octets)
    {
        _session.FromServer(octets);
        Take(_session.ToClient);
    }

    public override void WireEnded()
    {
        _session.ServerEnded();
        Take(_session.ToClient);
    }

    public override void FromApplication(ReadOnlySpan<byte> octets)
    {
        _session.FromClient(octets);
        Take(_session.ToClient);
    }

    public override void ApplicationEnded() => _session.ClientEnded();

    // The greeting, then the reply to EHLO, inside or in plaintext: the session has negotiated between them.
    public override void Advance()
    {
        while (!IsReady && Failure is null && ReadReply() is { } reply)
        {
            if (_greeting is null && reply.Code == 220)
            {
                _greeting = reply;
                FromApplication(Encoding.ASCII.GetBytes($"EHLO {_options.ClientName}\r\n"));
            }
            else if (_greeting is null || HasEnded)
            {
                Failure = _session.Report.Reason ?? $"the server replied {reply.Code}";
            }
            else
            {
                Finish();
            }
        }

        // A fresh connection, which is the caller's to make ([BP-9.2-2]).
        if (!IsReady && (HasEnded || _session.Request == SessionRequest.Reconnect))
            Failure ??= _session.Report.Reason ?? "the connection was lost";
    }

    public override void Dispose() => _session.Dispose();

    private void Finish()
    {
        if (Report.Encrypted && _options.RemoteIdentValidationCallback is { } validate && !validate(RemoteIdents))
        {
            ApplicationEnded();
            Failure = RemoteIdents.Count == 0 ? "ident-missing" : "ident-mismatch";
            return;
        }

        IsReady = true;
        if (_options.BeginsWithGreeting)
        {
            var rest = ToApplication.Span.ToArray();
            ToApplication.Clear();
            ToApplication.Append(_greeting!.ToOctets());
            ToApplication.Append(rest);
        }
    }

    private Reply? ReadReply()
    {
        var reply = _replies.Read(ToApplication.Span, out int consumed);
        ToApplication.Consume(consumed);
        return reply;
    }
}
