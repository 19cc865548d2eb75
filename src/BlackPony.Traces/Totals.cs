using BlackPony.Traces.Sessions;

namespace BlackPony.Traces;

/// <summary>Sums over all files.</summary>
public sealed class Totals
{
    /// <summary>Packets.</summary>
    public long Packets { get; internal set; }

    /// <summary>Octets of the packets, as far as captured.</summary>
    public long Octets { get; internal set; }

    /// <summary>SMTP sessions.</summary>
    public long Sessions { get; internal set; }

    /// <summary>Messages.</summary>
    public long Messages { get; internal set; }

    /// <summary>Sessions upgraded by STARTTLS.</summary>
    public long StartTls { get; internal set; }

    /// <summary>Sessions in TLS from the first octet.</summary>
    public long Tls { get; internal set; }

    /// <summary>Sessions upgraded by BlackPony.</summary>
    public long BlackPony { get; internal set; }

    /// <summary>Gaps.</summary>
    public long Gaps { get; internal set; }

    /// <summary>Findings of every level.</summary>
    public long Findings { get; internal set; }

    /// <summary>The highest level found; null if nothing was.</summary>
    public FindingLevel? Highest { get; private set; }

    internal void Add(Finding finding)
    {
        Findings++;
        Highest = Highest is null || finding.Level > Highest ? finding.Level : Highest;
    }
}
