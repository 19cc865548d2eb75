using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Reference.Policy;

/// <summary>Whose a server is, which limits how many servers are remembered of one owner ([BP-9.4-15]).</summary>
public class ServerOwnerTests
{
    [Theory]
    [InlineData("test", "test")]
    [InlineData("b.test", "b.test")]
    [InlineData("mx.b.test", "b.test")]
    [InlineData("a.very.long.name.b.test", "b.test")]
    public void A_name_is_its_last_two_labels(string name, string owner) => Assert.Equal(owner, Owner(name));

    [Theory]
    [InlineData("co.uk", "co.uk")]
    [InlineData("b.co.uk", "b.co.uk")]
    [InlineData("mx.b.co.uk", "b.co.uk")]
    [InlineData("1.mx.b.com.au", "b.com.au")]
    [InlineData("mx.b.c.de", "b.c.de")]
    public void A_name_is_its_last_three_labels_where_the_second_is_that_of_a_registry(string name, string owner) =>
        Assert.Equal(owner, Owner(name));

    [Theory]
    [InlineData("mx.b.mail.uk", "mail.uk")]
    [InlineData("mx.b.co.net", "co.net")]
    [InlineData("mx.b.co.u", "co.u")]
    public void A_longer_second_label_is_not_that_of_a_registry(string name, string owner) => Assert.Equal(owner, Owner(name));

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.254")]
    [InlineData("2001:db8:1:2::3", "2001:db8:1:ffff:abcd::a")]
    [InlineData("2001:db8:1::a", "2001:db8:1:ffff::b")]
    public void An_address_is_its_network(string one, string other) => Assert.Equal(Owner(one), Owner(other));

    [Theory]
    [InlineData("192.0.2.1", "192.0.3.1")]
    [InlineData("192.0.2.1", "193.0.2.1")]
    [InlineData("2001:db8:1::a", "2001:db8:2::a")]
    [InlineData("2001:db8:1::a", "2001:db8:101::a")]
    public void Another_network_is_another_owner(string one, string other) => Assert.NotEqual(Owner(one), Owner(other));

    [Theory]
    [InlineData("mx.b.test1", "b.test1")]
    [InlineData("a.mail.x2", "mail.x2")]
    [InlineData("", "")]
    public void A_name_that_ends_with_a_digit_is_no_address(string name, string owner) => Assert.Equal(owner, Owner(name));

    private static string Owner(string name) => ServerOwner.Of(name).ToString();
}
