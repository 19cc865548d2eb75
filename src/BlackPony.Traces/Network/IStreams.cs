namespace BlackPony.Traces.Network;

/// <summary>Takes the two octet streams of a connection, in order. Side 0 opened it as far as the capture tells.</summary>
internal interface IStreams
{
    /// <summary>Whether nobody wants to see more of this connection.</summary>
    bool IsIgnored { get; }

    /// <summary>Octets that a side sent.</summary>
    void Data(int side, ReadOnlySpan<byte> octets, long time);

    /// <summary>Octets that a side sent and the capture lacks.</summary>
    /// <param name="side">Who sent them.</param>
    /// <param name="length">How many.</param>
    /// <param name="cut">Whether their packet was captured, and cut short.</param>
    /// <param name="time">When.</param>
    void Gap(int side, long length, bool cut, long time);

    /// <summary>A side ended its direction.</summary>
    void End(int side, bool reset, long time);

    /// <summary>Nothing more will come.</summary>
    void Finish();
}
