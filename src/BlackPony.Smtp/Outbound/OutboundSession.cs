using System.Buffers;
using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Smtp.Lines;

namespace BlackPony.Smtp.Outbound;

/// <summary>What the outbound relay's host has to do beside sending what waits.</summary>
public enum OutboundRequest
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Send what waits to the next server, if there is one, leave it, and start a mailer for <see cref="OutboundSession.Route"/>.</summary>
    OpenNext,

    /// <summary>Send what waits to the next server, and leave it.</summary>
    LeaveNext,

    /// <summary>Begin TLS with the next server, then call <see cref="OutboundSession.TlsDone"/>.</summary>
    StartTls,

    /// <summary>Send what waits, then close the client's connection and leave the next server.</summary>
    Close,
}

/// <summary>
/// One session of the outbound relay: a mail server that hands over mail on one side, a mailer (<see cref="Mailer.MailerSession"/>)
/// for the recipients' domain on the other (spec 10.5). Octets in, octets out; the host has the sockets, DNS, TLS and the clock.
/// </summary>
public sealed class OutboundSession
{
    // Recipients on their way at one time: their replies must not fill the connection while nobody reads them.
    private const int MostAsked = 100;

    private static readonly byte[] NoSmtp = Line("451 4.3.0 The next hop does not speak SMTP");
    private static readonly byte[] Closed = Line("451 4.4.2 The next hop closed the connection");
    private static readonly byte[] Silent = Line("451 4.4.2 The next hop did not answer in time");

    private readonly OutboundOptions _options;
    private readonly OctetBuffer _input = new();
    private readonly OctetBuffer _fromNext = new();
    private readonly PooledBuffer _toClient = new();
    private readonly PooledBuffer _toNext = new();
    private readonly Queue<Question> _asked = new();
    private readonly List<Recipient> _waiting = [];
    private readonly List<DeliveryOutcome> _outcomes = [];
    private NextReplyReader _replies = new(Limits.MaxReplyLine);
    private Reading _reading = Reading.Commands;
    private MessageEnd _end;
    private bool _clientDone;
    private byte[]? _name;
    private OutboundRequest _request;

    // The next server.
    private Next _next;
    private string[] _extensions = [];
    private bool _inTls;
    private bool _withoutTls;
    private int _transactions;

    // The transaction.
    private PathCommand? _mail;
    private Route? _route;
    private bool _mailSent;
    private readonly List<string> _accepted = [];
    private Refusal? _refusal;

    /// <summary>Makes the machine, which greets.</summary>
    public OutboundSession(OutboundOptions options)
    {
        _options = options;
        Say($"220 {options.Name} ESMTP BlackPony");
    }

    private enum Reading
    {
        Commands,
        Held,
        Data,
        Swallowing,
        End,
    }

    private enum Next
    {
        None,
        Greeting,
        Ehlo,
        Helo,
        StartTls,
        Handshake,
        Ready,
    }

    private enum Asked
    {
        Mail,
        Recipient,
        Data,
        Message,
        Reset,
    }

    private sealed record Recipient(byte[] Path, string Domain);

    // What every further recipient of the transaction hears, and the message.
    private sealed record Refusal(byte[] Reply, DeliveryResult Result, int Code);

    private readonly record struct Question(Asked Kind, Recipient? Recipient = null);

    /// <summary>Octets for the client; the host sends them and calls <see cref="PooledBuffer.ResetWrittenCount"/>.</summary>
    public PooledBuffer ToClient => _toClient;

    /// <summary>Octets for the next server's mailer.</summary>
    public PooledBuffer ToNext => _toNext;

    /// <summary>The route of the server that is asked for.</summary>
    public Route? Route { get; private set; }

    /// <summary>Whether the server that is to be left was told QUIT, so that it may take a moment to answer.</summary>
    public bool HasQuit { get; private set; }

    /// <summary>Whether the host should read from the client: false while much waits here ([BP-10.1-7]).</summary>
    public bool WantsClient => _reading != Reading.End && !_clientDone && _input.Length < Limits.MaxHeld;

    /// <summary>How long the side whose turn it is may be silent now (spec 13).</summary>
    public TimeSpan PeerTimeout =>
        _next is Next.StartTls or Next.Handshake ? Limits.TlsTimeout : IsBusy ? Limits.NextServerTimeout : Limits.IdleTimeout;

    /// <summary>Grows with each search for a server; <see cref="Limits.RecipientTimeout"/> runs while <see cref="IsSearching"/>.</summary>
    public long Searches { get; private set; }

    /// <summary>Whether a recipient waits until there is a server for it.</summary>
    public bool IsSearching => _waiting.Count > 0;

    /// <summary>Grows with everything that came whole: while it stands still, <see cref="PeerTimeout"/> runs on (spec 13).</summary>
    public long Progress { get; private set; }

    /// <summary>Messages that next servers acknowledged.</summary>
    public int Messages { get; private set; }

    /// <summary>Whether the session is between transactions, so that the relay may end it without harm.</summary>
    public bool IsIdle => _mail is null && _reading == Reading.Commands && !IsBusy;

    // Whether it is the next server's turn.
    private bool IsBusy => _asked.Count > 0 || _waiting.Count > 0 || _next is not (Next.None or Next.Ready);

    /// <summary>What the host has to do; asked once.</summary>
    public OutboundRequest TakeRequest()
    {
        var request = _request;
        _request = request == OutboundRequest.Close ? request : OutboundRequest.None;
        return request;
    }

    /// <summary>What became of recipients and messages since it was asked last.</summary>
    public IReadOnlyList<DeliveryOutcome> TakeOutcomes()
    {
        if (_outcomes.Count == 0)
        {
            return [];
        }

        var outcomes = _outcomes.ToArray();
        _outcomes.Clear();
        return outcomes;
    }

    /// <summary>Takes octets from the client.</summary>
    public void FromClient(ReadOnlySpan<byte> octets)
    {
        if (_reading != Reading.End)
        {
            _input.Append(octets);
            Pump();
        }
    }

    /// <summary>
    /// The client's direction ended. It may still read: Exim says "." and QUIT at once and then ends it. A message that has not come
    /// whole goes nowhere ([BP-10.5-16]).
    /// </summary>
    public void ClientEnded()
    {
        _clientDone = true;
        Pump();
    }

    /// <summary>Takes octets from the next server's mailer.</summary>
    public void FromNext(ReadOnlySpan<byte> octets)
    {
        if (_next == Next.None)
        {
            return;
        }

        _fromNext.Append(octets);
        while (_next != Next.None && _next != Next.Handshake)
        {
            var reply = _replies.Read(_fromNext.Span, out int consumed);
            _fromNext.Consume(consumed);
            if (reply is null)
            {
                break;
            }

            Progress++;
            OnReply(reply);
        }

        if (_replies.IsMalformed && !OpensAgain())
        {
            int code = _replies.KnownCode;
            Lose(code >= 400 && _next == Next.Ready
                ? new Refusal(Line($"{(code == 421 ? 451 : code)} The next hop's reply is not SMTP"), Result(code), code)
                : new Refusal(NoSmtp, DeliveryResult.Lost, 0));
        }

        Pump();
    }

    /// <summary>The next server's mailer ended.</summary>
    public void NextEnded()
    {
        if (!OpensAgain())
        {
            Lose(new Refusal(Closed, DeliveryResult.Lost, 0));
        }

        Pump();
    }

    /// <summary>TLS with the next server stands, or could not be had.</summary>
    public void TlsDone(bool secured)
    {
        if (_next != Next.Handshake)
        {
            return;
        }

        if (secured)
        {
            // What was said before is forgotten (RFC 3207 4.2).
            (_inTls, _extensions) = (true, []);
            _fromNext.Clear();
            Greet();
        }
        else
        {
            // [BP-10.5-14]
            Open(withoutTls: true);
        }
    }

    /// <summary>The side whose turn it is was silent for longer than <see cref="PeerTimeout"/>.</summary>
    public void TimedOut()
    {
        if (!IsBusy)
        {
            Goodbye("421 4.4.2 Timeout");
            return;
        }

        if (!OpensWithoutTls())
        {
            Lose(new Refusal(Silent, DeliveryResult.TimedOut, 0));
        }

        Pump();
    }

    /// <summary>No server was found within <see cref="Limits.RecipientTimeout"/>: the client waits no longer ([BP-10.5-22]).</summary>
    public void SearchTimedOut()
    {
        if (IsSearching)
        {
            Lose(new Refusal(Line("451 4.4.1 No server was reached in time"), DeliveryResult.TimedOut, 0));
            Pump();
        }
    }

    /// <summary>The relay stops ([BP-10.3-9]).</summary>
    public void Stop() => Goodbye("421 4.3.2 Service shutting down");

    private void Pump()
    {
        do
        {
            AskWaiting();
        }
        while (_input.Length > 0 && Step());

        if (_clientDone && !IsBusy)
        {
            // Nothing more can come of what is left.
            End();
        }
    }

    // One step over the client's octets; false if it has to wait.
    private bool Step()
    {
        switch (_reading)
        {
            case Reading.Commands:
                return ReadLine();
            case Reading.Data:
            case Reading.Swallowing:
                ReadPayload();
                return true;
            default:
                return false;
        }
    }

    private bool ReadLine()
    {
        var octets = _input.Span;
        int length = octets.IndexOf("\r\n"u8);
        var line = length >= 0 ? octets[..length] : octets is [.., (byte)'\r'] ? octets[..^1] : octets;
        bool isLong = line.Length > Limits.MaxOtherCommandLine - 2;
        if (isLong || ClientLine.HasStray(line))
        {
            if (!IsBusy)
            {
                // [BP-10.5-18]
                Goodbye(isLong ? "500 5.5.2 Line too long" : "501 5.5.2 Bare LF, bare CR or NUL in a command");
            }

            return false;
        }

        if (length < 0 || !OnCommand(line))
        {
            return false;
        }

        if (_reading != Reading.End)
        {
            _input.Consume(length + 2);
            Progress++;
        }

        return true;
    }

    // False if the command has to wait for the next server.
    private bool OnCommand(ReadOnlySpan<byte> line)
    {
        var word = ClientLine.Word(line);
        var verb = Encoding.Latin1.GetString(word).ToUpperInvariant();
        if (verb == "RCPT")
        {
            return OnRecipient(line);
        }

        if (IsBusy)
        {
            return false;
        }

        switch (verb)
        {
            case "EHLO":
            case "HELO":
                OnHello(verb, line[Math.Min(word.Length + 1, line.Length)..]);
                break;
            case "MAIL":
                OnMail(line);
                break;
            case "DATA":
                OnData();
                break;
            case "RSET":
                Abort();
                Say("250 2.0.0 Ok");
                break;
            case "NOOP":
                Say("250 2.0.0 Ok");
                break;
            case "VRFY":
                Say("252 2.5.1 Cannot verify; send some mail");
                break;
            case "QUIT":
                Goodbye("221 2.0.0 Bye");
                break;
            default:
                if (OtherProtocols.IsRequest(verb))
                {
                    Goodbye("421 4.7.0 This is SMTP");
                }
                else
                {
                    Say("502 5.5.1 Command not implemented");
                }

                break;
        }

        return true;
    }

    private void OnHello(string verb, ReadOnlySpan<byte> name)
    {
        if (name.Trim((byte)' ').IsEmpty)
        {
            Say($"501 5.5.4 Syntax: {verb} name");
            return;
        }

        Abort();
        if (_next != Next.None && !name.SequenceEqual(_name))
        {
            // It was greeted with another name.
            Leave();
        }

        _name = name.ToArray();

        // [BP-10.5-4]
        Say(verb == "HELO" ? $"250 {_options.Name}" : $"250-{_options.Name}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE");
    }

    // Kept until the first recipient tells where it goes ([BP-10.5-5]).
    private void OnMail(ReadOnlySpan<byte> line)
    {
        var mail = PathCommand.Parse(line, "FROM:");
        if (_name is null || _mail is not null)
        {
            Say(_name is null ? "503 5.5.1 EHLO first" : "503 5.5.1 A transaction is open");
        }
        else if (mail is null)
        {
            Say("501 5.5.4 Syntax: MAIL FROM:<address>");
        }
        else if (MailParameters.Complaint(mail.Parameters) is { } complaint)
        {
            // [BP-10.5-20]
            Say(complaint);
        }
        else if (mail.IsInternational && !IsInternational(mail))
        {
            Say("550 5.6.7 Address needs SMTPUTF8");
        }
        else
        {
            _mail = mail;
            Say("250 2.1.0 Ok");
        }
    }

    private bool OnRecipient(ReadOnlySpan<byte> line)
    {
        var recipient = PathCommand.Parse(line, "TO:");
        var domain = recipient?.Domain();
        var route = domain is null ? null : _options.Route(domain);

        bool isPlain = recipient is { Parameters.Count: 0 } && (!recipient.IsInternational || IsInternational(_mail));

        // The recipients of one route travel together; all else waits for its turn.
        bool mayFollow = _next == Next.Ready && _mailSent && Has("PIPELINING") && _asked.Count < MostAsked;
        if (IsBusy && !(mayFollow && isPlain && route is not null && route == _route))
        {
            return false;
        }

        if (_mail is null || recipient is null || recipient.Parameters.Count > 0)
        {
            Say(_mail is null ? "503 5.5.1 MAIL first" : recipient is null ? "501 5.5.4 Syntax: RCPT TO:<address>" : "555 5.5.4 Parameter not offered");
        }
        else if (route is null)
        {
            Say("550 5.1.2 No domain to deliver to");
        }
        else if (!isPlain)
        {
            Say("553 5.6.7 Address needs SMTPUTF8");
        }
        else if (_accepted.Count > 0 && route != _route)
        {
            // [BP-10.5-7]
            Say("452 4.5.3 Another domain: use another transaction");
        }
        else
        {
            if (route != _route)
            {
                (_route, _refusal, _mailSent) = (route, null, false);
            }

            _waiting.Add(new Recipient(recipient.Path, domain!));
            Searches++;
        }

        return true;
    }

    private static bool IsInternational(PathCommand? mail) =>
        mail is not null && mail.Parameters.Any(p => MailParameters.Keyword(p) == "SMTPUTF8");

    // Asks the next server for the recipients that wait, as far as it goes now.
    private void AskWaiting()
    {
        while (_waiting is [var recipient, ..] && _reading != Reading.End)
        {
            if (_refusal is null && (_next == Next.None || Route != _route))
            {
                Route = _route;
                Open(withoutTls: false);
            }

            if (_refusal is null && _next == Next.Ready && IsInternational(_mail) && !Has("SMTPUTF8"))
            {
                // [BP-10.5-10]
                _refusal = new Refusal(Line("550 5.6.7 The next hop does not support SMTPUTF8"), DeliveryResult.Refused, 550);
            }

            if (_refusal is not null)
            {
                // In its turn, behind the answers that are still due.
                if (_asked.Count > 0)
                {
                    return;
                }

                _waiting.RemoveAt(0);
                Answer(recipient, _refusal);
                continue;
            }

            if (_next != Next.Ready || (_asked.Count > 0 && !Has("PIPELINING")))
            {
                return;
            }

            if (!_mailSent)
            {
                (_mailSent, _transactions) = (true, _transactions + 1);
                SendMail();
                continue;
            }

            _waiting.RemoveAt(0);
            Ask(new Question(Asked.Recipient, recipient), [.. "RCPT TO:"u8, .. recipient.Path]);
        }
    }

    // [BP-10.5-8], [BP-10.5-9]
    private void SendMail()
    {
        var command = new List<byte>([.. "MAIL FROM:"u8, .. _mail!.Path]);
        foreach (var parameter in _mail.Parameters.Where(p => Has(MailParameters.Extension(p))))
        {
            command.AddRange(Encoding.ASCII.GetBytes(" " + parameter));
        }

        Ask(new Question(Asked.Mail), [.. command]);
    }

    private void OnData()
    {
        if (_mail is null || _accepted.Count == 0)
        {
            Say(_mail is null ? "503 5.5.1 MAIL first" : "554 5.5.1 No valid recipients");
        }
        else if (_refusal is not null)
        {
            // The next server was lost behind its recipients.
            Emit(_refusal.Reply);
            Note(_refusal.Result, _refusal.Code);
        }
        else
        {
            Ask(new Question(Asked.Data), [.. "DATA"u8]);
            _reading = Reading.Held;
        }
    }

    private void ReadPayload()
    {
        int count = _end.Take(_input.Span);
        if (_reading == Reading.Data)
        {
            _toNext.Write(_input.Span[..count]);
        }

        _input.Consume(count);
        Progress++;
        if (!_end.IsFound)
        {
            return;
        }

        if (_reading == Reading.Data)
        {
            _asked.Enqueue(new Question(Asked.Message));
            _reading = Reading.Held;
        }
        else
        {
            Emit(_refusal!.Reply);
            Forget();
            _reading = Reading.Commands;
        }
    }

    private void Answer(Recipient recipient, Refusal refusal)
    {
        Emit(refusal.Reply);
        _outcomes.Add(new DeliveryOutcome(recipient.Domain, refusal.Result, refusal.Code, IsMessage: false));
    }

    private void Note(DeliveryResult result, int code) =>
        _outcomes.AddRange(_accepted.Distinct().Select(d => new DeliveryOutcome(d, result, code, IsMessage: true)));

    private void OnReply(Reply reply)
    {
        switch (_next)
        {
            case Next.Greeting when reply.Code == 220:
                Greet();
                break;
            case Next.Ehlo when reply.IsPositive:
                OnExtensions(reply);
                break;
            case Next.Ehlo when reply.Code >= 500:
                SendLine([.. "HELO "u8, .. _name!]);
                _next = Next.Helo;
                break;
            case Next.Helo when reply.IsPositive:
                _next = Next.Ready;
                break;
            case Next.StartTls when reply.Code == 220:
                OnTlsAgreed();
                break;
            case Next.StartTls when reply.Code is >= 400 and not 421:
                _next = Next.Ready;
                break;
            case Next.StartTls when OpensWithoutTls():
                break;
            case Next.Ready when _asked.Count > 0:
                OnAnswer(_asked.Dequeue(), reply);
                break;
            default:
                // Refused before the transaction, or an answer to nothing.
                Lose(reply);
                break;
        }
    }

    private void Greet()
    {
        SendLine([.. "EHLO "u8, .. _name!]);
        _next = Next.Ehlo;
    }

    private void OnExtensions(Reply reply)
    {
        (_extensions, _next) = (EhloReply.Keywords(reply), Next.Ready);
        if (_options.StartTls && !_inTls && !_withoutTls && Has("STARTTLS"))
        {
            // The mailer has no BlackPony there, or it would have removed the keyword ([BP-10.5-13]).
            SendLine("STARTTLS"u8);
            _next = Next.StartTls;
        }
    }

    private void OnTlsAgreed()
    {
        if (_fromNext.Length > 0)
        {
            // [BP-10.5-17]
            Lose(new Refusal(Line("451 4.7.0 The next hop spoke before TLS"), DeliveryResult.Lost, 0));
            return;
        }

        _next = Next.Handshake;
        _request = OutboundRequest.StartTls;
    }

    private void OnAnswer(Question asked, Reply reply)
    {
        if (reply.Code == 421 && OpensAgain(asked))
        {
            return;
        }

        bool refused = reply.Code >= 400;
        switch (asked.Kind)
        {
            case Asked.Mail when refused:
                // Told to each recipient ([BP-10.5-6]).
                _refusal = Refused(reply);
                break;
            case Asked.Recipient when _refusal is not null:
                Answer(asked.Recipient!, _refusal);
                break;
            case Asked.Recipient when refused:
                Answer(asked.Recipient!, Refused(reply));
                break;
            case Asked.Recipient when reply.IsPositive:
                Emit(ForTransaction(reply));
                _accepted.Add(asked.Recipient!.Domain);
                break;
            case Asked.Data when reply.Code == 354:
                Emit(ForTransaction(reply));
                _reading = Reading.Data;
                _end = MessageEnd.Begin();
                break;
            case Asked.Data when refused:
                Emit(ForTransaction(reply));
                Note(Result(reply.Code), reply.Code);
                _reading = Reading.Commands;
                break;
            case Asked.Message when refused || reply.IsPositive:
                // [BP-10.5-15]
                Emit(ForTransaction(reply));
                Note(refused ? Result(reply.Code) : DeliveryResult.Delivered, reply.Code);
                Messages += reply.IsPositive ? 1 : 0;
                Forget();
                _reading = Reading.Commands;
                break;
            case Asked.Mail or Asked.Reset when reply.IsPositive:
                break;
            default:
                // No answer to this question.
                _asked.Enqueue(asked);
                Lose(new Refusal(NoSmtp, DeliveryResult.Lost, 0));
                return;
        }

        if (reply.Code == 421)
        {
            Lose(reply);
        }
    }

    private Refusal Refused(Reply reply) => new(ForTransaction(reply), Result(reply.Code), reply.Code);

    private static DeliveryResult Result(int code) => code >= 500 ? DeliveryResult.Refused : DeliveryResult.Deferred;

    // RSET, EHLO: the transaction is over, here and there.
    private void Abort()
    {
        if (_mailSent && _next == Next.Ready)
        {
            Ask(new Question(Asked.Reset), [.. "RSET"u8]);
        }

        Note(DeliveryResult.Abandoned, 0);

        Forget();
    }

    private void Forget()
    {
        (_mail, _route, _mailSent, _refusal) = (null, null, false, null);
        _accepted.Clear();
    }

    // TLS does not come about: one fresh connection without it ([BP-10.5-14]).
    private bool OpensWithoutTls()
    {
        bool isTls = _next is Next.StartTls or Next.Handshake || (_next is Next.Ehlo or Next.Helo && _inTls);
        if (isTls && !_withoutTls)
        {
            Drop();
            Open(withoutTls: true);
            return true;
        }

        return false;
    }

    // A connection kept from an earlier transaction has ended, and nothing of this one was accepted: a fresh one may do ([BP-10.5-21]).
    private bool OpensAgain(Question? asked = null)
    {
        if (OpensWithoutTls())
        {
            return true;
        }

        if (_next != Next.Ready || _reading != Reading.Commands || _accepted.Count > 0 || _refusal is not null || !_mailSent)
        {
            return false;
        }

        Question[] all = [.. ((Question?[])[asked]).OfType<Question>(), .. _asked];
        if (all.Length > 0 && _transactions < 2)
        {
            return false;
        }

        _waiting.InsertRange(0, all.Select(q => q.Recipient).OfType<Recipient>());
        _mailSent = false;
        Drop();
        _request = OutboundRequest.LeaveNext;
        return true;
    }

    // The connection is gone: nobody is there to hear QUIT.
    private void Drop()
    {
        HasQuit = false;
        Reset();
        _toNext.ResetWrittenCount();
    }

    private void Open(bool withoutTls)
    {
        Leave();
        (_next, _withoutTls) = (Next.Greeting, withoutTls);
        _request = OutboundRequest.OpenNext;
    }

    private void Leave()
    {
        Quit();
        Reset();
        _request = OutboundRequest.LeaveNext;
    }

    private void Quit()
    {
        HasQuit = _next == Next.Ready && _asked.Count == 0 && _reading == Reading.Commands;
        if (HasQuit)
        {
            SendLine("QUIT"u8);
        }
    }

    private void Reset()
    {
        (_next, _inTls, _withoutTls, _extensions, _transactions) = (Next.None, false, false, [], 0);
        _asked.Clear();
        _fromNext.Clear();
        _replies = new NextReplyReader(Limits.MaxReplyLine);
    }

    private void Lose(Reply reply) => Lose(reply.Code >= 400 ? Refused(reply) : new Refusal(NoSmtp, DeliveryResult.Lost, 0));

    // The next server is of no more use: what it was asked is answered with a failure, and nothing is acknowledged ([BP-10.5-15]).
    private void Lose(Refusal failure)
    {
        if (_reading == Reading.End || (_next == Next.None && _waiting.Count == 0))
        {
            return;
        }

        var asked = _asked.ToArray();
        Drop();
        _request = OutboundRequest.LeaveNext;
        if (_mail is not null && _route is not null)
        {
            _refusal ??= failure;
        }

        if (_reading == Reading.Data || asked.Any(a => a.Kind is Asked.Data or Asked.Message))
        {
            Note(failure.Result, failure.Code);
        }

        foreach (var one in asked)
        {
            if (one.Recipient is not null)
            {
                Answer(one.Recipient, _refusal ?? failure);
            }
            else if (one.Kind is Asked.Data or Asked.Message)
            {
                Emit((_refusal ?? failure).Reply);
            }

            if (one.Kind == Asked.Message)
            {
                Forget();
            }
        }

        _reading = _reading switch
        {
            Reading.Data => Reading.Swallowing,
            Reading.Held => Reading.Commands,
            _ => _reading,
        };
    }

    // The session with the client goes on: a 421 is none for it. Nothing but text reaches it ([BP-10.5-11]).
    private byte[] ForTransaction(Reply reply)
    {
        var clean = ReplyText.Text(reply, IsInternational(_mail));
        byte[][] deferred = [.. clean.Lines.Select(l => (byte[])[.. "451"u8, .. l.AsSpan(3)])];
        return (reply.Code == 421 ? clean with { Lines = deferred } : clean).ToOctets();
    }

    private static byte[] Line(string text) => Encoding.ASCII.GetBytes(text + "\r\n");

    private bool Has(string extension) => _extensions.Contains(extension);

    private void Ask(Question asked, byte[] command)
    {
        _asked.Enqueue(asked);
        SendLine(command);
    }

    private void SendLine(ReadOnlySpan<byte> line)
    {
        _toNext.Write(line);
        _toNext.Write("\r\n"u8);
    }

    private void Say(string text) => Emit(Line(text));

    private void Emit(byte[] reply) => _toClient.Write(reply);

    private void Goodbye(string text)
    {
        if (_reading != Reading.End)
        {
            Say(text);
            End();
        }
    }

    private void End()
    {
        if (_reading == Reading.End)
        {
            return;
        }

        Note(DeliveryResult.Abandoned, 0);
        Quit();
        Reset();
        _waiting.Clear();
        _reading = Reading.End;
        _input.Clear();
        _request = OutboundRequest.Close;
    }
}
