using BlackPony.Reference.Keys;

namespace BlackPony.Tests.Reference.Keys;

/// <summary>An IDENT key is 32 octets (RFC 8032 5.1.5), and nothing else passes for one, nor for its signature (spec 6.5).</summary>
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

    [Fact]
    public void An_ident_with_an_altered_signature_is_refused()
    {
        var th = new byte[32];
        var data = Ident.Create([new IdentKey(new byte[32]), new IdentKey([1, .. new byte[31]])], th);
        Assert.Equal(2, Ident.Verify(data, th)!.Count);
        data[^1] ^= 1;
        Assert.Null(Ident.Verify(data, th));
        Assert.Null(Ident.Verify(data.AsSpan(0, 95), th));
    }
}
