using System.Net;

namespace BlackPony.Hosting;

/// <summary>The place that a session takes among the server's: whose it is, and since when nothing goes on in it.</summary>
public sealed class SessionPlace : IDisposable
{
    private readonly CancellationTokenSource _stop;
    private readonly TimeProvider _time;
    private long _since;
    private int _messages;
    private volatile bool _idle;

    internal SessionPlace(IPAddress client, TimeProvider time, CancellationToken stop)
    {
        (Client, _time, _since) = (client, time, time.GetTimestamp());
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Stop = _stop.Token;
    }

    /// <summary>The server stops, or gives the place to another: a session that is idle ends.</summary>
    public CancellationToken Stop { get; }

    /// <summary>The client's address, or its network of IPv6: what one customer of a provider has.</summary>
    internal IPAddress Client { get; }

    /// <summary>Says how the session does.</summary>
    /// <param name="isIdle">Whether it is between messages.</param>
    /// <param name="messages">Messages that were acknowledged so far: each one restarts the time.</param>
    public void Report(bool isIdle, int messages)
    {
        if (messages != _messages)
        {
            _messages = messages;
            Volatile.Write(ref _since, _time.GetTimestamp());
        }

        _idle = isIdle;
    }

    /// <inheritdoc/>
    public void Dispose() => _stop.Dispose();

    /// <summary>How long it has been since the session began or a message was acknowledged; zero if it is not between messages.</summary>
    internal TimeSpan Waiting => _idle ? _time.GetElapsedTime(Volatile.Read(ref _since)) : TimeSpan.Zero;

    /// <summary>Whether the place was given to another.</summary>
    internal bool IsLeaving { get; private set; }

    /// <summary>Gives the place to another.</summary>
    internal void Leave()
    {
        IsLeaving = true;

        // What listens to it must not run under the server's lock.
        _ = _stop.CancelAsync();
    }

    /// <summary>An IPv4 address, or the /64 of an IPv6 address.</summary>
    public static IPAddress Network(IPAddress address)
    {
        var plain = ClientAddress.Plain(address);
        var octets = plain.GetAddressBytes();
        if (octets.Length == 4)
            return plain;

        octets.AsSpan(8).Clear();
        return new IPAddress(octets);
    }
}
