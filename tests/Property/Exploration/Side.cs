using BlackPony.Reference;

namespace BlackPony.Tests.Property.Exploration;

/// <summary>What happens to a side in one move.</summary>
internal enum Event
{
    /// <summary>Octets on their way to the server.</summary>
    ToServer,

    /// <summary>Octets on their way to the client.</summary>
    ToClient,

    /// <summary>The end of the connection.</summary>
    End,

    /// <summary>A time-out.</summary>
    TimeOut,

    /// <summary>The mail server behind the relay says 421 and is gone.</summary>
    BackendGone,

    /// <summary>A fresh connection.</summary>
    Fresh,
}

/// <summary>What has become of a side, as far as an invariant asks.</summary>
internal record Facts
{
    /// <summary>Whether its connection is over.</summary>
    public bool Ended { get; init; }

    /// <summary>Whether a time-out runs, or there is an end that it makes itself.</summary>
    public bool Waits { get; init; } = true;
}

/// <summary>
/// One of those who take part: a machine of the reference with what stands behind it. Deterministic, so that its inputs are its state.
/// </summary>
internal abstract class Side : IDisposable
{
    /// <summary>Units for the server since the last move.</summary>
    public List<byte[]> ToServer { get; } = [];

    /// <summary>Units for the client since the last move.</summary>
    public List<byte[]> ToClient { get; } = [];

    /// <summary>Whether it asks for a fresh connection.</summary>
    public bool WantsFresh { get; protected set; }

    /// <summary>Whether it ended its direction in this move.</summary>
    public bool Ends { get; set; }

    public abstract Facts Facts { get; }

    public abstract void Dispose();

    public abstract void Take(Event what, byte[] octets);

    protected static byte[] Taken(PooledBuffer output)
    {
        var octets = output.WrittenSpan.ToArray();
        output.ResetWrittenCount();
        return octets;
    }
}
