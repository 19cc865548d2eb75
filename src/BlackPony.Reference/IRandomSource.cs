namespace BlackPony.Reference;

/// <summary>
/// Where random octets come from; the order of draws is [BP-B-1], and no switch but this argument brings another source ([BP-B-2]).
/// </summary>
public interface IRandomSource
{
    /// <summary>One draw: fills a span with random octets.</summary>
    /// <exception cref="RandomnessUnavailableException">There is no randomness ([BP-5.1-14], [BP-5.1-15]).</exception>
    void Fill(Span<byte> octets);
}
