using BlackPony.Reference.Policy;

namespace BlackPony.Smtp.Mailer;

/// <content>The server's replies, up to the session inside (state table G.6).</content>
public sealed partial class MailerSession
{
    private void Receive(ReadOnlySpan<byte> octets)
    {
        Layer.Receive(octets, ServerOctets, ToServer);
        if (_state == State.Confirming && Channel!.IsEstablished)
        {
            // [BP-4.5-2], [BP-10.4-4]
            Report = Report with { Encrypted = true };
            BeginInside();
        }

        PumpServer();
        bool isClosed = Channel?.State == ChannelState.Closed;
        if (isClosed || Channel?.State is ChannelState.Failed or ChannelState.Alerted)
            LoseServer(isClosed ? "421 4.4.2 The server closed the session" : "421 4.7.0 The protected session failed");
    }

    private void PumpServer()
    {
        while (_state is State.Connected or State.Asking or State.Sharing or State.InsideEhlo && ServerOctets.Length > 0)
        {
            var reply = _replies.Read(ServerOctets.Span, out int consumed);
            ServerOctets.Consume(consumed);
            if (_replies.IsMalformed)
                OnMalformed();

            if (reply is null)
                return;

            Progress++;
            Action<Reply> take = _state switch
            {
                State.Connected => OnGreeting,
                State.Asking => OnEhloReply,
                State.Sharing => OnUpgradeReply,
                _ => OnInsideReply,
            };
            try
            {
                take(reply);
            }
            catch (RandomnessUnavailableException)
            {
                Defer("no-randomness", "421 4.3.0 No randomness available");
            }
        }

        if (_state is State.Inside or State.Plain)
        {
            // [BP-10.4-9]
            ToClient.Write(ServerOctets.Span);
            ServerOctets.Clear();
        }
        else if (_state == State.Closing)
        {
            // Read on, but thrown away (spec 8.1).
            ServerOctets.Clear();
        }
        else if (_state is State.WaitingForEhlo or State.HeloOnly && ServerOctets.Length > Limits.MaxEhloLine)
        {
            // Nobody has asked it for anything.
            ServerOctets.Clear();
            Defer("unreachable", "421 4.3.0 The server does not speak SMTP");
        }
    }

    private void OnMalformed()
    {
        ServerOctets.Clear();
        if (_state == State.Sharing)
        {
            Break();
            return;
        }

        // Inside, after a close ([BP-4.3-13]).
        Channel?.Close(ToServer);
        Leave("unreachable", "421 4.3.0 The server does not speak SMTP");
    }

    private void OnGreeting(Reply reply)
    {
        if (reply.Code == 220 && _hasGreeted)
        {
            // The mail server has its greeting; that of a further server is not passed on.
            Ask();
        }
        else if (reply.Code == 220)
        {
            // [BP-10.4-2]
            _hasGreeted = true;
            ToClient.Write(Text(reply));
            _state = State.WaitingForEhlo;
        }
        else if (_hasMore)
        {
            (Request, _state) = (SessionRequest.Connect, State.Connecting);
        }
        else if (_hasGreeted)
        {
            Defer(Report.Reason, "421 4.3.0 The server is not available now");
        }
        else
        {
            ToClient.Write(Text(reply));
            End("plain");
        }
    }

    private void Ask()
    {
        ToServer.Write(_ehlo);
        _state = State.Asking;
    }

    private void OnEhloReply(Reply reply)
    {
        switch (reply.Code / 100)
        {
            case 2:
                // Offered together with STARTTLS, XBLACKPONY comes first ([BP-4.7-3]): this client cannot authenticate by TLS.
                // The last reply's, and no earlier one ([BP-4.1-14]).
                (_ehloReply, _offer) = (reply, _plainOnly ? null : Offer.Find(reply));
                _tried.Clear();
                TryUpgrade(_plainOnly ? Report.Reason ?? "broken" : _offer is null ? "not-offered" : "no-common-suite");
                break;
            case 3:
                // No reply to EHLO (state table G.6).
                OnMalformed();
                break;
            case 4:
                Quit(reply.Code);
                Leave("ehlo-refused", "421 4.3.0 The server deferred EHLO");
                break;
            default:
                if (DeliveryPolicy.WithoutUpgrade(MustEncrypt, _hasMore) != Decision.Plaintext)
                {
                    Quit(reply.Code);
                    LeaveAsFailing("ehlo-refused", "421 4.7.0 Encryption required, and the server refused EHLO");
                    break;
                }

                ToClient.Write(Text(reply));
                _state = State.HeloOnly;
                Report = Report with { Reason = "ehlo-refused" };
                PumpClient();
                break;
        }
    }

    private void TryUpgrade(string otherwise)
    {
        if (DeliveryPolicy.NextSuite(_offer, _options, _tried, MustEncrypt) is not { } suite)
        {
            FallBack(otherwise);
            return;
        }

        _tried.Add(suite);
        // What was refused with 504 is part of the transcript ([BP-6.1-6]).
        using var before = _upgrade;
        _upgrade = new ClientUpgrade(
            _offer!, suite, _options.Shift, _random, _options.RsaKeys, _options.KeyLog, _tried.Count > 1 ? before!.Refused : null);
        ToServer.Write(_upgrade.Command);
        _state = State.Sharing;
    }

    private void OnUpgradeReply(Reply reply)
    {
        var step = _upgrade!.OnReply(reply);
        switch (step.Kind)
        {
            case ClientStepKind.Send:
                ToServer.Write(step.Octets);
                break;
            case ClientStepKind.Agreed:
                Switch(step.Channel);
                break;
            case ClientStepKind.Refused when reply.Code == 504 && !_upgrade.HasContinued && !MustEncrypt:
                // [BP-4.8-4], [BP-4.8-6]; a 504 can be forged, so not where it would weaken what is asked for ([BP-4.8-7]).
                TryUpgrade("refused");
                break;
            case ClientStepKind.Refused:
                FallBack("refused");
                break;
            default:
                Break();
                break;
        }
    }

    private void Switch(SecureChannel? channel)
    {
        _replies = new ReplyReader();
        Layer.Begin(channel, _upgrade!.Shift);
        var waiting = ServerOctets.Span.ToArray();
        ServerOctets.Clear();
        if (channel is null)
        {
            BeginInside();
        }
        else
        {
            // Whatever follows the 220 is records ([BP-4.3-9]), and no reply until it is verified ([BP-4.6-2]).
            channel.Start(ToServer);
            _state = State.Confirming;
        }

        Receive(waiting);
    }

    private void BeginInside()
    {
        _state = State.InsideEhlo;
        // [BP-9.2-10]
        Report = Report with { Suite = _upgrade!.Suite.Name, Downgrade = _tried.Count > 1 };
        SendInside(_ehlo);
    }

    private void OnInsideReply(Reply reply)
    {
        if (Channel is not null && _options is { Memory: { } memory, Policy: not ClientPolicy.Required })
        {
            // Here and nowhere else, before any mail ([BP-9.4-2] to [BP-9.4-4]).
            var fault = memory.IdentFault(memory.Find(_entries[0].Name, _entries[0].Port, out _, keeps: true), Channel.PeerIdents);
            if (fault is not null && Remembers)
            {
                Channel.Close(ToServer);
                LeaveAsFailing(fault, "421 4.7.0 The server does not show the remembered key");
                return;
            }

            // [BP-9.4-19]; the domain's is renewed even if there is no room for the server's.
            if (fault is null && _entries.Count(e => memory.Good(e.Name, e.Port, Channel.PeerIdents)) < _entries.Length)
                Report = Report with { Unremembered = Report.Peer };
        }
        else if (Channel is null && MustEncrypt)
        {
            // The server has come into the memory since ROT was chosen ([BP-9.1-4]).
            Quit();
            LeaveAsFailing("refused", "421 4.7.0 Encryption required");
            return;
        }

        // The mail server learns what the session inside has, and nothing else ([BP-10.4-5], [BP-4.5-6]).
        ToClient.Write(reply.IsPositive ? EhloReply.Rewrite(ReplyText.Printable(reply), HiddenInside) : Text(reply));
        _state = State.Inside;
        PumpClient();
    }
}
