namespace BlackPony.Reference.Policy;

/// <summary>What became of a session (spec 11.1).</summary>
public sealed record SessionReport
{
    internal SessionReport()
    {
    }

    /// <summary>The peer: a host name or address, with its port.</summary>
    public string Peer { get; internal init; } = "";

    /// <summary>The suite that the session used; null in plaintext.</summary>
    public string? Suite { get; internal init; }

    /// <summary>
    /// Whether records were in use; false under ROT ([BP-5.5-10], [BP-11.1-2]). It says nothing of who the server is ([BP-4.7-4]).
    /// </summary>
    public bool Encrypted { get; internal init; }

    /// <summary>Why it fell back or was deferred, one of the words of spec 11.1; null if it did not.</summary>
    public string? Reason { get; internal init; }

    /// <summary>
    /// Whether the session is less than what the server offered: plaintext after a broken upgrade ([BP-9.2-5]), or another suite after a
    /// 504 ([BP-9.2-10]).
    /// </summary>
    public bool Downgrade { get; internal init; }

    /// <summary>
    /// The server that was forgotten because it failed to show itself for too long ([BP-9.4-10]), by host and port; null if none was.
    /// </summary>
    public string? Forgotten { get; internal init; }

    /// <summary>The server for which the memory has no room ([BP-9.4-17]), by host and port; null if there is none.</summary>
    public string? Unremembered { get; internal init; }

    /// <summary>Whether the mail was deferred.</summary>
    public bool Deferred { get; internal init; }

    /// <summary>
    /// How it closed, one of the words of spec 11.1: a missing close after 221 shows here and nowhere else ([BP-8.2-4]).
    /// </summary>
    public string Closed { get; internal init; } = "lost";

    /// <summary>What somebody should be told of ([BP-9.2-5], [BP-9.2-10], [BP-9.4-10]).</summary>
    public IEnumerable<string> Warnings
    {
        get
        {
            if (Forgotten is not null)
            {
                yield return $"forgotten: {Forgotten} has not offered encryption for {Limits.MemoryPatience.TotalHours} hours, and may "
                    + "get plaintext from now on";
            }

            if (Unremembered is not null)
                yield return $"not remembered: the memory has no room for {Unremembered}, which may get plaintext next time";

            var lost = Suite is null ? "offers or offered encryption, and the mail went in plaintext"
                : $"refused a suite that it had offered, and the mail went under {Suite}";
            if (Downgrade)
                yield return $"downgrade: {Peer} {lost}";
        }
    }
}
