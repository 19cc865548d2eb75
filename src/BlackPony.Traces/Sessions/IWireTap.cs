using BlackPony.Reference;

namespace BlackPony.Traces.Sessions;

/// <summary>Takes a session's octets as they were on the wire, whatever they mean.</summary>
internal interface IWireTap
{
    /// <summary>Octets that a side sent.</summary>
    void Octets(Role sender, ReadOnlySpan<byte> octets, long time);

    /// <summary>Octets that the capture lacks.</summary>
    /// <param name="sender">Who sent them.</param>
    /// <param name="length">How many.</param>
    /// <param name="cut">Whether their packet was captured, and cut short.</param>
    /// <param name="time">When.</param>
    void Gap(Role sender, long length, bool cut, long time);

    /// <summary>A side ended its direction, or reset the connection.</summary>
    void End(Role sender, bool reset, long time);

    /// <summary>Nothing more comes.</summary>
    void Finish();
}
