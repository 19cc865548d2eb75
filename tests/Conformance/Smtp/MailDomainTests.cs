using BlackPony.Reference.Smtp;

namespace BlackPony.Tests.Conformance.Smtp;

public class MailDomainTests
{
    [Theory]
    [InlineData("B.Test.", "b.test")]
    [InlineData("m\u00fcller.test", "xn--mller-kva.test")]
    [InlineData("[192.0.2.1]", "[192.0.2.1]")]
    [InlineData("[IPv6:2001:DB8::1]", "[2001:db8::1]")]
    [InlineData("", null)]
    [InlineData("a b", null)]
    [InlineData("a..b", null)]
    [InlineData("192.0.2.1", null)]
    [InlineData("[b.test]", null)]
    [InlineData("[IPv6:192.0.2.1]", null)]
    public void A_domain_has_one_form(string text, string? canonical) => Assert.Equal(canonical, MailDomain.Canonical(text)); // [BP-10.5-5]
}
