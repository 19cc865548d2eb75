namespace BlackPony.Smtp.Outbound;

/// <summary>
/// One session of the outbound relay: a mail server that hands over mail on one side, a mailer (<see cref="Mailer.MailerSession"/>)
/// for the recipients' domain on the other (spec 10.5). On <see cref="SessionRequest.Connect"/> the host leaves the server, if there is
/// one,
/// and starts a mailer for <see cref="Route"/>; on <see cref="SessionRequest.StartTls"/> it calls <see cref="TlsDone"/>.
/// </summary>
public sealed partial class OutboundSession : SmtpSession, ISession
{
    // Recipients on their way at one time: their replies must not fill the connection while nobody reads them.
    private const int MostAsked = 100;

    private const string Ok = "250 2.0.0 Ok";

    private static readonly Refusal NoSmtp = new(Line("451 4.3.0 The next hop does not speak SMTP"), DeliveryResult.Lost, 0);
    private static readonly Refusal Lost = new(Line("451 4.4.2 The next hop closed the connection"), DeliveryResult.Lost, 0);
    private static readonly Refusal Silent = new(Line("451 4.4.2 The next hop did not answer in time"), DeliveryResult.TimedOut, 0);
    private static readonly Refusal NotFound = new(Line("451 4.4.1 No server was reached in time"), DeliveryResult.TimedOut, 0);
    private static readonly Refusal BeforeTls = new(Line("451 4.7.0 The next hop spoke before TLS"), DeliveryResult.Lost, 0);
    private static readonly Refusal NoUtf8 = new(Line("550 5.6.7 The next hop does not support SMTPUTF8"), DeliveryResult.Refused, 550);

    private readonly OutboundOptions _options;
    private readonly NextConnection _next;
    private readonly Queue<Pending> _pending = new();
    private readonly List<Recipient> _waiting = [];
    private readonly List<DeliveryOutcome> _outcomes = [];
    private State _state = State.Commands;
    private Transaction? _transaction;
    private MessageEnd _end;
    private byte[]? _name;
    private bool _clientDone;

    /// <summary>Makes the session, which greets.</summary>
    public OutboundSession(OutboundOptions options)
    {
        (_options, _next) = (options, new NextConnection(ServerOctets, ToServer));
        Say($"220 {options.Name} ESMTP BlackPony");
    }

    // What the client's octets are.
    private enum State
    {
        Commands,
        Held,
        Data,
        Discarding,
        End,
    }

    /// <summary>The route of the server that is asked for.</summary>
    public Route? Route { get; private set; }

    /// <summary>Whether the server that is to be left was sent QUIT, so that it may take a moment to answer.</summary>
    public bool HasQuit { get; private set; }

    /// <inheritdoc/>
    public bool WantsClient => _state != State.End && !_clientDone && ClientOctets.Length < Limits.MaxHeld;

    /// <inheritdoc/>
    public TimeSpan PeerTimeout =>
        _next.State is NextState.StartTls or NextState.Handshake ? Limits.TlsTimeout
        : IsBusy ? Limits.NextServerTimeout : Limits.IdleTimeout;

    /// <summary>Grows with each search for a server; <see cref="Limits.RecipientTimeout"/> runs while <see cref="IsSearching"/>.</summary>
    public long Searches { get; private set; }

    /// <summary>Whether a recipient waits until there is a server for it.</summary>
    public bool IsSearching => _waiting.Count > 0;

    /// <summary>Messages that next servers acknowledged.</summary>
    public int Messages { get; private set; }

    /// <summary>Whether the session is between transactions, so that the relay may end it without harm.</summary>
    public bool IsIdle => _transaction is null && _state == State.Commands && !IsBusy;

    // Whether it is the next server's turn.
    private bool IsBusy => _pending.Count > 0 || _waiting.Count > 0 || _next.State is not (NextState.None or NextState.Ready);

    private bool IsSent => _transaction is { IsSent: true };

    private Refusal? Refused => _transaction?.Refusal;

    private List<string> Accepted => _transaction?.Accepted ?? [];

    /// <summary>What became of recipients and messages since it was asked last.</summary>
    public IReadOnlyList<DeliveryOutcome> TakeOutcomes()
    {
        DeliveryOutcome[] outcomes = [.. _outcomes];
        _outcomes.Clear();
        return outcomes;
    }

    /// <inheritdoc/>
    public void FromClient(ReadOnlySpan<byte> octets)
    {
        if (_state != State.End)
        {
            ClientOctets.Append(octets);
            Pump();
        }
    }

    /// <summary>
    /// The client's direction ended. It may still read: Exim sends "." and QUIT at once and then ends it. A message that has not come
    /// whole goes nowhere ([BP-10.5-16]).
    /// </summary>
    public void ClientEnded()
    {
        _clientDone = true;
        Pump();
    }

    /// <inheritdoc/>
    public void FromServer(ReadOnlySpan<byte> octets)
    {
        if (_next.State == NextState.None)
            return;

        ServerOctets.Append(octets);
        while (_next.Read() is { } reply)
        {
            Progress++;
            OnReply(reply);
        }

        if (_next.IsMalformed && !OpensAgain())
        {
            int code = _next.KnownCode;
            Lose(code >= 400 && _next.State == NextState.Ready
                ? new Refusal(Line($"{(code == 421 ? 451 : code)} The next hop's reply is not SMTP"), Refusal.ResultOf(code), code)
                : NoSmtp);
        }

        Pump();
    }

    /// <inheritdoc/>
    public void ServerEnded()
    {
        if (!OpensAgain())
            Lose(Lost);

        Pump();
    }

    /// <summary>TLS with the next server stands, or could not be had.</summary>
    public void TlsDone(bool secured)
    {
        // [BP-10.5-14]
        if (_next.State == NextState.Handshake && !secured)
            Open(withoutTls: true);
        else if (_next.State == NextState.Handshake)
            _next.Secure(_name!);
    }

    /// <inheritdoc/>
    public void TimedOut()
    {
        if (!IsBusy)
        {
            ReplyAndClose("421 4.4.2 Timeout");
            return;
        }

        if (!OpensWithoutTls())
            Lose(Silent);

        Pump();
    }

    /// <summary>No server was found within <see cref="Limits.RecipientTimeout"/>: the client waits no longer ([BP-10.5-22]).</summary>
    public void SearchTimedOut()
    {
        if (IsSearching)
        {
            Lose(NotFound);
            Pump();
        }
    }

    /// <summary>The relay stops ([BP-10.3-9]), or the session cannot go on.</summary>
    /// <param name="reply">The last reply, without CRLF.</param>
    public void Stop(string reply = "421 4.3.2 Service shutting down") => ReplyAndClose(reply);

    private void Pump()
    {
        do
        {
            AskWaiting();
        }
        while (ClientOctets.Length > 0 && Step());

        // Nothing more can come of what is left.
        if (_clientDone && !IsBusy)
            End();
    }

    // One step over the client's octets; false if it has to wait.
    private bool Step() => _state is State.Data or State.Discarding ? ReadMessage() : _state == State.Commands && ReadLine();

    private bool ReadLine()
    {
        bool isWhole = ClientLine.Find(ClientOctets.Span, out var line);
        bool isLong = line.Length > Limits.MaxOtherCommandLine - 2;
        if (isLong || ClientLine.HasStray(line))
        {
            // [BP-10.5-18]
            if (!IsBusy)
                ReplyAndClose(isLong ? "500 5.5.2 Line too long" : "501 5.5.2 Bare LF, bare CR or NUL in a command");

            return false;
        }

        int length = line.Length + 2;
        if (!isWhole || !OnCommand(line))
            return false;

        if (_state != State.End)
        {
            ClientOctets.Consume(length);
            Progress++;
        }

        return true;
    }

    // False if the command has to wait for the next server.
    private bool OnCommand(ReadOnlySpan<byte> line)
    {
        var verb = ClientLine.Verb(line);
        if (verb == Verb.Rcpt)
            return OnRecipient(line);

        if (IsBusy)
            return false;

        switch (verb)
        {
            case Verb.Ehlo or Verb.Helo:
                OnHello(verb, line[Math.Min(5, line.Length)..]);
                break;
            case Verb.Data:
                OnData();
                break;
            case Verb.Quit:
                ReplyAndClose("221 2.0.0 Bye");
                break;
            case Verb.Other when OtherProtocols.IsRequest(line):
                ReplyAndClose("421 4.7.0 This is SMTP");
                break;
            case Verb.Rset:
                Abort();
                Say(Ok);
                break;
            default:
                Say(verb switch
                {
                    Verb.Mail => OnMail(line),
                    Verb.Noop => Ok,
                    Verb.Vrfy => "252 2.5.1 Cannot verify; send some mail",
                    _ => "502 5.5.1 Command not implemented",
                });
                break;
        }

        return true;
    }

    private void OnHello(Verb verb, ReadOnlySpan<byte> name)
    {
        if (name.Trim((byte)' ').IsEmpty)
        {
            Say($"501 5.5.4 Syntax: {verb.ToString().ToUpperInvariant()} name");
            return;
        }

        Abort();

        // It was greeted with another name.
        if (_next.State != NextState.None && !name.SequenceEqual(_name))
            Leave();

        _name = name.ToArray();

        // [BP-10.5-4]
        Say(verb == Verb.Helo ? $"250 {_options.Name}"
            : $"250-{_options.Name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE");
    }

    private string OnMail(ReadOnlySpan<byte> line)
    {
        if (_name is null || _transaction is not null)
            return _name is null ? "503 5.5.1 EHLO first" : "503 5.5.1 A transaction is open";

        if (PathCommand.Parse(line, "FROM:") is not { } mail)
            return "501 5.5.4 Syntax: MAIL FROM:<address>";

        // [BP-10.5-20]
        var transaction = new Transaction(mail);
        if (MailParameters.Complaint(mail.Parameters) is { } complaint)
            return complaint;

        if (mail.IsInternational && !transaction.IsInternational)
            return "550 5.6.7 Address needs SMTPUTF8";

        _transaction = transaction;
        return "250 2.1.0 Ok";
    }

    private bool OnRecipient(ReadOnlySpan<byte> line)
    {
        var recipient = PathCommand.Parse(line, "TO:");
        var domain = recipient?.Domain();
        var route = domain is null ? null : _options.Route(domain);
        bool isPlain = recipient is { Parameters.Count: 0 } && (!recipient.IsInternational || _transaction is { IsInternational: true });

        // The recipients of one route travel together; all else waits for its turn.
        bool mayFollow = _next.State == NextState.Ready && IsSent && _next.Has("PIPELINING") && _pending.Count < MostAsked;
        if (IsBusy && !(mayFollow && isPlain && route is not null && route == _transaction!.Route))
            return false;

        if (RecipientFault(recipient, route, isPlain) is { } fault)
        {
            Say(fault);
            return true;
        }

        _transaction!.GoTo(route);
        _waiting.Add(new Recipient(recipient!.Path, domain!));
        Searches++;
        return true;
    }

    private string? RecipientFault(PathCommand? recipient, Route? route, bool isPlain) => recipient switch
    {
        _ when _transaction is null => "503 5.5.1 MAIL first",
        null => "501 5.5.4 Syntax: RCPT TO:<address>",
        { Parameters.Count: > 0 } => "555 5.5.4 Parameter not offered",
        _ when route is null => "550 5.1.2 No domain to deliver to",
        _ when !isPlain => "553 5.6.7 Address needs SMTPUTF8",

        // [BP-10.5-7]
        _ when Accepted.Count > 0 && route != _transaction.Route => "452 4.5.3 Another domain: use another transaction",
        _ => null,
    };

    private void OnData()
    {
        if (_transaction is null || Accepted.Count == 0)
        {
            Say(_transaction is null ? "503 5.5.1 MAIL first" : "554 5.5.1 No valid recipients");
        }
        else if (Refused is not null)
        {
            // The next server was lost after its recipients.
            ToClient.Write(Refused.Reply);
            Note(Refused.Result, Refused.Code);
        }
        else
        {
            Ask(new Pending(Verb.Data), "DATA"u8);
            _state = State.Held;
        }
    }

    private bool ReadMessage()
    {
        int count = _end.Take(ClientOctets.Span);
        if (_state == State.Data)
            ToServer.Write(ClientOctets.Span[..count]);

        ClientOctets.Consume(count);
        Progress++;
        if (_end.IsFound && _state == State.Data)
        {
            _pending.Enqueue(new Pending(Verb.Message));
            _state = State.Held;
        }
        else if (_end.IsFound)
        {
            ToClient.Write(Refused!.Reply);
            (_transaction, _state) = (null, State.Commands);
        }

        return true;
    }

    // RSET, EHLO: the transaction is over, here and there.
    private void Abort()
    {
        if (IsSent && _next.State == NextState.Ready)
            Ask(new Pending(Verb.Rset), "RSET"u8);

        Note(DeliveryResult.Abandoned, 0);
        _transaction = null;
    }
}
