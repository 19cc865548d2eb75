using BlackPony.Reference.Policy;

namespace BlackPony.Smtp.Lines;

/// <summary>What the three sessions have in common: what waits for each side, and the layer between SMTP and the wire.</summary>
public abstract class SmtpSession
{
    /// <summary>Octets for the client (<see cref="ISession.ToClient"/>).</summary>
    public PooledBuffer ToClient { get; } = new();

    /// <summary>Octets for the server (<see cref="ISession.ToServer"/>).</summary>
    public PooledBuffer ToServer { get; } = new();

    /// <summary>Grows with everything that was received completely (<see cref="ISession.Progress"/>).</summary>
    public long Progress { get; private protected set; }

    /// <summary>What the host has to do.</summary>
    public SessionRequest Request { get; private protected set; }

    /// <summary>What became of the session (spec 11.1).</summary>
    public SessionReport Report { get; private protected set; } = new();

    private protected OctetBuffer ClientOctets { get; } = new();

    private protected OctetBuffer ServerOctets { get; } = new();

    private protected SessionLayer Layer { get; } = new();

    internal SecureChannel? Channel => Layer.Channel;

    /// <summary>What the host has to do, once (<see cref="ISession.TakeRequest"/>).</summary>
    public SessionRequest TakeRequest()
    {
        var request = Request;
        Request = request == SessionRequest.Close ? request : SessionRequest.None;
        return request;
    }

    private protected static byte[] Line(string text) => Encoding.ASCII.GetBytes(text + "\r\n");
}
