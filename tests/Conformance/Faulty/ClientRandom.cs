using System.Security.Cryptography;
using BlackPony.Reference;

namespace BlackPony.Tests.Conformance.Faulty;

/// <summary>A source of randomness that repeats itself.</summary>
/// <param name="length">The length of the draws that are the same each time; 0 for all.</param>
internal sealed class ClientRandom(int length = 0) : IRandomSource
{
    public void Fill(Span<byte> span)
    {
        if (length == 0 || span.Length == length)
        {
            span.Fill(0x42);
        }
        else
        {
            RandomNumberGenerator.Fill(span);
        }
    }
}

/// <summary>The random draws of RSA-BLOWFISH's client, of which the second, its half of the session key, is always the same.</summary>
internal sealed class ClientHalf(IRandomSource real) : IRandomSource
{
    private int _draws;

    public void Fill(Span<byte> span)
    {
        real.Fill(span);
        if (++_draws == 2)
        {
            span.Fill(0x42);
        }
    }
}
