using System.Text;
using BlackPony.Reference.Suites;

namespace BlackPony.Tests.Reference.Suites;

/// <summary>Canonical base64 (spec 5.1), with known answers.</summary>
public class Base64ShareTests
{
    [Theory]
    [InlineData("AAAA", true)]
    [InlineData("AAA=", true)]
    [InlineData("AAB=", false)]
    [InlineData("AAA", false)]
    [InlineData("AA AA", false)]
    [InlineData("AAAA\n", false)]
    [InlineData("AAAA====", false)]
    public void Base64_is_canonical_or_nothing(string text, bool good) =>
        Assert.Equal(good, Base64Share.TryDecode(Encoding.ASCII.GetBytes(text), out _));
}
