using BlackPony.Reference.Keys;

namespace BlackPony.Tests.Conformance.Keys;

/// <summary>An IDENT key is 32 octets (RFC 8032 5.1.5), and nothing else passes for one.</summary>
public class IdentKeyTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(31)]
    [InlineData(33)]
    [InlineData(64)]
    public void A_private_key_of_another_length_is_refused(int length)
    {
        var refused = Assert.Throws<ArgumentException>(() => new IdentKey(new byte[length]));
        Assert.Contains("32 octets", refused.Message, StringComparison.Ordinal);
    }
}
