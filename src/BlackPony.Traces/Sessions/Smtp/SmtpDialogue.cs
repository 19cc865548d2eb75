using System.Text;
using BlackPony.Reference;
using BlackPony.Reference.Negotiation;
using BlackPony.Traces.Replay;

namespace BlackPony.Traces.Sessions;

/// <summary>
/// Follows an SMTP session from outside. The client's stream gives commands, the server's stream replies; the matching says which answers
/// which,
/// and then the transaction and the negotiation go on.
/// </summary>
internal sealed class SmtpDialogue : Layer
{
    private readonly ClientStream _client;
    private readonly ServerStream _server;
    private Exchange? _exchange;
    private bool _clientSpoke;
    private bool _clientEnded;
    private bool _serverEnded;
    private bool _greeted;
    private long _greetedAt = long.MinValue;
    private bool _pipelining;
    private int _unanswered;

    /// <param name="session">The session.</param>
    /// <param name="place">Where the dialogue stands.</param>
    /// <param name="greets">Whether the server begins with a greeting: not after an upgrade.</param>
    public SmtpDialogue(Session session, Place place, bool greets = false)
    {
        (Session, Place) = (session, place);
        Negotiation = new ObservedNegotiation(session, place);
        Matching = new ReplyMatching(Answered, Unasked);
        _server = new ServerStream(this);
        // Who comes in the middle waits for something that is a command.
        _client = new ClientStream(this, lost: place == Place.Outside && !session.OpeningSeen);
        _greeted = !(place == Place.Outside || greets) || !session.OpeningSeen;
        if (!_greeted)
            Expect(Verb.Greeting, null, null, null, session.Report.Start);
    }

    public Session Session { get; }

    public ObservedSession Report => Session.Report;

    public Place Place { get; }

    public ReplyMatching Matching { get; }

    public Transaction Transaction { get; } = new();

    public ObservedNegotiation Negotiation { get; }

    /// <summary>What the streams are from here on; null as long as they are SMTP.</summary>
    public Layer? Inner { get; private set; }

    public bool IsLmtp { get; set; }

    public bool ServerSpoke { get; private set; }

    public override void Octets(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (Inner is not null)
        {
            Inner.Octets(sender, octets, time);
        }
        else if (sender == Role.Server)
        {
            ServerSpoke = true;
            _client.ServerSpoke(time);
            _server.Octets(octets, time);
        }
        else
        {
            _clientSpoke = true;
            if (_client.IsHello(octets))
            {
                // It is written down as what it is, and not as a line.
                Switch(UpgradeKind.Tls);
                _client.HandOver(Inner!, time);
                Inner!.Octets(Role.Client, octets, time);
                return;
            }

            Write(Role.Client, octets, time);
            _server.ClientSpoke(time);
            Matching.ClientGoesOn();
            // What is handed on to another layer was written down already.
            Session.IsMuted = true;
            _client.Octets(octets, time);
            Session.IsMuted = false;
        }
    }

    public override void Gap(Role sender, long length, bool cut, long time)
    {
        if (Inner is not null)
        {
            Inner.Gap(sender, length, cut, time);
        }
        else if (sender == Role.Server)
        {
            ServerSpoke = true;
            if (Matching.Count == 0 && _client.IsInContent)
                _client.ServerGapInContent(time);

            _server.Gap(length, cut, time);
        }
        else
        {
            Matching.ClientGoesOn();
            _client.Gap(length, cut, time);
        }
    }

    public override void End(Role sender, bool reset, long time)
    {
        if (Inner is not null)
        {
            Inner.End(sender, reset, time);
            return;
        }

        _clientEnded |= sender == Role.Client;
        _serverEnded |= sender == Role.Server;
        if (reset)
            Say(time, sender, "(connection reset)", 0);
    }

    public override void Finish()
    {
        if (Inner is null)
        {
            _server.Finish(Report.End);
            Session.IsMuted = true;
            _client.Finish(Report.End);
            Session.IsMuted = false;
        }

        Matching.Finish();
        Inner?.Finish();
        if (Inner is null && ServerSpoke && _unanswered > 1 && Report.Gaps == 0)
            Session.FindOnce(FindingKind.ReplyMissing, Role.Server, $"{_unanswered} commands have no reply in the capture.");

        if (Inner is null && Place == Place.Outside && _clientSpoke != ServerSpoke && !(_clientSpoke ? _serverEnded : _clientEnded))
        {
            Session.FindOnce(FindingKind.OneSided, _clientSpoke ? Role.Client : Role.Server,
                $"Only the {(_clientSpoke ? "client" : "server")}'s direction is in the capture.");
        }

        Negotiation.Finish(Report.Messages.Count);
        if (Place == Place.Outside)
            Report.SortDialogue();
    }

    /// <summary>A command was sent that awaits a reply.</summary>
    public Command Expect(Verb verb, string? name, string? address, MessageReport? message, long time)
    {
        var command = new Command(verb, Matching.NextSequence(), time)
        {
            Name = name, Address = address, Message = message, Exchange = verb is Verb.Greeting or Verb.Unseen ? null : _exchange,
            IsRepeated = IsLmtp && verb is Verb.DataEnd or Verb.BdatLast,
                IsPipelined = _greeted && time > _greetedAt && !_pipelining && Matching.Count > 0,
        };
        Matching.Expect(command);
        return command;
    }

    /// <summary>Commands were sent that the capture lacks.</summary>
    /// <param name="another">Whether another transaction began among them.</param>
    /// <param name="time">When.</param>
    public void LoseCommands(bool another, long time)
    {
        if (another)
            Transaction.Reset();

        Expect(Verb.Unseen, null, null, null, time);
    }

    /// <summary>A reply came.</summary>
    public void OnReply(ServerReply reply)
    {
        if (reply.Code != 0)
            Report.AddReply(reply.Code);

        if (_client.IsInContent && Matching.Count == 0)
        {
            _client.EarlyReply(reply);
            return;
        }

        Matching.Reply(reply);
    }

    /// <summary>TLS from here on, or what a decrypting mirror shows instead.</summary>
    public void Switch(UpgradeKind kind)
    {
        Report.Upgrade = kind;
        Inner = new TlsLayer(Session, kind);
        _client.Upgraded();
    }

    /// <summary>A reply to XBLACKPONY.</summary>
    /// <returns>Whether a continuation follows.</returns>
    public bool AgreeOn(int code, ServerReply? reply, ReadOnlySpan<byte> behind)
    {
        Inner = Negotiation.OnReply(code, reply?.Whole, reply is null or { IsCut: true }, behind, out bool more);
        if (Inner is not null)
            _client.Upgraded();

        return more;
    }

    /// <summary>Writes a command down for playing it again.</summary>
    public Exchange? Record(Verb verb, ReadOnlySpan<byte> line, long time, bool secret = false)
    {
        _exchange = Session.Script?.Add(verb, Place != Place.Outside, Matching.Count > 0, time);
        if (_exchange is not null)
        {
            _exchange.IsSecret = secret;
            _exchange.Append(line);
            _exchange.Append(verb == Verb.DataEnd ? default : "\r\n"u8);
        }

        return _exchange;
    }

    public void Append(ReadOnlySpan<byte> octets) => _exchange?.Append(octets);

    public void Fill(long length) => _exchange?.Fill(length);

    public void Write(Role sender, ReadOnlySpan<byte> octets, long time)
    {
        if (Place is not (Place.Records or Place.OpenedTls))
            Session.Recorder?.Plain(sender, octets, time);
    }

    public void Say(long time, Role sender, string text, long length)
    {
        if (Session.HasDialogue)
            Report.Say(time, sender, Place != Place.Outside, text, length);
    }

    private bool Answered(Command command, ServerReply? reply)
    {
        if (command.Exchange is { } exchange && reply is { Code: not 0 } && command.Answers == 0)
            (exchange.Code, exchange.Reply) = (reply.Code, reply.Text.Length == 0 ? $"{reply.Code}\r\n" : reply.Text + "\r\n");

        Report.AddExchange(command, reply);
        if (reply is null)
        {
            _unanswered += command.IsUnseen || command.Verb == Verb.Greeting ? 0 : 1;
        }
        else
        {
            if (Matching.Next is { IsPipelined: true, IsUnseen: false } next && next.Sequence <= reply.Seen
                && command.Verb != Verb.Greeting)
            {
                DialogueFindings.OnPipelined(Session, next);
            }

            if (reply.Code == 503)
                Session.FindOnce(FindingKind.Sequence, Role.Client, $"The server refuses {command.Verb.Name()} as out of order.");
        }

        switch (command.Verb)
        {
            case Verb.Greeting:
                Greeted(reply);
                break;
            case Verb.Ehlo or Verb.Helo or Verb.Lhlo when reply is { IsPositive: true }:
                Transaction.Reset();
                Negotiation.OnEhlo(command.Verb, reply.Whole, command.Verb is not Verb.Helo && reply is { Whole: not null, Code: 250 });
                _pipelining = Has(reply.Whole, "PIPELINING"u8);
                break;
            case Verb.Mail:
                Transaction.Mail(command.Address, reply);
                break;
            case Verb.Rcpt:
                Transaction.Rcpt(command.Address, reply);
                break;
            case Verb.Rset when reply is null or { Class: 0 or 2 }:
                Transaction.Reset();
                break;
            case Verb.DataEnd or Verb.BdatLast when command.Message is not null:
                return MessageAnswered(command, command.Message, reply);
            case Verb.Bdat or Verb.BdatLast:
                _client.LastChunkRefused = reply is { Class: >= 4 };
                break;
            case Verb.Data or Verb.Auth or Verb.AuthLine or Verb.StartTls or Verb.XBlackPony or Verb.Continuation or Verb.Xexch50:
                _client.Decided(command, reply, reply?.Time ?? Report.End);
                break;
            case Verb.Other when reply is { Code: 354 }:
                // Whatever was read of it, it was DATA.
                _client.BeginUnseen(reply);
                break;
            case Verb.Other when reply is { Code: 334 }:
                _client.BeginAuthLine();
                break;
            default:
                break;
        }

        return false;
    }

    private bool MessageAnswered(Command command, MessageReport message, ServerReply? reply)
    {
        if (command.Verb == Verb.BdatLast)
            _client.LastChunkRefused = reply is { Class: >= 4 };

        if (!command.IsRepeated || reply is null)
        {
            if (command.Answers == 0)
                Transaction.End(message, reply, message.Time);

            Transaction.Reset();
            return false;
        }

        Transaction.EndFor(message, command.Answers, reply, message.Time);
        if (++command.Answers < Transaction.Taken)
            return true;

        Transaction.Reset();
        return false;
    }

    private void Greeted(ServerReply? reply)
    {
        _greeted = true;
        if (reply is null)
            return;

        _greetedAt = reply.Time;
        if (reply.Code == 220)
        {
            Report.Greeting = Escape.Octets(
                Encoding.Latin1.GetBytes(reply.Text.Split("\r\n")[0]).AsSpan(Math.Min(4, reply.Text.Split("\r\n")[0].Length)), 512);
        }

        if (Session.Script is { } script)
            script.Greeting = reply.Text + "\r\n";

        if (Matching.Next is { } next && next.Sequence <= reply.Seen)
            Session.Find(FindingKind.EarlyTalker, Role.Client, "The client spoke before the greeting.");
    }

    // A reply to no command that was captured.
    private void Unasked(ServerReply reply)
    {
        if (reply.Code == 354 && (Place != Place.Outside || !Session.OpeningSeen || Report.Gaps > 0))
        {
            // DATA is among what the capture lacks.
            _client.BeginUnseen(reply);
        }
        else if (reply.Code == 220 && Report.Greeting is null && Place == Place.Outside)
        {
            Greeted(reply);
        }
        else if (Session.OpeningSeen && _clientSpoke && Report.Gaps == 0 && reply.Code != 421)
        {
            Session.Find(FindingKind.ReplyUnasked, Role.Server, $"The reply {reply.Code} answers no command.");
        }
    }

    private static bool Has(Reply? reply, ReadOnlySpan<byte> keyword)
    {
        for (int i = 1; reply is not null && i < reply.Lines.Count; i++)
        {
            var text = reply.Text(i);
            int end = text.IndexOf((byte)' ');
            if (System.Text.Ascii.EqualsIgnoreCase(end < 0 ? text : text[..end], keyword))
                return true;
        }

        return false;
    }
}
