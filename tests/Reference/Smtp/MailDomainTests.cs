using BlackPony.Reference;


namespace BlackPony.Tests.Reference.Smtp;

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
    [InlineData("mx.123", null)]
    [InlineData("123", null)]
    [InlineData("mx.12a", "mx.12a")]
    [InlineData("4.3.2.in-addr.arpa", "4.3.2.in-addr.arpa")]
    [InlineData("a_b-c.test", "a_b-c.test")]
    [InlineData("a:b.test", null)]
    [InlineData(".test", null)]
    [InlineData("[192.0.2.1", null)]
    [InlineData("192.0.2.1]", null)]
    public void A_domain_has_one_form(string text, string? canonical) => Assert.Equal(canonical, MailDomain.Canonical(text)); // [BP-10.5-5]

    [Fact]
    public void Labels_and_domains_have_a_longest_length() // RFC 1035 2.3.4
    {
        var label = new string('a', 63);
        Assert.Equal(label, MailDomain.Canonical(label));
        Assert.Null(MailDomain.Canonical(label + "a"));
        Assert.Null(MailDomain.Canonical($"b.{label}a.test"));
        Assert.NotNull(MailDomain.Canonical($"{label}.{label}.{label}.{label[..61]}"));
        Assert.Null(MailDomain.Canonical($"{label}.{label}.{label}.{label[..62]}"));
    }
}
