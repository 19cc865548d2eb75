using System.Security.Cryptography;

namespace BlackPony.Reference;

/// <summary>Where random octets come from; the order of draws is [BP-B-1], and no switch but this argument brings another source ([BP-B-2]).</summary>
public interface IRandomSource
{
    /// <summary>One draw: fills a span with random octets.</summary>
    /// <exception cref="RandomnessUnavailableException">There is no randomness ([BP-5.1-14], [BP-5.1-15]).</exception>
    void Fill(Span<byte> octets);
}

/// <summary>The operating system's source.</summary>
public sealed class SystemRandom : IRandomSource
{
    /// <inheritdoc/>
    public void Fill(Span<byte> octets)
    {
        try
        {
            RandomNumberGenerator.Fill(octets);
        }
        catch (CryptographicException e)
        {
            throw new RandomnessUnavailableException(e);
        }
    }
}

/// <summary>The source of randomness failed.</summary>
public sealed class RandomnessUnavailableException : Exception
{
    /// <summary>Makes the exception.</summary>
    public RandomnessUnavailableException()
        : base("No randomness is available.")
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public RandomnessUnavailableException(Exception cause)
        : base("No randomness is available.", cause)
    {
    }
}
