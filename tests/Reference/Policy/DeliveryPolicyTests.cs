using BlackPony.Reference.Policy;

namespace BlackPony.Tests.Reference.Policy;

/// <summary>What a client does next, by whether it must encrypt and whether there are more servers.</summary>
public class DeliveryPolicyTests
{
    [Theory]
    [InlineData(false, false, "Plaintext", "Reconnect")]
    [InlineData(false, true, "Plaintext", "Reconnect")]
    [InlineData(true, false, "Defer", "Defer")]
    [InlineData(true, true, "NextServer", "NextServer")]
    public void No_plaintext_where_it_is_forbidden( // [BP-9.1-2], [BP-9.1-5], [BP-9.2-1] to [BP-9.2-4]
        bool mustEncrypt, bool hasMore, string withoutUpgrade, string broken) => Assert.Equal(
            (withoutUpgrade, broken),
            ($"{DeliveryPolicy.WithoutUpgrade(mustEncrypt, hasMore)}", $"{DeliveryPolicy.Broken(mustEncrypt, hasMore)}"));
}
