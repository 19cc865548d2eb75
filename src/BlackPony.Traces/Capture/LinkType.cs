namespace BlackPony.Traces.Capture;

/// <summary>Link types that are read, by their numbers in capture files (tcpdump.org/linktypes.html).</summary>
public enum LinkType
{
    /// <summary>BSD loopback, protocol family in the capturing host's order.</summary>
    Null = 0,

    /// <summary>Ethernet.</summary>
    Ethernet = 1,

    /// <summary>PPP.</summary>
    Ppp = 9,

    /// <summary>Raw IP as some systems number it.</summary>
    RawBsd = 12,

    /// <summary>Raw IP as OpenBSD numbers it.</summary>
    RawOpenBsd = 14,

    /// <summary>PPP in frames like HDLC's.</summary>
    PppHdlc = 50,

    /// <summary>Raw IP, version 4 or 6.</summary>
    Raw = 101,

    /// <summary>OpenBSD loopback, protocol family in network order.</summary>
    Loop = 108,

    /// <summary>Linux cooked, version 1.</summary>
    LinuxCooked = 113,

    /// <summary>Raw IPv4.</summary>
    IPv4 = 228,

    /// <summary>Raw IPv6.</summary>
    IPv6 = 229,

    /// <summary>Linux cooked, version 2.</summary>
    LinuxCooked2 = 276,
}
