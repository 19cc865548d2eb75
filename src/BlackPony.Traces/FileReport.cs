using BlackPony.Traces.Sessions;

namespace BlackPony.Traces;

/// <summary>A file that was inspected.</summary>
public sealed class FileReport(string name)
{
    /// <summary>Its name as given.</summary>
    public string Name => name;

    /// <summary>Its format: <c>pcap</c>, <c>pcapng</c> or <c>transcript</c>; null if it is none of them.</summary>
    public string? Format { get; internal set; }

    /// <summary>Why it was not read; null if it was.</summary>
    public string? Unreadable { get; internal set; }

    /// <summary>Whether it was read so far that it is seen to be something else.</summary>
    public bool IsForeign { get; internal set; }

    /// <summary>Packets.</summary>
    public long Packets { get; internal set; }

    /// <summary>Octets of the packets.</summary>
    public long Octets { get; internal set; }

    /// <summary>What was found about the file itself.</summary>
    public List<Finding> Findings { get; } = [];
}
