using System.Security.Cryptography;

namespace BlackPony.Reference;

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
