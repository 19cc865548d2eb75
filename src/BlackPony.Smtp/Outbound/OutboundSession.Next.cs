namespace BlackPony.Smtp.Outbound;

/// <content>The next server: what it is asked, and what becomes of its replies.</content>
public sealed partial class OutboundSession
{
    // Asks the next server for the recipients that wait, as far as it goes now.
    private void AskWaiting()
    {
        while (_waiting is [var recipient, ..] && _transaction is { } transaction && _state != State.End)
        {
            if (Refused is null && (_next.State == NextState.None || Route != transaction.Route))
            {
                Route = transaction.Route;
                Open(withoutTls: false);
            }

            bool isReady = _next.State == NextState.Ready;

            // [BP-10.5-10]
            if (isReady && transaction.IsInternational && !_next.Has("SMTPUTF8"))
                transaction.Refusal ??= NoUtf8;

            // A refusal in its turn, after the answers that are still due.
            if (_pending.Count > 0 && (Refused is not null || !_next.Has("PIPELINING")))
                return;

            if (Refused is null && !isReady)
                return;

            if (Refused is null && !transaction.IsSent)
            {
                SendMail(transaction);
                continue;
            }

            _waiting.RemoveAt(0);
            if (Refused is not null)
                Answer(recipient, Refused);
            else
                Ask(new Pending(Verb.Rcpt, recipient), [.. "RCPT TO:"u8, .. recipient.Path]);
        }
    }

    // [BP-10.5-8], [BP-10.5-9]
    private void SendMail(Transaction transaction)
    {
        transaction.IsSent = true;
        _next.Transactions++;
        var parameters = transaction.Mail.Parameters.Where(p => _next.Has(MailParameters.Extension(p))).Select(p => " " + p);
        Ask(new Pending(Verb.Mail), [.. "MAIL FROM:"u8, .. transaction.Mail.Path, .. Encoding.ASCII.GetBytes(string.Concat(parameters))]);
    }

    private void OnReply(Reply reply)
    {
        // What is no answer, or a refusal before the transaction, is the end of it, unless TLS alone was refused.
        if (_next.State == NextState.Ready && _pending.TryDequeue(out var pending))
            OnAnswer(pending, reply);
        else if (_next.State == NextState.Ready
            || (!_next.OnReply(reply, _name!, _options.StartTls) && (_next.State != NextState.StartTls || !OpensWithoutTls())))
            Lose(reply);
        // [BP-10.5-17]
        else if (_next.State == NextState.Handshake && ServerOctets.Length > 0)
            Lose(BeforeTls);
        else if (_next.State == NextState.Handshake)
            Request = SessionRequest.StartTls;
    }

    private void OnAnswer(Pending pending, Reply reply)
    {
        if (reply.Code == 421 && OpensAgain(pending))
            return;

        bool refused = reply.Code >= 400;
        switch (pending.Command)
        {
            case Verb.Mail when refused:
                // The answer to each recipient ([BP-10.5-6]).
                _transaction!.Refusal = RefusedBy(reply);
                break;
            case Verb.Rcpt when Refused is not null || refused:
                Answer(pending.Recipient!, Refused ?? RefusedBy(reply));
                break;
            case Verb.Rcpt when reply.IsPositive:
                ToClient.Write(ForTransaction(reply));
                Accepted.Add(pending.Recipient!.Domain);
                break;
            case Verb.Data when reply.Code == 354:
                ToClient.Write(ForTransaction(reply));
                (_state, _end) = (State.Data, MessageEnd.Begin());
                break;
            case Verb.Data when refused:
                ToClient.Write(ForTransaction(reply));
                Note(Refusal.ResultOf(reply.Code), reply.Code);
                _state = State.Commands;
                break;
            case Verb.Message when refused || reply.IsPositive:
                // [BP-10.5-15]
                ToClient.Write(ForTransaction(reply));
                Note(refused ? Refusal.ResultOf(reply.Code) : DeliveryResult.Delivered, reply.Code);
                Messages += reply.IsPositive ? 1 : 0;
                (_transaction, _state) = (null, State.Commands);
                break;
            case Verb.Mail or Verb.Rset when reply.IsPositive:
                break;
            default:
                // No answer to this command.
                _pending.Enqueue(pending);
                Lose(NoSmtp);
                return;
        }

        if (reply.Code == 421)
            Lose(reply);
    }

    // TLS does not come about: one new connection without it ([BP-10.5-14]).
    private bool OpensWithoutTls()
    {
        if (!_next.IsSecuring || _next.WithoutTls)
            return false;

        Drop();
        Open(withoutTls: true);
        return true;
    }

    // A connection kept from an earlier transaction has ended, and nothing of this one was accepted: a new one may do ([BP-10.5-21]).
    private bool OpensAgain(Pending? answered = null)
    {
        if (OpensWithoutTls())
            return true;

        Pending[] all = [.. ((Pending?[])[answered]).OfType<Pending>(), .. _pending];
        if (_next.State != NextState.Ready || _state != State.Commands || Accepted.Count > 0 || Refused is not null || !IsSent
            || (all.Length > 0 && _next.Transactions < 2))
        {
            return false;
        }

        _waiting.InsertRange(0, all.Select(p => p.Recipient).OfType<Recipient>());
        _transaction!.IsSent = false;
        Drop();
        Request = SessionRequest.Disconnect;
        return true;
    }

    // The connection is gone: nobody is there to read QUIT.
    private void Drop()
    {
        HasQuit = false;
        Reset();
        ToServer.ResetWrittenCount();
    }

    private void Open(bool withoutTls)
    {
        Leave();
        _next.Open(withoutTls);
        Request = SessionRequest.Connect;
    }

    private void Leave()
    {
        HasQuit = _next.State == NextState.Ready && _pending.Count == 0 && _state == State.Commands;
        if (HasQuit)
            _next.Send("QUIT"u8);

        Reset();
        Request = SessionRequest.Disconnect;
    }

    private void Reset()
    {
        _next.Reset();
        _pending.Clear();
    }

    private void Lose(Reply reply) => Lose(reply.Code >= 400 ? RefusedBy(reply) : NoSmtp);

    // The next server is of no more use: what it was asked is answered with a failure, and nothing is acknowledged ([BP-10.5-15]).
    private void Lose(Refusal failure)
    {
        if (_state == State.End || (_next.State == NextState.None && _waiting.Count == 0))
            return;

        var pending = _pending.ToArray();
        Drop();
        Request = SessionRequest.Disconnect;
        if (_transaction is { Route: not null })
            _transaction.Refusal ??= failure;

        bool ofMessage = pending.Any(p => p.Command is Verb.Data or Verb.Message);
        if (_state == State.Data || ofMessage)
            Note(failure.Result, failure.Code);

        foreach (var recipient in pending.Select(p => p.Recipient).OfType<Recipient>())
            Answer(recipient, Refused ?? failure);

        if (ofMessage)
            ToClient.Write((Refused ?? failure).Reply);

        if (pending.Any(p => p.Command == Verb.Message))
            _transaction = null;

        _state = _state switch { State.Data => State.Discarding, State.Held => State.Commands, _ => _state };
    }

    private Refusal RefusedBy(Reply reply) => new(ForTransaction(reply), Refusal.ResultOf(reply.Code), reply.Code);

    // The session with the client goes on, so the client gets no 421. It gets nothing but text ([BP-10.5-11]).
    private byte[] ForTransaction(Reply reply)
    {
        var clean = ReplyText.Text(reply, _transaction is { IsInternational: true });
        byte[][] deferred = [.. clean.Lines.Select(l => (byte[])[.. "451"u8, .. l.AsSpan(3)])];
        return (reply.Code == 421 ? clean with { Lines = deferred } : clean).ToOctets();
    }

    private void Answer(Recipient recipient, Refusal refusal)
    {
        ToClient.Write(refusal.Reply);
        _outcomes.Add(new DeliveryOutcome(recipient.Domain, refusal.Result, refusal.Code, IsMessage: false));
    }

    private void Note(DeliveryResult result, int code) =>
        _outcomes.AddRange(Accepted.Distinct().Select(d => new DeliveryOutcome(d, result, code, IsMessage: true)));

    private void Ask(Pending pending, ReadOnlySpan<byte> command)
    {
        _pending.Enqueue(pending);
        _next.Send(command);
    }

    private void Say(string text) => ToClient.Write(Line(text));

    private void ReplyAndClose(string text)
    {
        if (_state != State.End)
        {
            Say(text);
            End();
        }
    }

    private void End()
    {
        if (_state == State.End)
            return;

        Note(DeliveryResult.Abandoned, 0);
        Leave();
        _waiting.Clear();
        _state = State.End;
        ClientOctets.Clear();
        Request = SessionRequest.Close;
    }
}
