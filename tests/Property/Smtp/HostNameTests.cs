using BlackPony.Reference;

namespace BlackPony.Tests.Property.Smtp;

/// <summary>What is a host name, and what reads as an address.</summary>
public class HostNameTests
{
    [Theory]
    [InlineData("mx.example")]
    [InlineData("localhost")]
    [InlineData("MX-1.b.test")]
    [InlineData("mx_1.b.test")]
    [InlineData("4.3.2.in-addr.arpa")]
    [InlineData("xn--bcher-kva.test")]
    [InlineData("1a.0x1g")]
    public void A_host_name_is_one(string name) => Assert.True(HostName.IsValid(name)); // [BP-10.4-18]

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("mx.")]
    [InlineData(".mx")]
    [InlineData("a..b")]
    [InlineData("-mx.test")]
    [InlineData("mx-.test")]
    [InlineData("192.0.2.1")]
    [InlineData("2130706454")]
    [InlineData("0x7f000001")]
    [InlineData("mx.0X")]
    [InlineData("mx.123")]
    [InlineData("2001:db8::5%a b")]
    [InlineData("mx test")]
    [InlineData("mx\t")]
    [InlineData("mx\\046test")]
    [InlineData("[192.0.2.1]")]
    [InlineData("bücher.test")]
    public void Anything_else_is_none(string name) => Assert.False(HostName.IsValid(name)); // [BP-10.4-18]

    [Fact]
    public void Labels_and_names_have_a_longest_length() // [BP-10.4-18]
    {
        var label = new string('a', 63);
        Assert.True(HostName.IsValid($"{label}.test"));
        Assert.False(HostName.IsValid($"a{label}.test"));
        Assert.True(HostName.IsValid($"{label}.{label}.{label}.{label[..61]}"));
        Assert.False(HostName.IsValid($"{label}.{label}.{label}.{label[..62]}"));
    }

    [Theory]
    [InlineData("[192.0.2.1]", "[192.0.2.1]")]
    [InlineData("[IPv6:2001:DB8::1]", "[2001:db8::1]")]
    [InlineData("[ipv6:::ffff:192.0.2.1]", "[::ffff:192.0.2.1]")]
    [InlineData("[1.2.3]", null)]
    [InlineData("[1..2.3]", null)]
    [InlineData("[1.2.3.]", null)]
    [InlineData("[010.0.0.1]", null)]
    [InlineData("[0x7f.0.0.1]", null)]
    [InlineData("[1.2.3.256]", null)]
    [InlineData("[1.2.3.4 ]", null)]
    [InlineData("[IPv6:::1%lo]", null)]
    [InlineData("[IPv6:[::1]]", null)]
    [InlineData("[IPv6:[::1]:25]", null)]
    [InlineData("[IPv6:192.0.2.1]", null)]
    [InlineData("[::1]", null)]
    [InlineData("[]", null)]
    [InlineData("[", null)]
    [InlineData("a\ufffd.test", null)]
    public void An_address_literal_has_one_form(string text, string? canonical) => Assert.Equal(canonical, MailDomain.Canonical(text));
}
