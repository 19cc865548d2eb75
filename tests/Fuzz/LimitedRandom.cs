using BlackPony.Reference;

namespace BlackPony.Fuzz;

/// <summary>The same random octets in every run; after a number of draws there is none any more.</summary>
/// <param name="draws">How many draws succeed.</param>
public sealed class LimitedRandom(int draws = int.MaxValue) : IRandomSource
{
    private readonly Random _random = new(1997);

    /// <inheritdoc/>
    public void Fill(Span<byte> octets)
    {
        if (draws-- <= 0)
        {
            throw new RandomnessUnavailableException();
        }

        _random.NextBytes(octets);
    }
}
