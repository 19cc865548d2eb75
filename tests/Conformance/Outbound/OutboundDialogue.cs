using System.Text;
using BlackPony.Conformance;
using BlackPony.Smtp.Lines;
using BlackPony.Smtp.Outbound;

namespace BlackPony.Tests.Conformance.Outbound;

/// <summary>An outbound relay between a client and a next server, both played by a case line by line.</summary>
/// <param name="fault">What the relay does otherwise.</param>
internal sealed class OutboundDialogue(FaultyOutbound fault)
{
    private readonly OutboundSession _relay =
        new(fault.Options(new OutboundOptions("[127.0.0.1]", d => new Route(d is "alias.test" ? "b.test" : d, 25))));

    private bool _tlsFailed;

    /// <summary>What the relay has said to the client.</summary>
    public string Client()
    {
        var text = Encoding.Latin1.GetString(_relay.ToClient.WrittenSpan);
        _relay.ToClient.ResetWrittenCount();
        if (fault.LeavesAfterMessage && text.StartsWith("250 queued", StringComparison.Ordinal))
        {
            _relay.ServerEnded();
        }

        return fault.Says(text);
    }

    /// <summary>What the relay has said to the next server.</summary>
    public string Sent()
    {
        var text = Encoding.Latin1.GetString(_relay.ToServer.WrittenSpan);
        _relay.ToServer.ResetWrittenCount();
        return fault.SaysOn(text);
    }

    /// <summary>The client says a line; what comes back at once.</summary>
    public string Say(string line) => Octets(line + "\r\n");

    /// <summary>The client says octets; what comes back at once.</summary>
    public string Octets(string octets)
    {
        _relay.FromClient(Encoding.Latin1.GetBytes(fault.Hears(octets)));
        return Client() + fault.Adds(octets);
    }

    /// <summary>The next server says something; what the client hears then.</summary>
    public string Next(string reply)
    {
        _relay.FromServer(Encoding.Latin1.GetBytes(fault.HearsBack(reply)));
        return Client();
    }

    /// <summary>The next server is lost.</summary>
    public void NextEnds() => _relay.ServerEnded();

    /// <summary>No next server was found in time.</summary>
    public void SearchTimesOut()
    {
        if (!fault.SearchesOn)
        {
            _relay.SearchTimedOut();
        }
    }

    /// <summary>The client goes away.</summary>
    public void ClientEnds()
    {
        _relay.FromClient(Encoding.Latin1.GetBytes(fault.AtTheEnd));
        _relay.ClientEnded();
    }

    /// <summary>TLS has begun or failed.</summary>
    public void TlsDone(bool secured)
    {
        _tlsFailed |= !secured;
        _relay.TlsDone(secured);
    }

    /// <summary>What the relay asks its host for, and where to connect.</summary>
    public (SessionRequest Request, string? Host) Take()
    {
        var request = fault.Asks(_relay.TakeRequest());
        request = fault.GivesUpTls && _tlsFailed ? SessionRequest.None : request;
        return (request, _relay.Route?.Host);
    }

    /// <summary>EHLO, MAIL and a recipient, for whom the relay wants a connection.</summary>
    public void Begin(string mail = "MAIL FROM:<s@a.test>", string recipient = "RCPT TO:<r@b.test>")
    {
        Client();
        Say("EHLO a.test");
        Say(mail);
        Say(recipient);
        var (request, host) = Take();
        That(request == SessionRequest.Connect && host is not null, $"For a recipient the relay asks for {request}.");
    }

    /// <summary>The same, to the next server's EHLO reply.</summary>
    public void Open(string ehlo, string mail = "MAIL FROM:<s@a.test>")
    {
        Begin(mail);
        Next("220 mx\r\n");
        Next(ehlo);
    }

    /// <summary>The same, to the 354.</summary>
    public void StartData()
    {
        Open("250 mx\r\n");
        Next("250 ok\r\n");
        Next("250 ok\r\n");
        Say("DATA");
        Next("354 go\r\n");
        Sent();
    }

    /// <summary>Fails unless it holds.</summary>
    public static void That(bool holds, string finding, string? requirement = null)
    {
        if (!holds)
        {
            throw new CaseFailedException(finding, requirement);
        }
    }
}
