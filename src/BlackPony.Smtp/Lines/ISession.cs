namespace BlackPony.Smtp.Lines;

/// <summary>What the host has to do beside sending what waits.</summary>
public enum SessionRequest
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Leave the server, if there is one, and open a connection to the next one: a new backend connection, the next address, a
    /// mailer for the route.</summary>
    Connect,

    /// <summary>Close the server's connection and connect to the same address again ([BP-9.2-2]).</summary>
    Reconnect,

    /// <summary>Send what waits to the server, and leave it.</summary>
    Disconnect,

    /// <summary>Begin TLS with the server.</summary>
    StartTls,

    /// <summary>Send what waits, then close both connections.</summary>
    Close,
}

/// <summary>
/// The contract between a session and its host. The session has no socket and no clock: the host passes on octets, ends and time-outs
/// one at a time; after each it sends what waits in <see cref="ToServer"/> and <see cref="ToClient"/>, in this order, and does what is
/// requested.
/// </summary>
public interface ISession
{
    /// <summary>Octets for the client; the host sends them and calls <see cref="PooledBuffer.ResetWrittenCount"/>.</summary>
    PooledBuffer ToClient { get; }

    /// <summary>Octets for the server.</summary>
    PooledBuffer ToServer { get; }

    /// <summary>Whether the host should read from the client: false while much waits here ([BP-10.1-7]) or an upgrade is under
    /// way.</summary>
    bool WantsClient { get; }

    /// <summary>How long the peer whose turn it is may be silent now (spec 13).</summary>
    TimeSpan PeerTimeout { get; }

    /// <summary>Grows with everything that was received completely: while it stands still, <see cref="PeerTimeout"/> runs on (spec
    /// 13).</summary>
    long Progress { get; }

    /// <summary>What the host has to do; each request is returned once, <see cref="SessionRequest.Close"/> always.</summary>
    SessionRequest TakeRequest();

    /// <summary>Takes octets from the client.</summary>
    void FromClient(ReadOnlySpan<byte> octets);

    /// <summary>Takes octets from the server.</summary>
    void FromServer(ReadOnlySpan<byte> octets);

    /// <summary>The client has ended its direction of the connection.</summary>
    void ClientEnded();

    /// <summary>The server's connection ended.</summary>
    void ServerEnded();

    /// <summary>The peer was silent for longer than <see cref="PeerTimeout"/>.</summary>
    void TimedOut();
}
